//! Reasons that stop new holds.

use ledger::balance::FreezeReason;

use crate::rows::check;

#[test]
fn an_account_is_frozen_while_any_reason_stands() {
    check(
        "
                                            | freeze dispute    | frozen: dispute; entries: none
        freeze dispute                      | freeze quarantine | frozen: dispute and quarantine
        freeze dispute                      | freeze dispute    | frozen: dispute
        freeze dispute, freeze quarantine   | unfreeze dispute  | frozen: quarantine
        freeze dispute                      | unfreeze dispute  | frozen: no
        freeze dispute                      | unfreeze admin    | frozen: dispute
                                            | unfreeze closed   | frozen: no
        freeze admin                        | freeze closed     | frozen: closed and admin
        pack 5, freeze dispute, freeze admin, unfreeze admin   | hold 1 as a | refused: the account is frozen
        pack 5, freeze dispute, unfreeze dispute               | hold 5 as a | 0 = pack 0/5
        ",
    );
}

#[test]
fn freezing_moves_no_credits() {
    check(
        "
        plan 10 until 1d, pack 5, hold 12 as a | freeze admin | 3 = plan 0/10 until 1d + pack 3/5; entries: none
        ",
    );
}

#[test]
fn a_reason_is_one_of_four_words() {
    use FreezeReason::{Admin, Closed, Dispute, Quarantine};
    for reason in [Dispute, Quarantine, Closed, Admin] {
        assert_eq!(reason.to_string().parse(), Ok(reason));
    }
    for text in ["", "Dispute", "disputed", " admin"] {
        assert!(text.parse::<FreezeReason>().is_err(), "`{text}`");
    }
}

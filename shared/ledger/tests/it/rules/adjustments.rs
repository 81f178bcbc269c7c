//! Balances moved by hand.

use jiff::SignedDuration;
use ledger::{
    Credits,
    change::Condition,
    command::{Action, Adjustment, Grant},
    decide::decide,
};

use crate::{
    bank::{Bank, DAY_ZERO, credits},
    rows::check,
};

#[test]
fn a_balance_is_set_to_a_number() {
    check(
        "
        pack 10                            | adjust to 25 | 25 = adjustment 15/15 + pack 10/10; entries: adjustment 15
        pack 10                            | adjust to 4  | 4 = pack 4/10; entries: adjustment -6
        pack 10                            | adjust to 0  | 0 = pack 0/10; entries: adjustment -10
        pack 10                            | adjust to 10 | 10 = pack 10/10; entries: none
        pack 10                            | adjust to -1 | refused: the amount must be above zero; 10 = pack 10/10
        pack 10, hold 4 as a               | adjust to 10 | 10 = adjustment 4/4 + pack 6/10; entries: adjustment 4
        pack 10, hold 4 as a, adjust to 10 | release a    | 14 = adjustment 4/4 + pack 10/10
        pack 10                            | adjust to 1_000_000_000_000 | 1000000000000 = adjustment 999999999990/999999999990 + pack 10/10
        ",
    );
}

#[test]
fn a_balance_is_moved_by_a_number_but_not_below_zero() {
    check(
        "
        pack 10            | adjust by 5   | 15 = adjustment 5/5 + pack 10/10; entries: adjustment 5
        pack 10            | adjust by -10 | 0 = pack 0/10; entries: adjustment -10
        pack 10            | adjust by -11 | refused: credits short: 11 needed and 10 available; 10 = pack 10/10
        pack 10            | adjust by 0   | 10 = pack 10/10; entries: none
                           | adjust by -1  | refused: credits short: 1 needed and 0 available
        pack 10            | adjust by 1_000_000_000_000 | refused: amount is outside the limit of 1000000000000 credits
        pack 10, adjust by 5 | adjust by 5 | 20 = adjustment 10/10 + pack 10/10
        pack 10, adjust by 5 | again       | 15 = adjustment 5/5 + pack 10/10; entries: none
        ",
    );
}

#[test]
fn a_balance_is_lowered_as_far_as_there_are_credits() {
    check(
        "
        pack 10              | adjust by at most -9  | 1 = pack 1/10; entries: adjustment -9
        pack 10              | adjust by at most -10 | 0 = pack 0/10; entries: adjustment -10
        pack 10              | adjust by at most -11 | 0 = pack 0/10; entries: adjustment -10
        pack 10              | adjust by at most 5   | 15 = adjustment 5/5 + pack 10/10
                             | adjust by at most -5  | 0 = nothing; entries: none
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | adjust by at most -5 | -9 = pack 0/0; entries: none
        ",
    );
}

#[test]
fn an_adjustment_pays_a_debt_first() {
    check(
        "
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | adjust by 4  | -5 = adjustment 0/4 + pack 0/0; entries: adjustment 4
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | adjust by 10 | 1 = adjustment 1/10 + pack 0/0
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | adjust to 0  | 0 = adjustment 0/9 + pack 0/0; entries: adjustment 9
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | adjust to 5  | 5 = adjustment 5/14 + pack 0/0; entries: adjustment 14
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | adjust by -1 | refused: credits short: 1 needed and -9 available
        ",
    );
}

#[test]
fn an_adjustment_under_a_key_happens_once_and_is_what_it_was() {
    check(
        "
        pack 10                              | adjust by 5 under k  | 15 = adjustment 5/5 + pack 10/10; entries: adjustment 5
        pack 10, adjust by 5 under k         | adjust by 5 under k  | 15 = adjustment 5/5 + pack 10/10; entries: none
        pack 10, adjust by 5 under k         | adjust by 5 under l  | 20 = adjustment 10/10 + pack 10/10
        pack 10, adjust by 5 under k         | adjust by 6 under k  | refused: this grant key was used for another account or amount; 15 = adjustment 5/5 + pack 10/10
        pack 10, adjust by 5 under k         | adjust to 15 under k | refused: this grant key was used for another account or amount; 15 = adjustment 5/5 + pack 10/10
        pack 10, adjust by at most -50 under k | adjust by -10 under k | refused: this grant key was used for another account or amount; 0 = pack 0/10
        pack 10, adjust to 4 under k, pack 6 | adjust to 4 under k  | 10 = pack 4/10 + pack 6/6; entries: none
        pack 10, adjust to 10 under k, pack 6 | adjust to 10 under k | 16 = pack 10/10 + pack 6/6; entries: none
        pack 10, adjust by at most -50 under k, pack 6 | adjust by at most -50 under k | 6 = pack 0/10 + pack 6/6; entries: none
        pack 10                              | adjust by -11 under k | refused: credits short: 11 needed and 10 available; 10 = pack 10/10
        ",
    );
}

/// What the commit asks of the balance: nothing where the movement does not depend on it, so
/// that running calls do not stand in the way; exactness where the movement was computed from it.
#[test]
fn only_a_movement_computed_from_the_balance_waits_for_it() {
    let mut bank = Bank::opened();
    let grant = |amount, days: i64| {
        let expires_at = DAY_ZERO.checked_add(SignedDuration::from_hours(24 * days)).ok();
        let (key, source, note) = (None, ledger::bucket::Source::Manual, None);
        Action::Grant(Grant { key, source, amount: credits(amount), expires_at, note })
    };
    let adjust = |adjustment| Action::Adjust { adjustment, reason: None, key: None };
    let first = bank.command(grant(10, 1));
    bank.submit(&first).unwrap();
    let ten = Condition::Exactly(credits(10));
    let rows = [
        // action, condition, condition once the bucket of 10 has expired
        (grant(5, 9), Condition::None, ten),
        (adjust(Adjustment::By(credits(5))), Condition::None, ten),
        (adjust(Adjustment::By(credits(-5))), Condition::AtLeast(credits(5)), ten),
        (adjust(Adjustment::ByAtMost(credits(-5))), ten, ten),
        (adjust(Adjustment::To(credits(5))), ten, ten),
        (adjust(Adjustment::To(Credits::ZERO)), ten, ten),
        (Action::Expire, Condition::None, ten),
    ];
    let after = DAY_ZERO.checked_add(SignedDuration::from_hours(24)).unwrap();
    let pack = bank.command(Action::Grant(Grant {
        key: None,
        source: ledger::bucket::Source::Pack,
        amount: credits(5),
        expires_at: None,
        note: None,
    }));
    let mut richer = bank.clone();
    richer.submit(&pack).unwrap();
    let fifteen = Condition::Exactly(credits(15));
    for (action, before_expiry, after_expiry) in rows {
        let command = bank.command(action);
        let change = decide(&bank.table.account, &command, DAY_ZERO).unwrap();
        assert_eq!(change.condition, before_expiry, "{command:?}");
        let change = decide(&richer.table.account, &command, after).unwrap();
        assert_eq!(after_expiry, ten);
        assert_eq!(change.condition, fifteen, "{command:?} with an expiry");
    }
}

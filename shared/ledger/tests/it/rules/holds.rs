//! What can be held, and why not.

use std::collections::BTreeSet;

use ledger::{
    Rejection,
    balance::{Balance, FreezeReason, Obstacle},
};

use crate::{
    bank::{DAY_ZERO, credits},
    rows::check,
};

#[test]
fn a_hold_takes_what_there_is_and_not_a_credit_more() {
    check(
        "
        pack 10 | hold 10 as a | 0 = pack 0/10; entries: hold -10; cost of a: not known yet
        pack 10 | hold 9 as a  | 1 = pack 1/10; entries: hold -9
        pack 10 | hold 11 as a | refused: credits short: 11 needed and 10 available; 10 = pack 10/10
        pack 10 | hold 0 as a  | 10 = pack 10/10; entries: hold 0
                | hold 0 as a  | 0 = nothing; entries: hold 0
                | hold 1 as a  | refused: credits short: 1 needed and 0 available; 0 = nothing

        pack 1_000_000_000_000 | hold 1_000_000_000_000 as a | 0 = pack 0/1000000000000
        pack 999_999_999_999   | hold 1_000_000_000_000 as a | refused: credits short: 1000000000000 needed and 999999999999 available
        ",
    );
}

#[test]
fn the_same_hold_asked_again_takes_nothing_more() {
    check(
        "
        pack 10, hold 10 as a                 | again | 0 = pack 0/10; entries: none
        pack 10, hold 4 as a                  | again | 6 = pack 6/10; entries: none
        pack 10, hold 4 as a, freeze admin    | again | 6 = pack 6/10; entries: none
        ",
    );
}

#[test]
fn nothing_is_held_before_an_account_is_opened() {
    check(
        "
        nobody has opened it              | hold 0 as a  | refused: the account does not exist; 0 = nothing
        nobody has opened it, open with 5 | hold 5 as a  | 0 = signup 0/5; entries: hold -5
        ",
    );
}

#[test]
fn nothing_is_held_while_a_debt_stands() {
    check(
        "
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | hold 0 as b | refused: credits short: 0 needed and -9 available
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p, manual 9 | hold 0 as b | 0 = manual 0/9 + pack 0/0; entries: hold 0
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p, manual 10 | hold 2 as b | refused: credits short: 2 needed and 1 available
        ",
    );
}

#[test]
fn expired_credits_are_never_held() {
    check(
        "
        plan 10 until 1d, wait 86399s     | hold 10 as a | 0 = plan 0/10 until 1d; entries: hold -10
        plan 10 until 1d, wait 1d         | hold 1 as a  | refused: credits short: 1 needed and 0 available; entries: expiry of plan -10
        plan 10 until 1d, pack 5, wait 1d | hold 5 as a  | 0 = pack 0/5; entries: expiry of plan -10, hold -5
        plan 10 until 1d, pack 5, wait 1d | hold 6 as a  | refused: credits short: 6 needed and 5 available; entries: expiry of plan -10
        plan 10 until 1d, pack 5, wait 1d | hold 0 as a  | 5 = pack 5/5; entries: expiry of plan -10, hold 0
        ",
    );
}

#[test]
fn a_frozen_account_holds_nothing_whatever_it_has() {
    check(
        "
        pack 10, freeze dispute                  | hold 1 as a  | refused: the account is frozen; 10 = pack 10/10
        pack 10, freeze dispute                  | hold 0 as a  | refused: the account is frozen
        pack 10, freeze admin                    | hold 11 as a | refused: the account is frozen
        plan 10 until 1d, freeze closed, wait 1d | hold 1 as a  | refused: the account is frozen; entries: none
        ",
    );
}

/// The precedence of reasons: frozen, then a due expiry, then a shortage. A shortage is named
/// only with numbers from which expired credits are gone.
#[test]
fn of_several_obstacles_the_first_that_counts_is_named() {
    let frozen = BTreeSet::from([FreezeReason::Admin]);
    let refused_frozen = Obstacle::Refused(Rejection::AccountFrozen { reasons: frozen.clone() });
    let short = Obstacle::Refused(Rejection::InsufficientCredits {
        required: credits(6),
        available: credits(5),
    });
    let no_reason = BTreeSet::new;
    let just_now = Some(DAY_ZERO);
    let later = DAY_ZERO.checked_add(jiff::SignedDuration::from_nanos(1)).ok();
    let rows = [
        // required, frozen, next expiry, what stands in the way
        (5, no_reason(), None, None),
        (5, no_reason(), later, None),
        (6, no_reason(), None, Some(short.clone())),
        (6, no_reason(), later, Some(short)),
        (5, no_reason(), just_now, Some(Obstacle::ExpiryDue)),
        (6, no_reason(), just_now, Some(Obstacle::ExpiryDue)),
        (5, frozen.clone(), None, Some(refused_frozen.clone())),
        (6, frozen, just_now, Some(refused_frozen)),
    ];
    for (required, frozen, next_expiry, obstacle) in rows {
        let balance = Balance { available: credits(5), next_expiry, frozen, revision: 1 };
        assert_eq!(balance.obstacle(credits(required), DAY_ZERO), obstacle, "{balance:?}");
    }
}

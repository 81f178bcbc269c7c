//! How holds end.

use crate::rows::check;

#[test]
fn a_call_costs_what_was_charged_and_the_rest_comes_back() {
    check(
        "
        pack 10, hold 6 as a | settle a at 6  | 4 = pack 4/10; entries: outcome 0; cost of a: 6
        pack 10, hold 6 as a | settle a at 5  | 5 = pack 5/10; entries: outcome 1; cost of a: 5
        pack 10, hold 6 as a | settle a at 0  | 10 = pack 10/10; entries: outcome 6; cost of a: 0
        pack 10, hold 0 as a | settle a at 0  | 10 = pack 10/10; entries: outcome 0; cost of a: 0
        pack 10, hold 6 as a | settle a at 7  | refused: a charge of 7 is not within the 6 credits held; 4 = pack 4/10; cost of a: not known yet
        pack 10, hold 6 as a | settle a at -1 | refused: a charge of -1 is not within the 6 credits held; 4 = pack 4/10
        pack 10, hold 0 as a | settle a at 1  | refused: a charge of 1 is not within the 0 credits held
        ",
    );
}

#[test]
fn a_call_that_was_not_delivered_costs_nothing() {
    check(
        "
        pack 10, hold 6 as a           | release a | 10 = pack 10/10; entries: outcome 6; cost of a: 0
        pack 10, hold 6 as a, wait 20m | expire a  | 10 = pack 10/10; entries: outcome 6; cost of a: 0
        pack 10, hold 0 as a           | release a | 10 = pack 10/10; entries: outcome 0; cost of a: 0
        ",
    );
}

#[test]
fn a_hold_ends_once_and_the_first_end_stands() {
    check(
        "
        pack 10, hold 6 as a, settle a at 4 | settle a at 4 | 6 = pack 6/10; entries: none; cost of a: 4
        pack 10, hold 6 as a, settle a at 4 | settle a at 6 | 6 = pack 6/10; entries: none; cost of a: 4
        pack 10, hold 6 as a, settle a at 4 | release a     | refused: the hold was settled and cannot be released; 6 = pack 6/10
        pack 10, hold 6 as a, settle a at 6 | release a     | refused: the hold was settled and cannot be released; 4 = pack 4/10
        pack 10, hold 6 as a, settle a at 4 | expire a      | 6 = pack 6/10; entries: none; cost of a: 4
        pack 10, hold 6 as a, release a     | settle a at 4 | refused: the hold was released and cannot be settled; 10 = pack 10/10; cost of a: 0
        pack 10, hold 6 as a, release a     | settle a at 6 | refused: the hold was released and cannot be settled; 10 = pack 10/10; cost of a: 0
        pack 10, hold 6 as a, release a     | release a     | 10 = pack 10/10; entries: none
        pack 10, hold 6 as a, release a     | expire a      | 10 = pack 10/10; entries: none
        pack 10, hold 6 as a, expire a      | release a     | 10 = pack 10/10; entries: none
        pack 10, hold 6 as a, expire a      | expire a      | 10 = pack 10/10; entries: none
        pack 10, hold 6 as a, expire a      | settle a at 7 | refused: a charge of 7 is not within the 6 credits held; 10 = pack 10/10
        ",
    );
}

#[test]
fn a_settle_after_the_expiry_is_charged_late_and_once() {
    check(
        "
        pack 10, hold 6 as a, expire a                | settle a at 4 | 6 = pack 6/10; entries: charge -4; cost of a: 4
        pack 10, hold 6 as a, expire a                | settle a at 6 | 4 = pack 4/10; entries: charge -6; cost of a: 6
        pack 10, hold 6 as a, expire a                | settle a at 0 | 10 = pack 10/10; entries: charge 0; cost of a: 0
        pack 10, hold 6 as a, expire a, settle a at 4 | settle a at 4 | 6 = pack 6/10; entries: none; cost of a: 4
        pack 10, hold 6 as a, expire a, settle a at 4 | settle a at 6 | 6 = pack 6/10; entries: none; cost of a: 4
        pack 10, hold 6 as a, expire a, settle a at 4 | release a     | 6 = pack 6/10; entries: none; cost of a: 4
        ",
    );
}

#[test]
fn a_late_charge_may_leave_a_debt_of_at_most_itself() {
    check(
        "
        pack 10, hold 10 as a, expire a, hold 10 as b                         | settle a at 10 | -10 = pack 0/10; entries: charge -10
        pack 10, hold 10 as a, expire a, hold 7 as b                          | settle a at 10 | -7 = pack 0/10
        pack 10, hold 10 as a, expire a, hold 10 as b, settle a at 10         | release b      | 0 = pack 0/10
        pack 10, hold 10 as a, expire a, hold 7 as b, settle a at 10          | release b      | 0 = pack 0/10
        pack 10, hold 10 as a, expire a, hold 10 as b, settle a at 4, pack 20 | release b      | 26 = pack 6/10 + pack 20/20
        ",
    );
}

#[test]
fn a_hold_that_was_never_placed_is_not_given_back() {
    check(
        "
        pack 10, lose a hold of 6 as a | release a     | refused: the hold does not exist; 10 = pack 10/10
        pack 10, lose a hold of 6 as a | expire a      | refused: the hold does not exist; 10 = pack 10/10
        pack 10, lose a hold of 6 as a | settle a at 4 | refused: the hold does not exist; 10 = pack 10/10
        ",
    );
}

#[test]
fn a_frozen_account_still_ends_its_calls() {
    check(
        "
        pack 10, hold 6 as a, freeze dispute           | settle a at 4 | 6 = pack 6/10; cost of a: 4; frozen: dispute
        pack 10, hold 6 as a, freeze closed            | release a     | 10 = pack 10/10
        pack 10, hold 6 as a, freeze quarantine        | expire a      | 10 = pack 10/10
        pack 10, hold 6 as a, expire a, freeze dispute | settle a at 4 | 6 = pack 6/10; cost of a: 4
        ",
    );
}

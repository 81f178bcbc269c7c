//! Refunds of calls, claw-backs of payments and their reinstatement.

use crate::rows::check;

#[test]
fn a_refund_never_exceeds_what_the_call_cost() {
    check(
        "
        pack 10, hold 6 as a, settle a at 4                | refund 4 of a | 10 = pack 10/10; entries: refund 4
        pack 10, hold 6 as a, settle a at 4                | refund 5 of a | refused: the limit of 4 credits would be exceeded; 6 = pack 6/10
        pack 10, hold 6 as a, settle a at 4, refund 3 of a | refund 1 of a | 10 = pack 10/10
        pack 10, hold 6 as a, settle a at 4, refund 3 of a | refund 2 of a | refused: the limit of 4 credits would be exceeded; 9 = pack 9/10
        pack 10, hold 6 as a, settle a at 4, refund 4 of a | refund 1 of a | refused: the limit of 4 credits would be exceeded
        pack 10, hold 6 as a, settle a at 4, refund 2 of a | again         | 8 = pack 8/10; entries: none
        pack 10, hold 6 as a, settle a at 4                | refund 0 of a | refused: the amount must be above zero
        pack 10, hold 6 as a, settle a at 4                | refund -1 of a | refused: the amount must be above zero
        pack 10, hold 6 as a, release a                    | refund 1 of a | refused: the limit of 0 credits would be exceeded
        pack 10, hold 6 as a, expire a                     | refund 1 of a | refused: the limit of 0 credits would be exceeded
        pack 10, hold 6 as a, expire a, settle a at 4      | refund 4 of a | 10 = pack 10/10
        pack 10, hold 6 as a, expire a, settle a at 4      | refund 5 of a | refused: the limit of 4 credits would be exceeded
        ",
    );
}

#[test]
fn a_refund_goes_back_to_what_paid_for_the_call_while_there_is_room() {
    check(
        "
        plan 10 until 9d, hold 6 as a, settle a at 6                      | refund 6 of a | 10 = plan 10/10 until 9d
        plan 10 until 1d, hold 6 as a, settle a at 6, wait 1d, run expiry | refund 6 of a | 6 = restored 6/6 until 8d
        plan 10 until 1d, hold 6 as a, settle a at 6, wait 8d, run expiry | refund 6 of a | 6 = refund 6/6; next expiry: never
        plan 10 until 1d, hold 6 as a, settle a at 6, wait 8d, refund 2 of a | refund 3 of a | 5 = refund 5/5
        pack 10 as p, hold 6 as a, settle a at 6, claw back 10 of p       | refund 4 of a | -2 = pack 0/0
        pack 10 as p, hold 6 as a, settle a at 6, claw back 6 of p        | refund 6 of a | 4 = pack 4/4
        ",
    );
}

#[test]
fn a_claw_back_takes_from_its_own_payment_first() {
    check(
        "
        plan 5 until 9d, pack 10 as p          | claw back 10 of p | 5 = plan 5/5 until 9d + pack 0/0; entries: clawback -10
        plan 5 until 9d, pack 10 as p          | claw back 4 of p  | 11 = plan 5/5 until 9d + pack 6/6
        pack 10, pack 10 as p                  | claw back 10 of p | 10 = pack 10/10 + pack 0/0
        pack 10 as p, hold 3 as a, settle a at 3 | claw back 7 of p | 0 = pack 0/3
        pack 10 as p, hold 3 as a, settle a at 3, plan 5 until 9d | claw back 10 of p | 2 = plan 2/5 until 9d + pack 0/0
        ",
    );
}

#[test]
fn a_claw_back_of_what_was_spent_leaves_a_debt() {
    check(
        "
        pack 10 as p, hold 10 as a, settle a at 10                    | claw back 10 of p | -10 = pack 0/0; entries: clawback -10
        pack 10 as p, hold 10 as a, settle a at 10                    | claw back 4 of p  | -4 = pack 0/6
        pack 10 as p, hold 10 as a                                    | claw back 10 of p | -10 = pack 0/0
        pack 10 as p, hold 10 as a, claw back 10 of p                 | release a         | 0 = pack 0/0
        pack 10 as p, hold 10 as a, claw back 4 of p                  | release a         | 6 = pack 6/6
        ",
    );
}

#[test]
fn a_claw_back_never_exceeds_what_the_payment_granted() {
    check(
        "
        pack 10 as p                    | claw back 11 of p | refused: the limit of 10 credits would be exceeded; 10 = pack 10/10
        pack 10 as p, claw back 6 of p  | claw back 4 of p  | 0 = pack 0/0
        pack 10 as p, claw back 6 of p  | claw back 5 of p  | refused: the limit of 10 credits would be exceeded; 4 = pack 4/4
        pack 10 as p, claw back 6 of p  | again             | 4 = pack 4/4; entries: none
        pack 10 as p                    | claw back 0 of p  | refused: the amount must be above zero
        pack 10 as p                    | claw back -1 of p | refused: the amount must be above zero
        ",
    );
}

#[test]
fn a_payment_that_came_back_is_given_again() {
    check(
        "
        pack 10 as p, claw back 10 of p                                       | reinstate 10 of p | 10 = pack 10/10; entries: reinstatement 10
        pack 10 as p, claw back 10 of p                                       | reinstate 4 of p  | 4 = pack 4/4
        pack 10 as p, hold 10 as a, settle a at 10, claw back 10 of p         | reinstate 10 of p | 0 = pack 0/10
        pack 10 as p, hold 10 as a, settle a at 10, claw back 10 of p, pack 4 | reinstate 10 of p | 4 = pack 4/10 + pack 0/4
        pack 10 as p, claw back 10 of p, reinstate 10 of p                    | claw back 10 of p | 0 = pack 0/0
        pack 10 as p, claw back 10 of p, reinstate 10 of p                    | again             | 10 = pack 10/10; entries: none
        pack 10 as p, claw back 4 of p                                        | reinstate 5 of p  | refused: the limit of 10 credits would be exceeded; 6 = pack 6/6
        pack 10 as p                                                          | reinstate 1 of p  | refused: the limit of 10 credits would be exceeded; 10 = pack 10/10
        pack 10 as p, claw back 10 of p                                       | reinstate 0 of p  | refused: the amount must be above zero
        pack 10 as p, claw back 10 of p, freeze admin, wait 2d, pack 1        | reinstate 10 of p | 11 = restored 10/10 + pack 1/1
        ",
    );
}

#[test]
fn all_that_is_left_of_a_call_is_refunded_and_once_under_a_key() {
    check(
        "
        pack 10, hold 8 as a, settle a at 6                              | refund all of a           | 10 = pack 10/10; entries: refund 6
        pack 10, hold 8 as a, settle a at 6, refund 2 of a               | refund all of a           | 10 = pack 10/10; entries: refund 4
        pack 10, hold 8 as a, settle a at 6, refund 6 of a               | refund all of a           | refused: the limit of 6 credits would be exceeded; 10 = pack 10/10
        pack 10, hold 8 as a, release a                                  | refund all of a           | refused: the limit of 0 credits would be exceeded; 10 = pack 10/10
        pack 10, hold 8 as a, settle a at 6, refund 2 of a under k       | refund 2 of a under k     | 6 = pack 6/10; entries: none
        pack 10, hold 8 as a, settle a at 6, refund 2 of a under k       | refund 3 of a under k     | refused: this grant key was used for another account or amount; 6 = pack 6/10
        pack 10, hold 8 as a, settle a at 6, refund all of a under k     | refund all of a under k   | 10 = pack 10/10; entries: none
        pack 10, hold 8 as a, settle a at 6, refund all of a under k     | refund 6 of a under k     | refused: this grant key was used for another account or amount; 10 = pack 10/10
        pack 10, hold 4 as a, settle a at 4, hold 4 as b, settle b at 4, refund 4 of a under k | refund 4 of b under k | refused: this grant key was used for another account or amount; 6 = pack 6/10
        ",
    );
}

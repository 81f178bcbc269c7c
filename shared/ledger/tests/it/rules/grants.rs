//! How credits come in, and how an account begins.

use crate::rows::check;

#[test]
fn an_account_opens_once_with_its_sign_up_grant() {
    check(
        "
        nobody has opened it                | open with 100 | 100 = signup 100/100; entries: grant 100; next expiry: never
        nobody has opened it                | open with 0   | 0 = nothing; entries: none
        nobody has opened it, open with 100 | open with 100 | refused: the account exists already; 100 = signup 100/100
        nobody has opened it, open with 0   | open with 100 | refused: the account exists already; 0 = nothing
        nobody has opened it                | open with 1_000_000_000_000 | 1000000000000 = signup 1000000000000/1000000000000
        ",
    );
}

#[test]
fn nothing_moves_before_an_account_is_opened() {
    check(
        "
        nobody has opened it | pack 5         | refused: the account does not exist
        nobody has opened it | adjust to 5    | refused: the account does not exist
        nobody has opened it | run expiry     | refused: the account does not exist
        nobody has opened it | freeze admin   | refused: the account does not exist
        nobody has opened it | unfreeze admin | refused: the account does not exist
        ",
    );
}

#[test]
fn a_grant_is_above_zero_and_within_bounds() {
    check(
        "
               | pack 1                 | 1 = pack 1/1; entries: grant 1
               | pack 0                 | refused: the amount must be above zero
               | pack -5                | refused: the amount must be above zero
               | pack 1_000_000_000_000 | 1000000000000 = pack 1000000000000/1000000000000
        pack 1 | pack 1_000_000_000_000 | refused: amount is outside the limit of 1000000000000 credits; 1 = pack 1/1
        pack 1 | pack 999_999_999_999   | 1000000000000 = pack 1/1 + pack 999999999999/999999999999
        ",
    );
}

#[test]
fn a_grant_does_not_expire_before_it_is_made() {
    check(
        "
        wait 2d | plan 5 until 1d      | refused: the expiry is not in the future
        wait 2d | plan 5 until 2d      | refused: the expiry is not in the future
        wait 2d | plan 5 until 172801s | 5 = plan 5/5 until 2d1s; next expiry: 2d1s
        ",
    );
}

#[test]
fn the_soonest_expiry_is_the_next() {
    check(
        "
                                           | pack 5          | next expiry: never
        plan 5 until 3d                    | plan 5 until 2d | next expiry: 2d
        plan 5 until 3d, plan 5 until 2d   | pack 5          | next expiry: 2d
        ",
    );
}

#[test]
fn the_next_grant_pays_a_debt_first() {
    check(
        "
        pack 10 as p, hold 10 as a, settle a at 10, claw back 10 of p | pack 4  | -6 = pack 0/0 + pack 0/4; entries: grant 4
        pack 10 as p, hold 10 as a, settle a at 10, claw back 10 of p | pack 10 | 0 = pack 0/0 + pack 0/10
        pack 10 as p, hold 10 as a, settle a at 10, claw back 10 of p | pack 11 | 1 = pack 0/0 + pack 1/11
        pack 10 as p, hold 10 as a, settle a at 10, claw back 10 of p, pack 4 | pack 7 | 1 = pack 0/0 + pack 0/4 + pack 1/7
        pack 10, hold 10 as a, expire a, hold 10 as b, settle a at 6  | plan 9 until 1d | 3 = plan 3/9 until 1d + pack 0/10
        ",
    );
}

#[test]
fn one_fact_is_granted_once_whatever_it_is_called() {
    check(
        "
        pack 10 as p | again        | 10 = pack 10/10; entries: none
        pack 10 as p | pack 10 as p | 10 = pack 10/10; entries: none
        pack 10 as p | pack 11 as p | refused: this grant key was used for another account or amount; 10 = pack 10/10
        pack 10 as p, hold 10 as a, settle a at 10, wait 99d | pack 10 as p | 0 = pack 0/10; entries: none
        pack 10      | pack 10      | 20 = pack 10/10 + pack 10/10
        ",
    );
}

#[test]
fn a_frozen_account_is_still_granted_credits() {
    check(
        "
        freeze dispute              | pack 10          | 10 = pack 10/10; frozen: dispute
        freeze dispute              | adjust by 10     | 10 = adjustment 10/10; frozen: dispute
        ",
    );
}

#[test]
fn an_account_has_at_most_50_buckets() {
    check(
        "
        49 packs of 1               | plan 1 until 1d  | next expiry: 1d; owner was granted: 50
        50 packs of 1               | plan 1 until 1d  | refused: the account has 50 buckets of credits, the most it may have
        50 packs of 1               | adjust by 1      | refused: the account has 50 buckets of credits, the most it may have
        50 packs of 1               | adjust by -1     | owner was granted: 50
        49 packs of 1, adjust by 1  | adjust by 1      | owner was granted: 51
        49 packs of 1, plan 1 until 1d, wait 1d | pack 1 | owner was granted: 50; next expiry: never
        ",
    );
}

//! A plan's credits by period: a period is one bucket, each fact raises it, the next closes it.

use crate::rows::check;

#[test]
fn each_fact_raises_the_period_to_its_plan() {
    check(
        "
                                          | period 0d of basic 100 until 33d | 100 = plan 100/100 until 33d; entries: grant 100; next expiry: 33d
        period 0d of basic 100 until 33d  | again                            | 100 = plan 100/100 until 33d; entries: none
        period 0d of basic 100 until 33d  | period 0d of basic 100 until 33d | 100 = plan 100/100 until 33d; entries: none
        period 0d of basic 100 until 33d  | period 0d of pro 300 until 33d   | 300 = plan 300/300 until 33d; entries: grant 200; next expiry: 33d
        period 0d of pro 300 until 33d    | period 0d of basic 100 until 33d | 300 = plan 300/300 until 33d; entries: none
        period 0d of basic 100 until 33d, hold 30 as a, settle a at 30 | period 0d of pro 300 until 33d | 270 = plan 270/300 until 33d; entries: grant 200
        period 0d of basic 100 until 33d, adjust to 0 | period 0d of basic 100 until 33d | 0 = plan 0/100 until 33d; entries: none
                                          | period 0d of free 10             | 10 = plan 10/10; next expiry: never
                                          | period 0d of basic 0 until 33d   | refused: the amount must be above zero; 0 = nothing
        nobody has opened it              | period 0d of basic 100 until 33d | refused: the account does not exist
        ",
    );
}

/// What a plan gives is edited between two tellings of one fact: the first stands.
#[test]
fn a_plan_that_was_edited_meanwhile_moves_nothing_for_a_fact_that_is_done() {
    check(
        "
        period 0d of basic 100 until 33d  | period 0d of basic 500 until 33d | 100 = plan 100/100 until 33d; entries: none
        period 0d of basic 100 until 33d  | period 0d of basic 50 until 33d  | 100 = plan 100/100 until 33d; entries: none
        period 0d of pro 300 until 33d, period 0d of basic 100 until 33d | period 0d of basic 900 until 33d | 300 = plan 300/300 until 33d; entries: none
        period 0d of basic 100 until 33d, wait 30d | period 30d of basic 500 until 63d | 500 = plan 500/500 until 63d; entries: expiry of plan -100, grant 500
        ",
    );
}

#[test]
fn a_renewal_closes_the_period_before_it_and_keeps_what_rolls_over() {
    check(
        "
        period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d | 100 = plan 100/100 until 63d; entries: expiry of plan -100, grant 100
        period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d keeping 20 | 120 = plan 120/120 until 63d; entries: expiry of plan -80, grant 100
        period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d keeping 0 | 100 = plan 100/100 until 63d; entries: expiry of plan -100, grant 100
        period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d keeping 500 | 200 = plan 200/200 until 63d; entries: grant 100
        period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d keeping all | 200 = plan 200/200 until 63d; entries: grant 100
        period 0d of basic 100, wait 30d           | period 30d of basic 100 until 63d | 100 = plan 100/100 until 63d; entries: expiry of plan -100, grant 100
        period 0d of basic 100, wait 30d           | period 30d of basic 100 keeping all | 200 = plan 200/200; entries: grant 100
        period 0d of basic 100 until 33d, wait 33d | period 30d of basic 100 until 63d keeping all | 100 = plan 100/100 until 63d; entries: expiry of plan -100, grant 100
        ",
    );
}

#[test]
fn a_renewal_never_wipes_packs_or_resets_what_was_spent() {
    check(
        "
        pack 50, period 0d of basic 100 until 33d, hold 30 as a, settle a at 30, wait 30d | period 30d of basic 100 until 63d | 150 = restored 0/30 until 37d + plan 100/100 until 63d + pack 50/50; entries: expiry of plan -70, grant 100
        pack 50, period 0d of basic 100 until 33d, hold 30 as a, settle a at 30, wait 30d | period 30d of basic 100 until 63d keeping all | 220 = restored 0/30 until 37d + plan 170/170 until 63d + pack 50/50; entries: grant 100
        pack 50, period 0d of basic 100 until 33d, hold 120 as a, settle a at 120, wait 30d | period 30d of basic 100 until 63d keeping all | 130 = restored 0/100 until 37d + plan 100/100 until 63d + pack 30/50; entries: grant 100
        manual 7, adjust by 3, period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d | 110 = plan 100/100 until 63d + manual 7/7 + adjustment 3/3
        plan 40 until 40d, period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d | 140 = plan 40/40 until 40d + plan 100/100 until 63d
        period 0d of basic 100 until 33d on one, period 0d of team 200 until 33d on two, wait 30d | period 30d of basic 100 until 63d on one | 300 = plan 200/200 until 33d + plan 100/100 until 63d; entries: expiry of plan -100, grant 100
        ",
    );
}

#[test]
fn what_running_calls_give_back_finds_the_place_of_the_closed_period() {
    check(
        "
        period 0d of basic 100 until 33d, wait 30d, hold 60 as a, period 30d of basic 100 until 63d | release a | 160 = restored 60/60 until 37d + plan 100/100 until 63d
        period 0d of basic 100 until 33d, wait 30d, hold 60 as a, period 30d of basic 100 until 63d keeping all | settle a at 10 | 190 = restored 50/60 until 37d + plan 140/140 until 63d
        period 0d of basic 100, wait 30d, hold 60 as a, period 30d of basic 100 | release a | 160 = restored 60/60 until 37d + plan 100/100
        ",
    );
}

/// In whatever order facts come, the account ends up the same.
#[test]
fn a_late_fact_of_a_period_before_moves_what_would_have_rolled_over() {
    check(
        "
        period 30d of basic 100 until 63d               | period 0d of basic 100 until 33d             | 100 = plan 100/100 until 63d; entries: none
        period 30d of basic 100 until 63d               | period 0d of basic 100 until 33d keeping all | 200 = plan 200/200 until 63d; entries: grant 100
        period 30d of basic 100 until 63d               | period 0d of basic 100 until 33d keeping 20  | 120 = plan 120/120 until 63d; entries: grant 20
        period 0d of basic 10 until 33d keeping 20, period 30d of basic 100 until 63d keeping 20 | period 0d of pro 300 until 33d keeping 20 | 120 = plan 120/120 until 63d; entries: grant 10
        period 0d of basic 100 until 33d keeping 20, period 30d of basic 100 until 63d keeping 20 | period 0d of pro 300 until 33d keeping 20 | 120 = plan 120/120 until 63d; entries: none
        period 0d of basic 100 until 33d, period 30d of basic 100 until 63d | period 0d of pro 300 until 33d | 100 = plan 100/100 until 63d; entries: none
        period 30d of basic 100 until 63d, period 0d of basic 100 until 33d keeping all | period 0d of basic 100 until 33d keeping all | 200 = plan 200/200 until 63d; entries: none
        ",
    );
}

#[test]
fn a_fact_whose_time_is_over_moves_nothing_and_is_done() {
    check(
        "
        wait 33d                                   | period 0d of basic 100 until 33d | 0 = nothing; entries: none
        wait 33d, period 0d of basic 100 until 33d | period 0d of basic 100 until 99d | 0 = nothing; entries: none
        wait 33d, period 0d of basic 100 until 33d | period 0d of pro 300 until 99d   | 300 = plan 300/300 until 99d
        wait 33d, period 0d of basic 100 until 33d keeping all | period 30d of basic 100 until 63d keeping all | 100 = plan 100/100 until 63d
        wait 33d, period 30d of basic 100 until 63d keeping all | period 0d of basic 100 until 33d keeping all | 100 = plan 100/100 until 63d
        period 0d of free 10, wait 99d             | period 30d of basic 100 until 63d | 10 = plan 10/10; entries: none
        ",
    );
}

/// The bucket a raise would go to has expired, or was closed by the period after it.
#[test]
fn a_raise_of_a_period_whose_bucket_is_gone_gives_the_difference_a_bucket_of_its_own() {
    check(
        "
        period 0d of basic 100 until 3d, wait 4d    | period 0d of pro 300 until 3d  | 0 = nothing; entries: expiry of plan -100
        period 0d of basic 100 until 3d, wait 4d, run expiry | period 0d of pro 300 until 9d  | 200 = plan 200/200 until 9d; entries: grant 200
        period 0d of basic 100 until 3d, wait 4d    | period 0d of pro 300 until 9d  | 200 = plan 200/200 until 9d; entries: expiry of plan -100, grant 200
        period 0d of basic 100 until 3d, hold 40 as a, settle a at 40, wait 4d | period 0d of pro 300 until 9d | 200 = plan 200/200 until 9d + restored 0/40 until 10d
        period 0d of basic 100 until 33d, period 30d of basic 100 until 31d keeping all, wait 32d, run expiry | period 0d of pro 300 until 33d keeping all | 0 = nothing; entries: none
        ",
    );
}

#[test]
fn a_period_ends_at_the_latest_end_any_of_its_facts_tells() {
    check(
        "
        period 0d of basic 100 until 30d | period 0d of pro 300 until 33d   | 300 = plan 300/300 until 33d; next expiry: 33d
        period 0d of pro 300 until 33d   | period 0d of basic 100 until 30d | 300 = plan 300/300 until 33d; next expiry: 33d
        period 0d of pro 300 until 30d   | period 0d of basic 100 until 33d | 300 = plan 300/300 until 33d; entries: none; next expiry: 33d
        period 0d of pro 300 until 30d   | period 0d of basic 100           | 300 = plan 300/300; entries: none; next expiry: never
        ",
    );
}

#[test]
fn a_period_without_an_end_can_be_raised_however_long_it_was_empty() {
    check(
        "
        period 30d of free 10, hold 10 as a, settle a at 10, run expiry, wait 25h, run expiry | period 0d of basic 5 keeping all | 5 = plan 5/15; entries: grant 5
        period 0d of free 10, hold 10 as a, settle a at 10, run expiry, wait 25h, run expiry | period 0d of pro 30 | 20 = plan 20/30; entries: grant 20
        ",
    );
}

/// One provider tells a time to the second here and to the millisecond there.
#[test]
fn a_period_that_is_told_to_start_a_little_later_is_the_same_period() {
    check(
        "
        period 0d of basic 100 until 33d  | period 1s of basic 100 until 33d  | 100 = plan 100/100 until 33d; entries: none
        period 1s of basic 100 until 33d  | period 0s of pro 300 until 33d    | 300 = plan 300/300 until 33d; entries: grant 200
        period 0d of basic 100 until 33d  | period 60s of pro 300 until 33d   | 300 = plan 300/300 until 33d; entries: grant 200
        period 0d of basic 100 until 33d, period 60s of pro 300 until 33d  | period 0s of team 500 until 33d   | 500 = plan 500/500 until 33d; entries: grant 200
        period 0d of basic 100 until 33d  | period 61s of pro 300 until 33d   | 300 = plan 300/300 until 33d; entries: expiry of plan -100, grant 300
        ",
    );
}

#[test]
fn a_plan_pays_a_debt_first() {
    check(
        "
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | period 0d of basic 100 until 33d | 91 = plan 91/100 until 33d + pack 0/0; entries: grant 100
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p | period 0d of basic 4 until 33d | -5 = plan 0/4 until 33d + pack 0/0; entries: grant 4
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p, period 0d of basic 4 until 33d | period 0d of pro 10 until 33d | 1 = plan 1/10 until 33d + pack 0/0; entries: grant 6
        pack 9 as p, hold 9 as a, settle a at 9, claw back 9 of p, period 0d of basic 4 until 33d | period 30d of basic 8 until 63d keeping all | 3 = restored 0/4 until 7d + plan 3/8 until 63d + pack 0/0; entries: grant 8
        ",
    );
}

#[test]
fn a_renewal_is_not_refused_for_the_place_of_the_period_it_closes() {
    check(
        "
        49 packs of 1, period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d | owner was granted: 149; entries: expiry of plan -100, grant 100
        49 packs of 1, period 0d of basic 100 until 33d, wait 30d, hold 9 as a, settle a at 9 | period 30d of basic 100 until 63d | owner was granted: 149; next expiry: 63d; entries: expiry of plan -91, grant 100
        48 packs of 1, period 0d of basic 100 until 33d, wait 30d, hold 9 as a, settle a at 9, period 30d of basic 100 until 63d, wait 6d, hold 9 as b, settle b at 9 | period 60d of basic 100 until 93d | owner was granted: 148; next expiry: 43d; entries: expiry of plan -91, grant 100
        50 packs of 1 | period 0d of basic 100 until 33d | refused: the account has 50 buckets of credits, the most it may have
        ",
    );
}

/// Three places become one, with the credits and the room of all.
#[test]
fn places_that_become_one_keep_what_is_in_them_and_their_room() {
    check(
        "
        47 packs of 1, period 0d of basic 100 until 33d, wait 1d, hold 9 as a, period 1d of basic 100 until 3d, release a, adjust by -1, hold 5 as b, period 25h of basic 100 until 4d, release b, adjust by -1, hold 3 as c | period 26h of basic 100 until 63d | owner was granted: 161; entries: expiry of plan -96, grant 100
        47 packs of 1, period 0d of basic 100 until 33d, wait 1d, hold 9 as a, period 1d of basic 100 until 3d, release a, adjust by -1, hold 5 as b, period 25h of basic 100 until 4d, release b, adjust by -1, hold 3 as c, period 26h of basic 100 until 63d | release c | owner was granted: 164; next expiry: 8d
        ",
    );
}

#[test]
fn a_frozen_account_is_still_renewed() {
    check(
        "
        freeze dispute, period 0d of basic 100 until 33d, wait 30d | period 30d of basic 100 until 63d | 100 = plan 100/100 until 63d; frozen: dispute
        ",
    );
}

//! What happens when credits' time is over.

use crate::rows::check;

#[test]
fn an_expiry_forfeits_exactly_what_was_left() {
    check(
        "
        plan 10 until 1d, wait 86399s                         | run expiry | 10 = plan 10/10 until 1d; entries: none; next expiry: 1d
        plan 10 until 1d, wait 1d                             | run expiry | 0 = nothing; entries: expiry of plan -10; next expiry: never
        plan 10 until 1d, hold 4 as a, settle a at 4, wait 1d | run expiry | 0 = restored 0/4 until 8d; entries: expiry of plan -6; next expiry: 8d
        plan 10 until 1d, hold 9 as a, settle a at 4, wait 1d | run expiry | 0 = restored 0/4 until 8d; entries: expiry of plan -6
        plan 10 until 1d, hold 10 as a, settle a at 10, wait 1d | run expiry | 0 = restored 0/10 until 8d; entries: none; next expiry: 8d
        plan 10 until 1d, adjust by -3, wait 1d               | run expiry | 0 = restored 0/3 until 8d; entries: expiry of plan -7
        plan 10 until 1d, wait 1d, run expiry                 | run expiry | 0 = nothing; entries: none
        ",
    );
}

#[test]
fn credits_that_never_expire_are_not_touched_by_an_expiry() {
    check(
        "
        pack 5, wait 9999d                                    | run expiry | 5 = pack 5/5; entries: none; next expiry: never
        pack 5, plan 10 until 1d, hold 4 as a, settle a at 4, wait 1d | run expiry | 5 = restored 0/4 until 8d + pack 5/5; entries: expiry of plan -6
        pack 5, plan 3 until 1d, hold 4 as a, settle a at 4, wait 1d  | run expiry | 4 = restored 0/3 until 8d + pack 4/5; entries: none
        pack 5, signup 5, plan 10 until 1d, wait 1d           | run expiry | 10 = signup 5/5 + pack 5/5; entries: expiry of plan -10
        ",
    );
}

#[test]
fn several_expiries_run_together_the_soonest_first() {
    check(
        "
        plan 10 until 1d, manual 20 until 2d, pack 5, wait 2d   | run expiry | 5 = pack 5/5; entries: expiry of plan -10, expiry of manual -20
        plan 10 until 1d, manual 20 until 2d, wait 1d           | run expiry | 20 = manual 20/20 until 2d; entries: expiry of plan -10; next expiry: 2d
        plan 10 until 1d, manual 20 until 2d, hold 12 as a, settle a at 12, wait 3d | run expiry | 0 = restored 0/10 until 8d + restored 0/2 until 9d; entries: expiry of manual -18
        ",
    );
}

#[test]
fn what_a_running_call_gives_back_finds_its_place_for_a_week_after_the_expiry() {
    check(
        "
        plan 10 until 10m, hold 6 as a, wait 10m                        | release a      | 6 = restored 6/6 until 7d10m; entries: expiry of plan -4, outcome 6
        plan 10 until 10m, hold 6 as a, wait 10m, run expiry            | release a      | 6 = restored 6/6 until 7d10m; entries: outcome 6
        plan 10 until 10m, hold 6 as a, wait 10m, run expiry            | settle a at 2  | 4 = restored 4/6 until 7d10m; entries: outcome 4
        plan 10 until 10m, hold 6 as a, wait 10m, run expiry            | settle a at 6  | 0 = restored 0/6 until 7d10m; entries: outcome 0
        plan 10 until 10m, hold 6 as a, wait 10m, pack 5                | release a      | 11 = restored 6/6 until 7d10m + pack 5/5
        plan 10 until 10m, hold 6 as a, wait 10m, release a, wait 7d    | run expiry     | 0 = nothing; entries: expiry of restored -6; next expiry: never
        plan 10 until 10m, hold 6 as a, wait 10m, release a, hold 2 as b, settle b at 2, wait 7d | run expiry | 0 = nothing; entries: expiry of restored -4
        ",
    );
}

#[test]
fn a_settle_in_full_needs_no_expiry_and_any_give_back_runs_it_first() {
    check(
        "
        plan 10 until 10m, hold 6 as a, wait 10m | settle a at 6 | 4 = plan 4/10 until 10m; entries: outcome 0; owner sees: 0 = nothing
        plan 10 until 10m, hold 6 as a, wait 10m | settle a at 5 | 1 = restored 1/6 until 7d10m; entries: expiry of plan -4, outcome 1
        ",
    );
}

#[test]
fn a_late_expiry_counts_the_week_from_when_it_was_due() {
    check(
        "
        plan 10 until 1d, hold 4 as a, settle a at 4, wait 7d      | run expiry | 0 = restored 0/4 until 8d; entries: expiry of plan -6
        plan 10 until 1d, hold 4 as a, settle a at 4, wait 691199s | run expiry | 0 = restored 0/4 until 8d; entries: expiry of plan -6
        plan 10 until 1d, hold 4 as a, settle a at 4, wait 8d      | run expiry | 0 = nothing; entries: expiry of plan -6; next expiry: never
        ",
    );
}

#[test]
fn every_command_applies_the_expiries_that_are_due_first() {
    check(
        "
        plan 10 until 1d, wait 1d                  | pack 5         | 5 = pack 5/5; entries: expiry of plan -10, grant 5
        plan 10 until 1d, wait 1d                  | freeze dispute | 0 = nothing; entries: expiry of plan -10; frozen: dispute
        plan 10 until 1d, freeze admin, wait 1d    | unfreeze admin | 0 = nothing; entries: expiry of plan -10; frozen: no
        plan 10 until 1d, pack 5, wait 1d          | adjust to 7    | 7 = adjustment 2/2 + pack 5/5; entries: expiry of plan -10, adjustment 2
        plan 10 until 1d, pack 5, wait 1d          | adjust by -6   | refused: credits short: 6 needed and 5 available; 15 = plan 10/10 until 1d + pack 5/5; entries: none
        plan 10 until 1d, pack 5, wait 1d          | adjust by at most -6 | 0 = pack 0/5; entries: expiry of plan -10, adjustment -5
        plan 10 until 1d, pack 5 as p, wait 1d     | claw back 5 of p | 0 = pack 0/0; entries: expiry of plan -10, clawback -5
        plan 10 until 1d, hold 4 as a, settle a at 4, wait 1d | refund 3 of a | 3 = restored 3/4 until 8d; entries: expiry of plan -6, refund 3
        ",
    );
}

#[test]
fn an_owner_never_sees_credits_whose_time_is_over() {
    check(
        "
        plan 10 until 1d, pack 5 | wait 86399s | owner sees: 15 = plan 10/10 until 1d + pack 5/5; owner was granted: 15; 15 = plan 10/10 until 1d + pack 5/5
        plan 10 until 1d, pack 5 | wait 1d     | owner sees: 5 = pack 5/5; owner was granted: 5; 15 = plan 10/10 until 1d + pack 5/5
        plan 10 until 1d, hold 4 as a, settle a at 4 | wait 1d | owner sees: 0 = nothing; owner was granted: 0; 6 = plan 6/10 until 1d
        plan 10 until 10m, hold 6 as a, wait 10m | settle a at 2 | owner sees: 4 = restored 4/6 until 7d10m; owner was granted: 4
        ",
    );
}

//! Which credits are used first, and where what comes back finds its place.

use jiff::{SignedDuration, Timestamp};
use ledger::{
    Credits,
    bucket::{self, Bucket, RESTORED_FOR, Source},
};
use ulid::Ulid;

use crate::{
    bank::{DAY_ZERO, credits},
    rows::check,
};

#[test]
fn credits_that_expire_soonest_are_used_first() {
    check(
        "
        plan 10 until 2d, plan 10 until 1d   | hold 5 as a  | 15 = plan 5/10 until 1d + plan 10/10 until 2d
        plan 10 until 2d, plan 10 until 1d   | hold 15 as a | 5 = plan 0/10 until 1d + plan 5/10 until 2d
        pack 10, plan 10 until 1d            | hold 5 as a  | 15 = plan 5/10 until 1d + pack 10/10
        manual 10, pack 10 until 9d          | hold 5 as a  | 15 = pack 5/10 until 9d + manual 10/10
        ",
    );
}

#[test]
fn of_credits_that_expire_together_the_given_are_used_before_the_bought() {
    check(
        "
        pack 1, refund 1, adjustment 1, manual 1, signup 1, plan 1 | hold 3 as a | 3 = plan 0/1 + signup 0/1 + manual 0/1 + adjustment 1/1 + refund 1/1 + pack 1/1
        pack 1 until 1d, plan 1 until 1d | hold 1 as a | 1 = plan 0/1 until 1d + pack 1/1 until 1d
        ",
    );
}

#[test]
fn of_like_credits_the_oldest_are_used_first() {
    check(
        "
        pack 10, pack 20          | hold 5 as a  | 25 = pack 5/10 + pack 20/20
        pack 10, pack 20          | hold 15 as a | 15 = pack 0/10 + pack 15/20
        pack 20, wait 1d, pack 10 | hold 5 as a  | 25 = pack 15/20 + pack 10/10
        ",
    );
}

#[test]
fn what_comes_back_fills_the_buckets_in_reverse_up_to_what_they_were_granted() {
    check(
        "
        pack 10, pack 20, hold 15 as a                          | settle a at 15 | 15 = pack 0/10 + pack 15/20
        pack 10, pack 20, hold 15 as a                          | settle a at 12 | 18 = pack 0/10 + pack 18/20
        pack 10, pack 20, hold 15 as a                          | settle a at 4  | 26 = pack 6/10 + pack 20/20
        pack 10, pack 20, hold 15 as a, freeze admin            | settle a at 12 | 18 = pack 0/10 + pack 18/20
        pack 10, pack 20, hold 15 as a, freeze admin            | settle a at 4  | 26 = pack 6/10 + pack 20/20
        pack 10, pack 20, hold 15 as a, freeze admin            | release a      | 30 = pack 10/10 + pack 20/20
        plan 10 until 1d, hold 10 as a, pack 5                  | release a      | 15 = plan 10/10 until 1d + pack 5/5
        plan 10 until 1d, hold 10 as a, pack 5, hold 5 as b     | release a      | 10 = plan 5/10 until 1d + pack 5/5
        ",
    );
}

#[test]
fn a_debt_is_in_no_bucket() {
    check(
        "
        pack 10 as p, hold 10 as a, settle a at 5, claw back 10 of p             | hold 0 as b  | refused: credits short: 0 needed and -5 available; -5 = pack 0/0
        pack 10, hold 10 as a, expire a, hold 10 as b, settle a at 9, freeze admin | release b  | 1 = pack 1/10
        ",
    );
}

#[test]
fn what_finds_no_room_is_spendable_and_forfeited_at_the_next_mark() {
    check(
        "
        the expiry job is down, plan 9 until 10m, hold 9 as a, wait 8d, run expiry            | release a    | 9 = 9 in no bucket
        the expiry job is down, plan 9 until 10m, hold 9 as a, wait 8d, run expiry, release a | hold 9 as b  | 0 = nothing
        the expiry job is down, plan 9 until 10m, hold 9 as a, wait 8d, run expiry, release a | run expiry   | 0 = nothing; entries: expiry of restored -9
        the expiry job is down, plan 9 until 10m, hold 9 as a, wait 8d, run expiry, release a | pack 5       | 5 = pack 5/5; entries: expiry of restored -9, grant 5
        the expiry job is down, plan 9 until 10m, hold 9 as a, wait 8d, run expiry, release a | adjust to 12 | 12 = adjustment 12/12; entries: expiry of restored -9, adjustment 12
        ",
    );
}

#[test]
fn an_empty_bucket_that_never_expires_keeps_its_name_for_24_hours() {
    check(
        "
        pack 5, hold 5 as a, settle a at 5, freeze admin, wait 86399s | pack 1       | 1 = pack 0/5 + pack 1/1
        pack 5, hold 5 as a, settle a at 5, freeze admin, wait 24h    | pack 1       | 1 = restored 0/5 + pack 1/1; owner sees: 1 = pack 1/1; owner was granted: 1
        pack 5, hold 5 as a, settle a at 5, wait 24h                  | pack 1       | 1 = pack 0/5 + pack 1/1; owner was granted: 6
        pack 5, hold 4 as a, settle a at 4, freeze admin, wait 24h    | pack 1       | 2 = pack 1/5 + pack 1/1; owner was granted: 6
        pack 5, hold 5 as a, settle a at 5, freeze admin, wait 24h    | freeze closed | 0 = restored 0/5; owner sees: 0 = nothing; owner was granted: 0
        plan 5 until 9d, hold 5 as a, settle a at 5, freeze admin, wait 24h | pack 1 | 1 = plan 0/5 until 9d + pack 1/1
        ",
    );
}

/// A pack can be filled and emptied again between two marks. If its place were gone, what the
/// second call gives back would be forfeited although it was bought and never expires.
#[test]
fn a_pack_emptied_by_two_calls_gets_back_what_the_second_did_not_use() {
    check(
        "
        pack 30, hold 30 as a, pack 100, release a, wait 25h, hold 30 as b, pack 1            | release b  | 131 = restored 30/30 + pack 100/100 + pack 1/1
        pack 30, hold 30 as a, pack 100, release a, wait 25h, hold 30 as b, pack 1, release b | run expiry | 131 = restored 30/30 + pack 100/100 + pack 1/1; entries: none; owner was granted: 131
        ",
    );
}

#[test]
fn using_up_packs_never_stands_in_the_way_of_the_next() {
    check(
        "
        50 packs of 1                                    | pack 1      | refused: the account has 50 buckets of credits, the most it may have
        50 packs of 1, hold 50 as a, settle a at 50      | pack 7      | 7 = restored 0/50 + pack 7/7
        49 packs of 1, hold 49 as a, settle a at 49, wait 25h, pack 7, 9 packs of 1 | hold 17 as b | refused: credits short: 17 needed and 16 available
        ",
    );
}

fn bucket(id: u128, left: i64, granted: i64, expires_at: Option<Timestamp>) -> Bucket {
    Bucket {
        id: Ulid::from(id),
        source: Source::Plan,
        granted: credits(granted),
        left: credits(left),
        expires_at,
        priority: 1,
        period: None,
    }
}

fn lefts(buckets: &[Bucket]) -> Vec<(u128, i64)> {
    buckets.iter().map(|bucket| (bucket.id.into(), bucket.left.get())).collect()
}

#[test]
fn buckets_burn_by_expiry_then_priority_then_age() {
    let soon = Some(DAY_ZERO);
    let mut buckets = vec![
        bucket(1, 5, 5, None),
        bucket(4, 5, 5, soon),
        bucket(3, 5, 5, soon),
        Bucket { priority: 0, ..bucket(9, 5, 5, soon) },
        Bucket { priority: 0, ..bucket(8, 5, 5, None) },
    ];
    assert_eq!(bucket::burn(&mut buckets, credits(12)), Ok(Credits::ZERO));
    assert_eq!(lefts(&buckets), [(9, 0), (3, 0), (4, 3), (8, 5), (1, 5)]);
    assert_eq!(bucket::burn(&mut buckets, credits(20)), Ok(credits(7)), "what was not there");
    assert_eq!(bucket::put_back(&mut buckets, credits(11)), Ok(Credits::ZERO));
    assert_eq!(lefts(&buckets), [(9, 0), (3, 0), (4, 1), (8, 5), (1, 5)]);
    assert_eq!(bucket::put_back(&mut buckets, credits(20)), Ok(credits(6)), "what found no room");
}

#[test]
fn an_expired_bucket_leaves_room_for_what_was_used_of_it_for_a_week() {
    let expiry = DAY_ZERO;
    let week_over = expiry.checked_add(RESTORED_FOR).unwrap();
    let moment = SignedDuration::from_nanos(1);
    let just_in_time = week_over.checked_sub(moment).unwrap();
    let used = bucket(1, 4, 10, Some(expiry));
    let place = bucket::restored(&used, expiry).unwrap();
    assert_eq!((place.granted, place.left), (credits(6), Credits::ZERO));
    assert_eq!((place.source, place.expires_at), (Source::Restored, Some(week_over)));
    assert_eq!(bucket::restored(&used, just_in_time), Some(place.clone()), "a late job");
    assert_eq!(bucket::restored(&used, week_over), None, "a job later than the week");
    assert_eq!(bucket::restored(&place, week_over), None, "a restored place has no successor");
    assert_eq!(bucket::restored(&bucket(1, 10, 10, Some(expiry)), expiry), None, "not used");
    assert_eq!(bucket::restored(&bucket(1, 0, 10, None), expiry), None, "never expires");
    let last = bucket(1, 0, 10, Some(Timestamp::MAX));
    assert_eq!(bucket::restored(&last, Timestamp::MAX), None, "the end of time");
}

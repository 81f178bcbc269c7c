use super::*;

fn ulid(text: &str) -> Ulid {
    Ulid::from_string(text).unwrap()
}

fn hold() -> HoldId {
    HoldId(ulid("01JD4W3Q7ZK8V5N2M6X0T9R1BC"))
}

fn user() -> AccountId {
    AccountId::parse("user_1").unwrap()
}

#[test]
fn every_key_is_spelled_exactly_like_this() {
    let at: Timestamp = "2026-11-20T15:11:59.999Z".parse().unwrap();
    let rows = [
        (account(&user()), "ACCOUNT#user_1"),
        (entry(hold().entry()), "ENTRY#01JD4W3Q7ZK8V5N2M6X0T9R1BC"),
        (entry(hold().outcome()), "ENTRY#01JD4W3Q7ZK8V5N2M6X0T9R1BC#OUTCOME"),
        (fact(&GrantKey::signup(&user())), "GRANT#signup:user_1"),
        (taken("01JD4W3Q7ZK8V5N2M6X0T9R1BC"), "TAKEN#01JD4W3Q7ZK8V5N2M6X0T9R1BC"),
        (taken("stripe:cs:1"), "TAKEN#stripe:cs:1"),
        (late(hold()), "LATE#01JD4W3Q7ZK8V5N2M6X0T9R1BC"),
        (expiry_progress(7), "EXPIRE_HOLDS#7"),
        (expiry_slot(at, 3), "EXPIRES#2026-11-20T15:11Z#3"),
        (first_entry(Timestamp::UNIX_EPOCH), "ENTRY#00000000000000000000000000"),
        (last_entry(Timestamp::UNIX_EPOCH), "ENTRY#0000000000ZZZZZZZZZZZZZZZZ$"),
        (period("clerk:subi_1", at), "PERIOD#clerk:subi_1#1795187519999"),
        (newest_period("clerk:subi_1"), "PERIOD#clerk:subi_1"),
        (price_book_version(7), "VERSION#7"),
        (PROJECTION.to_owned(), "PROJECTION"),
        (NEWEST.to_owned(), "NEWEST"),
        (BALANCE.to_owned(), "BALANCE"),
        (BUCKETS.to_owned(), "BUCKETS"),
        (PRICE_BOOK.to_owned(), "PRICE_BOOK"),
        (ONLY.to_owned(), "ONLY"),
    ];
    for (spelled, expected) in rows {
        assert_eq!(spelled, expected);
    }
}

#[test]
fn keys_read_back_as_what_they_name() {
    for id in [hold().entry(), hold().outcome()] {
        assert_eq!(parse_entry(&entry(id)), Ok(id));
    }
    assert_eq!(parse_account(&account(&user())), Some(user()));
}

#[test]
fn keys_of_other_kinds_are_not_read_as_entries() {
    let wrong =
        ["", "ENTRY#", "ENTRY#1", "BALANCE", "ENTRY#01jd4w3q7zk8v5n2m6x0t9r1bc", "STATEMENT#1"];
    for sk in wrong {
        assert!(parse_entry(sk).is_err(), "{sk}");
    }
    assert_eq!(parse_account("GRANT#signup:user_1"), None);
    assert_eq!(parse_account("ACCOUNT#nobody"), None);
}

#[test]
fn an_outcome_sorts_right_behind_its_hold_and_before_the_next_entry() {
    let next = EntryId::Own(hold().0.increment().unwrap());
    assert!(entry(hold().entry()) < entry(hold().outcome()));
    assert!(entry(hold().outcome()) < entry(next));
}

#[test]
fn every_hold_falls_in_one_of_the_shards() {
    let mut hit = [false; 8];
    for random in 0..64_u128 {
        let shard = shard(HoldId(Ulid::from_parts(1, random)));
        hit[usize::from(shard)] = true;
    }
    assert_eq!(usize::from(SHARDS), hit.len());
    assert!(hit.iter().all(|hit| *hit));
}

#[test]
fn a_minute_starts_at_its_zeroth_second() {
    let at: Timestamp = "2026-11-20T15:11:59.999Z".parse().unwrap();
    assert_eq!(minute(at).to_string(), "2026-11-20T15:11:00Z");
}

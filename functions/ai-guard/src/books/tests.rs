use std::collections::BTreeSet;

use ledger::balance::FreezeReason;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn balance(available: u32) -> Balance {
    Balance { available: available.into(), next_expiry: None, frozen: BTreeSet::new(), revision: 0 }
}

fn check(balance: Option<&Balance>, signup: u32, expected: Verdict) {
    let price = Price::new(5).unwrap();
    let found = verdict(Some(price), 2, balance, signup.into(), now());
    assert_eq!(found, expected, "{balance:?}");
}

#[test]
fn a_measured_call_is_judged_as_a_guarded_one_would_be() {
    let charged = Verdict::Charged(10.into());
    let short = Verdict::Refused("insufficient_credits");
    check(Some(&balance(10)), 0, charged);
    check(Some(&balance(9)), 100, short);
    check(None, 10, charged);
    check(None, 9, short);
    let frozen = BTreeSet::from([FreezeReason::Dispute]);
    check(Some(&Balance { frozen, ..balance(10) }), 0, Verdict::Refused("account_frozen"));
    let due = Some(now());
    check(Some(&Balance { next_expiry: due, ..balance(10) }), 0, charged);
    check(Some(&Balance { next_expiry: due, ..balance(9) }), 0, short);
    let unpriced = verdict(None, 1, Some(&balance(10)), Credits::ZERO, now());
    assert_eq!(unpriced, Verdict::Refused("price_missing"));
}

#[test]
fn what_is_left_is_the_balance_read_and_no_limit_with_credits_off() {
    let seen = Seen { balance: Some(balance(41)), verdict: None };
    assert_eq!(Books::Shadow.remaining(&seen), Remaining::Known(41.into()));
    assert_eq!(Books::Shadow.remaining(&Seen::default()), Remaining::Unknown);
    assert_eq!(Books::Off.remaining(&Seen::default()), Remaining::Unlimited);
}

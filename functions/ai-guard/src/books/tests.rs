use std::collections::BTreeSet;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{
    balance::FreezeReason,
    price::{PriceBook, PriceBookDraft},
};

use super::{shadow::verdict, *};
use crate::call::{Call, Endpoint};

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn balance(available: u32) -> Balance {
    Balance { available: available.into(), next_expiry: None, frozen: BTreeSet::new(), revision: 0 }
}

fn offer(body: &'static str, book: &PriceBook) -> Offer {
    let call =
        Call::parse(Endpoint::Chat, Bytes::from_static(body.as_bytes()), &"*".parse().unwrap());
    Offer::read(&call.unwrap(), book).unwrap()
}

#[track_caller]
fn check(balance: Option<&Balance>, signup: u32, expected: Verdict) {
    let book = PriceBook::new(1, [("ai_text_chat", 5)]).unwrap();
    let found = verdict(offer(r#"{"model":"m","n":2}"#, &book), balance, signup.into(), now());
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
}

#[test]
fn a_measured_call_priced_by_tokens_is_judged_by_what_it_would_be_lowered_to() {
    let model = [("input", 1), ("output", 1_000)];
    let model = model.map(|(name, value): (&str, i64)| (name.to_owned(), value.into()));
    let models = [("m".to_owned(), model.into())];
    let tokens = [("ai_text_chat".to_owned(), models.into())].into();
    let book = PriceBookDraft { version: 1, tokens, ..Default::default() }.accept().unwrap();
    let offer = offer(r#"{"model":"m","max_tokens":20}"#, &book);
    let judged = |available| verdict(offer, Some(&balance(available)), Credits::ZERO, now());
    assert_eq!(judged(30), Verdict::Charged(21.into()));
    assert_eq!(judged(20), Verdict::Charged(20.into()));
    assert_eq!(judged(2), Verdict::Charged(2.into()));
    assert_eq!(judged(1), Verdict::Refused("insufficient_credits"));
}

#[test]
fn what_is_left_is_the_balance_read_and_no_limit_with_credits_off() {
    let seen = Seen { balance: Some(balance(41)), verdict: None };
    let shadow = Books::Shadow(Err(Verdict::Unknown));
    assert_eq!(shadow.remaining(&seen), Remaining::Known(41.into()));
    assert_eq!(shadow.remaining(&Seen::default()), Remaining::Unknown);
    assert_eq!(Books::Off.remaining(&Seen::default()), Remaining::Unlimited);
}

use ledger::price::PriceBookDraft;

use super::*;

/// A book in which an output token of `dear` costs a credit, and an input token a tenth of one.
fn book() -> PriceBook {
    let number = |value: i64| value.into();
    let model = [("input", 100), ("output", 1_000), ("minimum", 3), ("output_max", 1_000)];
    let model = model.map(|(name, value)| (name.to_owned(), number(value)));
    let models = [("dear".to_owned(), model.into())];
    let draft = PriceBookDraft {
        version: 7,
        fixed: [("ai_text_chat".to_owned(), number(2))].into(),
        tokens: [("ai_text_chat".to_owned(), models.into())].into(),
        free: Vec::new(),
    };
    draft.accept().unwrap()
}

fn read(endpoint: Endpoint, body: &str) -> Result<Offer, ApiError> {
    let call =
        Call::parse(endpoint, Bytes::copy_from_slice(body.as_bytes()), &"*".parse().unwrap());
    Offer::read(&call.unwrap(), &book())
}

/// A prompt that is estimated at 100 tokens, which cost 10 credits.
fn dear(more: &str) -> Offer {
    let names = "modelmessagesrolecontent".len() + "dearuser".len();
    let more_names: usize = more.split('"').skip(1).step_by(2).map(str::len).sum();
    let content = "x".repeat((100 - 8) * 2 - names - more_names);
    let message = format!(r#"{{"role":"user","content":"{content}"}}"#);
    read(Endpoint::Chat, &format!(r#"{{"model":"dear","messages":[{message}]{more}}}"#)).unwrap()
}

fn required(error: &Rejection) -> (i64, i64) {
    let Rejection::InsufficientCredits { required, available } = error else { panic!("{error}") };
    (required.get(), available.get())
}

#[test]
fn a_model_without_a_price_of_its_own_has_the_fixed_one_and_no_meter() {
    let offer = read(Endpoint::Chat, r#"{"model":"cheap","n":3,"max_tokens":-1}"#).unwrap();
    assert_eq!(offer.amount(), Ok(Credits::from(6)));
    assert_eq!((offer.quantity, offer.price_version), (3, 7));
    assert!(offer.meter().is_none());
    let body = Bytes::from_static(b"{}");
    assert_eq!((offer.request(&body), offer.measured_request(&body)), (body.clone(), body));
    assert_eq!(required(&offer.lowered(5.into()).unwrap_err()), (6, 5));
    let missing = read(Endpoint::Image, r#"{"model":"dear"}"#).unwrap_err();
    assert_eq!(missing.code(), "price_missing");
}

#[test]
fn a_call_is_held_at_the_most_it_can_cost() {
    for (more, amount) in [
        (r#","max_tokens":50"#, 10 + 50),
        (r#","max_tokens":2000"#, 10 + 1_000),
        ("", 10 + 1_000),
        (r#","max_tokens":50,"n":4"#, 10 + 4 * 50),
    ] {
        assert_eq!(dear(more).amount(), Ok(Credits::from(amount)), "{more}");
    }
    let unclear = read(Endpoint::Chat, r#"{"model":"dear","max_tokens":0}"#).unwrap_err();
    assert_eq!(unclear.code(), "invalid_field");
}

#[test]
fn the_output_is_lowered_to_what_can_be_paid() {
    let output = |offer: Offer| offer.tokens.unwrap().output;
    let offer = dear(r#","max_tokens":50"#);
    let lowered = offer.lowered(59.into()).unwrap();
    assert_eq!((output(lowered), lowered.amount()), (49, Ok(59.into())));
    let lowered = offer.lowered(11.into()).unwrap();
    assert_eq!((output(lowered), lowered.amount()), (1, Ok(11.into())));
    assert_eq!(required(&offer.lowered(10.into()).unwrap_err()), (11, 10));
    assert_eq!(required(&offer.lowered(Credits::ZERO).unwrap_err()), (11, 0));
    assert_eq!(required(&offer.lowered(Credits::new(-5).unwrap()).unwrap_err()), (11, -5));
    let even_so = offer.lowered(1_000.into()).unwrap();
    assert_eq!(output(even_so), 49, "each time it is less than before");

    let four = dear(r#","max_tokens":50,"n":4"#);
    let lowered = four.lowered(100.into()).unwrap();
    assert_eq!((output(lowered), lowered.amount()), (22, Ok(98.into())), "each gets as much");
    assert_eq!(required(&four.lowered(13.into()).unwrap_err()), (14, 13));
}

#[test]
fn what_is_lowered_can_be_lowered_again() {
    let once = dear(r#","max_tokens":50"#).lowered(40.into()).unwrap();
    let twice = once.lowered(25.into()).unwrap();
    assert_eq!((once.amount(), twice.amount()), (Ok(40.into()), Ok(25.into())));
    assert_eq!(required(&twice.lowered(10.into()).unwrap_err()), (11, 10));
}

#[test]
fn a_request_is_limited_where_it_is_guarded_and_not_where_it_is_measured() {
    let offer = dear(r#","max_tokens":2000"#);
    let body = Bytes::from_static(br#"{"max_tokens":2000}"#);
    assert_eq!(offer.request(&body), r#"{"max_tokens":1000}"#);
    assert_eq!(offer.measured_request(&body), body);
}

#[test]
fn a_prompt_is_charged_by_what_it_counts_and_not_by_what_is_held_for_it() {
    let counted = dear("").meter().unwrap().counted(true, true).unwrap();
    assert!((30..=40).contains(&counted.tokens.input), "a token for 4 bytes: {counted:?}");
}

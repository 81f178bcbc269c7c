use ledger::price::{Price, TokenPrice};
use proptest::prelude::*;

use super::*;

const ROLE: &str = r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#;
const WORDS: &str = r#"{"choices":[{"delta":{"content":"12345678"}}]}"#;
const USAGE_ONLY: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":40,"total_tokens":70}}"#;

fn price(value: i64) -> Price {
    Price::new(value).unwrap()
}

/// Two credits per 1,000 tokens of input, ten per 1,000 of output, at least one.
fn tariff() -> Tariff {
    Tariff::Tokens(TokenPrice::new(price(2), price(10), price(1)))
}

/// A meter of a prompt of 5 tokens after these chunks.
fn read(chunks: &[&str]) -> Meter {
    let mut meter = Meter::new(5, true);
    for chunk in chunks {
        meter.pass(Bytes::from(format!("data: {chunk}\n\n")), *chunk == WORDS);
    }
    meter
}

fn tokens(counted: Option<Counted>) -> Option<(u32, u32, &'static str)> {
    counted.map(|counted| (counted.tokens.input, counted.tokens.output, counted.by))
}

#[test]
fn a_stream_is_counted_by_its_report_and_else_by_what_was_received() {
    let by_provider = Some((30, 40, "provider"));
    let by_guard = Some((5, 4, "guard"));
    let odd = r#"{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":4}}"#;
    let early = r#"{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":0}}"#;
    let midway = r#"{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":9}}"#;
    // Chunks, whether there was content, and the counts if it is complete and if it broke off.
    let rows: [(&[&str], bool, _, _); 10] = [
        (&[ROLE, WORDS, WORDS, USAGE_ONLY], true, by_provider, by_provider),
        (&[ROLE, USAGE_ONLY], false, by_provider, None),
        (&[ROLE, WORDS, WORDS], true, by_guard, by_guard),
        (&[ROLE], false, None, None),
        (&[ROLE, WORDS, WORDS, odd], true, by_guard, by_guard),
        (&[early, WORDS, WORDS], true, by_guard, by_guard),
        (&[early, WORDS, WORDS, USAGE_ONLY, ROLE], true, by_provider, by_provider),
        (&[midway, WORDS, WORDS], true, by_guard, by_guard),
        (&[WORDS, WORDS, early], true, by_guard, by_guard),
        (&[ROLE, early], false, Some((30, 0, "provider")), None),
    ];
    for (chunks, has_content, complete, broken) in rows {
        let meter = read(chunks);
        assert_eq!(tokens(meter.counted(has_content, true)), complete, "{chunks:?}");
        assert_eq!(tokens(meter.counted(has_content, false)), broken, "{chunks:?}");
    }
}

#[test]
fn an_answer_that_came_whole_is_counted_by_its_report_and_else_by_its_text() {
    let whole =
        |body: &str, has_content| tokens(Meter::new(5, false).whole(body.as_bytes(), has_content));
    let message = r#""choices":[{"message":{"content":"123456789"}}]"#;
    let usage = r#""usage":{"prompt_tokens":30,"completion_tokens":40}"#;
    assert_eq!(whole(&format!("{{{message},{usage}}}"), true), Some((30, 40, "provider")));
    assert_eq!(whole(&format!("{{{usage}}}"), false), Some((30, 40, "provider")));
    assert_eq!(whole(&format!("{{{message}}}"), true), Some((5, 3, "guard")));
    assert_eq!(whole(&format!("{{{message},\"usage\":null}}"), true), Some((5, 3, "guard")));
    assert_eq!(whole(&format!("{{{message}}}"), false), None);
    let zeros = r#""usage":{"prompt_tokens":0,"completion_tokens":0}"#;
    let uncounted = whole(&format!("{{{message},{zeros}}}"), true);
    assert_eq!(uncounted, Some((5, 3, "guard")), "content takes a token at least");
    assert_eq!(whole(&format!("{{{zeros}}}"), false), Some((0, 0, "provider")));
}

#[track_caller]
fn passed(frame: &str, hides_usage: bool, expected: &str) {
    let found = Meter::new(0, hides_usage).pass(Bytes::copy_from_slice(frame.as_bytes()), false);
    assert_eq!(String::from_utf8_lossy(&found), expected, "{frame}");
}

#[test]
fn usage_that_was_not_asked_for_is_taken_out_and_nothing_else() {
    let usage = r#""usage":{"prompt_tokens":3,"completion_tokens":4}"#;
    let rows = [
        (format!("data: {{\"choices\":[],{usage}}}\n\n"), String::new()),
        (format!("id: 7\ndata: {{\"choices\" : [ ] , {usage}}}\r\n\r\n"), String::new()),
        (format!("data: {{\"choices\":null,{usage}}}\n\n"), String::new()),
        (
            format!(": x\ndata:{{\"choices\":[{{}}] ,{usage}, \"a\" : 1.0}}\r\nid: 7\n\r\n"),
            ": x\ndata:{\"choices\":[{}] ,\"a\" : 1.0}\r\nid: 7\n\r\n".to_owned(),
        ),
        (
            "data: {\"choices\":[],\"usage\":null}\n\n".to_owned(),
            "data: {\"choices\":[]}\n\n".to_owned(),
        ),
        (
            format!("data: {{\"choices\":[{{}}],\ndata: {usage},\ndata: \"a\":1}}\n\n"),
            "data: {\"choices\":[{}],\ndata: \"a\":1}\n\n".to_owned(),
        ),
        (format!("data: {{\"x\":1,{usage}}}\n\n"), "data: {\"x\":1}\n\n".to_owned()),
    ];
    for (frame, expected) in rows {
        passed(&frame, true, &expected);
        passed(&frame, false, &frame);
    }
    for frame in [
        "data: {\"choices\":[{\"delta\":{\"usage\":{\"prompt_tokens\":3}}}]}\n\n",
        "data: {\"choices\":[]}\n\n",
    ] {
        passed(frame, true, frame);
    }
}

#[test]
fn a_frame_from_which_nothing_is_taken_is_not_copied() {
    let frame = Bytes::from(format!("data: {WORDS}\n\n"));
    let found = Meter::new(0, true).pass(frame.clone(), true);
    assert_eq!((found.as_ptr(), found.len()), (frame.as_ptr(), frame.len()));
}

#[test]
fn a_call_costs_its_price_for_each_unit_delivered_and_never_more_than_was_held() {
    let tariff = Tariff::Fixed(price(5));
    let bill = |units| Delivered { units, counted: None }.bill(tariff, 4, Credits::from(20));
    assert_eq!(bill(0).ending, Ending::Released);
    for (delivered, charged) in [(1, 5), (3, 15), (4, 20), (5, 20), (u32::MAX, 20)] {
        let charged = Credits::from(charged);
        assert_eq!(bill(delivered).ending, Ending::Settled { charged });
    }
}

#[test]
fn tokens_cost_their_price_at_least_the_minimum_and_at_most_what_was_held() {
    let bill = |input, output| {
        let counted = Some(Counted { tokens: Tokens { input, output }, by: "provider" });
        let bill = Delivered { units: 1, counted }.bill(tariff(), 1, Credits::from(20));
        let Ending::Settled { charged } = bill.ending else { panic!("it is settled") };
        (charged.get(), bill.charge.beyond.get())
    };
    assert_eq!(bill(1_000, 1_000), (12, 0));
    assert_eq!(bill(1_000, 1_001), (13, 0));
    assert_eq!(bill(0, 0), (1, 0));
    assert_eq!(bill(1_000, 2_000), (20, 2));
    assert_eq!(Delivered::NOTHING.bill(tariff(), 1, 20.into()).ending, Ending::Released);
    let counted = Some(Counted { tokens: Tokens { input: 1_000, output: 0 }, by: "provider" });
    let silent = Delivered { units: 0, counted }.bill(tariff(), 1, 20.into());
    assert_eq!(silent.ending, Ending::Settled { charged: 2.into() }, "the prompt was read");
}

#[test]
fn what_was_used_beyond_the_hold_is_a_metric_of_its_own() {
    let found = |charged, beyond| counters(Credits::from(charged), Credits::from(beyond)).collect();
    let both: Vec<_> = found(20, 2);
    assert_eq!(both, [("CreditsCharged", 20), ("CreditsBeyondHold", 2)]);
    let usual: Vec<_> = found(20, 0);
    assert_eq!(usual, [("CreditsCharged", 20)]);
    let none: Vec<_> = found(0, 0);
    assert_eq!(none, []);
}

fn any_count() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|number| number.to_string()),
        any::<i128>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("1e999".to_owned()),
    ]
}

/// What a provider may send where usage should be.
fn any_usage() -> impl Strategy<Value = String> {
    let names = prop_oneof![
        3 => Just("prompt_tokens"), 3 => Just("completion_tokens"), 1 => Just("total_tokens"),
    ];
    let members = prop::collection::vec((names, any_count()), 0..5);
    let object = members.prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(name, n)| format!("\"{name}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    });
    prop_oneof![4 => object, 1 => any_count()]
}

proptest! {
    #[test]
    fn whatever_usage_a_provider_reports_the_charge_is_from_nothing_to_what_was_held(
        usages in prop::collection::vec((any_usage(), any::<bool>()), 1..4),
        held in 0..=1_000_000_000_000_i64,
        rates in (0..=Price::MAX, 0..=Price::MAX, 0..=Price::MAX),
        (quantity, is_complete, is_fixed) in (1..=128_u32, any::<bool>(), any::<bool>()),
    ) {
        let held = Credits::new(held).unwrap();
        let by_token = TokenPrice::new(price(rates.0), price(rates.1), price(rates.2));
        let tariff = if is_fixed { Tariff::Fixed(price(rates.0)) } else { Tariff::Tokens(by_token) };
        let mut meter = Meter::new(7, true);
        let mut has_content = false;
        let mut whole = None;
        for (usage, says) in &usages {
            let content = if *says { "words" } else { "" };
            let body = format!("{{\"choices\":[{{\"delta\":{{\"content\":\"{content}\"}}}}],\"usage\":{usage}}}");
            has_content |= says;
            let left = meter.pass(Bytes::from(format!("data: {body}\n\n")), *says);
            prop_assert!(!String::from_utf8_lossy(&left).contains("usage"), "{body}");
            whole = meter.whole(body.as_bytes(), has_content);
        }
        for counted in [meter.counted(has_content, is_complete), whole] {
            let units = if has_content { quantity } else { 0 };
            let bill = Delivered { units, counted }.bill(tariff, quantity, held);
            let charged = bill.ending.charged();
            prop_assert!(!charged.is_negative() && charged <= held, "{bill:?}");
            prop_assert!(!bill.charge.beyond.is_negative());
        }
    }
}

//! What a call costs, and which prices are no prices.

use ledger::{
    credits::AmountTooLarge,
    feature::Feature,
    price::{Price, PriceBook},
};

use crate::bank::credits;

#[test]
fn a_negative_price_is_refused_by_name() {
    let refused = |value| PriceBook::new(2, [("ai_text_chat", 1), ("ai_video", value)]);
    for (value, reason) in [
        (-1, "feature `ai_video`: price `-1` is negative"),
        (i64::MIN, "feature `ai_video`: price `-9223372036854775808` is negative"),
        (1_000_001, "feature `ai_video`: price `1000001` is above the limit of 1000000 credits"),
        (
            i64::MAX,
            "feature `ai_video`: price `9223372036854775807` is above the limit of 1000000 credits",
        ),
    ] {
        assert_eq!(refused(value).unwrap_err().to_string(), reason);
    }
    for value in [0, 1, 1_000_000] {
        let video = "ai_video".parse().unwrap();
        let price = refused(value).unwrap().price(&video).unwrap();
        assert_eq!(price.per_unit(), credits(value));
    }
}

#[test]
fn a_missing_price_is_no_price_never_a_free_call() {
    let unknown = "ai_video".parse().unwrap();
    assert_eq!(PriceBook::default().price(&unknown), None);
    assert_eq!(PriceBook::new(2, []).unwrap().price(&Feature::AI_TEXT_CHAT), None);
}

#[test]
fn an_image_costs_its_price_for_each_and_once() {
    let five = Price::new(5).unwrap();
    for (quantity, cost) in [(0, 0), (1, 5), (4, 20), (10, 50), (u32::MAX, 21_474_836_475)] {
        assert_eq!(five.times(quantity), Ok(credits(cost)));
    }
    let dearest = Price::new(Price::MAX).unwrap();
    assert_eq!(dearest.times(1_000_000), Ok(credits(1_000_000_000_000)));
    assert_eq!(dearest.times(1_000_001), Err(AmountTooLarge));
    assert_eq!(dearest.times(u32::MAX), Err(AmountTooLarge));
    assert_eq!(Price::new(0).unwrap().times(u32::MAX), Ok(credits(0)));
}

#[test]
fn until_an_operator_writes_another_a_chat_costs_1_and_an_image_5() {
    let book = PriceBook::default();
    let prices: Vec<_> =
        book.fixed().map(|(feature, price)| (feature.as_str(), price.per_unit().get())).collect();
    assert_eq!(prices, [("ai_image_generation", 5), ("ai_text_chat", 1)]);
    assert_eq!(book.version(), 1);
}

#[test]
fn a_feature_has_a_plain_lower_case_name() {
    let longest = "f".repeat(64);
    for text in ["ai_text_chat", "a", "a1_", longest.as_str()] {
        assert_eq!(text.parse::<Feature>().unwrap().to_string(), text);
    }
    assert_eq!("ai_text_chat".parse(), Ok(Feature::AI_TEXT_CHAT));
    let too_long = "f".repeat(65);
    for text in ["", "AI", "1a", "_a", "a-b", "a b", "a.b", "é", too_long.as_str()] {
        let book = PriceBook::new(2, [(text, 1)]).unwrap_err();
        assert!(book.to_string().starts_with(&format!("feature `{text}`: ")), "{book}");
    }
}

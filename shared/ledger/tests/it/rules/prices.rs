//! What a call costs, and what it is charged of that.

use ledger::{
    Credits,
    credits::AmountTooLarge,
    feature::Feature,
    price::{Price, PriceBook, Tariff, TokenPrice, Tokens, Used},
};

use crate::bank::credits;

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
        assert!(book.to_string().starts_with(&format!("`{text}`: a feature is ")), "{book}");
    }
}

fn token_price(input: i64, output: i64, minimum: i64) -> TokenPrice {
    let price = |value| Price::new(value).unwrap();
    TokenPrice::new(price(input), price(output), price(minimum))
}

#[test]
fn tokens_cost_their_price_per_thousand_and_a_begun_credit_counts() {
    let rows = [
        // input and output price, minimum; tokens of input and of output; cost
        ((1, 3, 0), (0, 0), Some(0)),
        ((1, 3, 0), (1, 0), Some(1)),
        ((1, 3, 0), (1_000, 0), Some(1)),
        ((1, 3, 0), (1_001, 0), Some(2)),
        ((1, 3, 0), (400, 200), Some(1)),
        ((1, 3, 0), (401, 200), Some(2)),
        ((1, 3, 0), (1_000, 1_000), Some(4)),
        ((1, 3, 2), (0, 0), Some(2)),
        ((1, 3, 2), (2_000, 0), Some(2)),
        ((1, 3, 2), (2_001, 0), Some(3)),
        ((0, 0, 0), (u32::MAX, u32::MAX), Some(0)),
        ((0, 0, 7), (u32::MAX, u32::MAX), Some(7)),
        ((1, 1, 0), (u32::MAX, u32::MAX), Some(8_589_935)),
        ((1_000_000, 0, 0), (1_000_000_000, u32::MAX), Some(1_000_000_000_000)),
        ((1_000_000, 1, 0), (1_000_000_000, 1), None),
        ((1_000_000, 1_000_000, 1_000_000), (u32::MAX, u32::MAX), None),
    ];
    for ((input, output, minimum), (asked, answered), cost) in rows {
        let tokens = Tokens { input: asked, output: answered };
        let expected = cost.map(credits).ok_or(AmountTooLarge);
        let price = token_price(input, output, minimum);
        assert_eq!(price.cost(tokens), expected, "{price:?} {tokens:?}");
    }
}

#[test]
fn a_budget_pays_for_so_much_output_and_not_a_token_more() {
    let rows = [
        // input and output price, minimum; tokens of input, budget; most output
        ((1, 3, 0), (0, 0), None),
        ((1, 3, 0), (0, 1), Some(333)),
        ((1, 3, 0), (997, 1), Some(1)),
        ((1, 3, 0), (998, 1), None),
        ((1, 3, 0), (1_000, 4), Some(1_000)),
        ((1, 3, 5), (1_000, 4), None),
        ((1, 3, 5), (1_000, 5), Some(1_333)),
        ((1, 0, 0), (1_000, 1), Some(u32::MAX)),
        ((1, 0, 0), (1_001, 1), None),
        ((0, 1, 0), (u32::MAX, 1_000_000_000_000), Some(u32::MAX)),
        ((1_000_000, 1_000_000, 0), (u32::MAX, 1_000_000_000_000), None),
        ((1, 3, 0), (0, -1), None),
    ];
    for ((input, output, minimum), (asked, budget), most) in rows {
        let price = token_price(input, output, minimum);
        assert_eq!(price.output_within(asked, credits(budget)), most, "{price:?} {asked} {budget}");
    }
}

#[test]
fn a_call_is_charged_what_it_used_within_what_was_held() {
    let fixed = Tariff::Fixed(Price::new(5).unwrap());
    let tokens = Tariff::Tokens(token_price(1, 3, 2));
    let used = |input, output| Used::Tokens(Tokens { input, output });
    let rows = [
        // tariff, used; quantity and held; charged and beyond
        (fixed, Used::Units(0), (4, 20), (0, 0)),
        (fixed, Used::Units(3), (4, 20), (15, 0)),
        (fixed, Used::Units(4), (4, 20), (20, 0)),
        (fixed, Used::Units(6), (4, 20), (20, 10)),
        (fixed, Used::Units(u32::MAX), (4, 20), (20, 21_474_836_455)),
        (fixed, used(0, 0), (4, 20), (0, 0)),
        (fixed, used(0, 1), (4, 20), (20, 0)),
        (fixed, used(1, 0), (4, 20), (20, 0)),
        (tokens, used(0, 0), (1, 9), (2, 0)),
        (tokens, used(1_000, 1_000), (1, 9), (4, 0)),
        (tokens, used(1_000, 4_000), (1, 9), (9, 4)),
        (tokens, Used::Units(0), (1, 9), (0, 0)),
        (tokens, Used::Units(1), (1, 9), (9, 0)),
        (tokens, Used::Units(1), (1, -9), (0, 0)),
        (fixed, Used::Units(1), (1, -9), (0, 5)),
    ];
    for (tariff, used, (quantity, held), (charged, beyond)) in rows {
        let charge = tariff.charge(used, quantity, credits(held));
        let found = (charge.charged.get(), charge.beyond.get());
        assert_eq!(found, (charged, beyond), "{tariff:?} {used:?} {quantity} {held}");
    }
}

#[test]
fn use_that_no_amount_can_say_is_charged_as_far_as_was_held() {
    let dearest = Price::new(Price::MAX).unwrap();
    let most = Tokens { input: u32::MAX, output: u32::MAX };
    for (tariff, used) in [
        (Tariff::Fixed(dearest), Used::Units(u32::MAX)),
        (Tariff::Tokens(TokenPrice::new(dearest, dearest, dearest)), Used::Tokens(most)),
    ] {
        let charge = tariff.charge(used, u32::MAX, credits(7));
        assert_eq!(charge.charged, credits(7));
        assert_eq!(charge.beyond, Credits::MAX.checked_sub(credits(7)).unwrap());
    }
}

//! Prices on a real table: the book, and what a hold pins of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountId,
    feature::Feature,
    hold::Hold,
    price::{LimitField, Price, Quote, Tariff, TokenPrice},
};
use ledger_dynamodb::StoreError;
use serde_json::{Value, json};

use crate::{
    harness::{Harness, credits, hold, settled},
    store::SIGNUP,
};

/// An attribute as it is in a table: a JSON number is a number, and a text a text.
fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(list) => AttributeValue::L(list.iter().map(attribute).collect()),
        Value::Object(map) => AttributeValue::M(
            map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect(),
        ),
    }
}

async fn put(books: &Harness, table: &str, item: HashMap<String, AttributeValue>) {
    books.client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

/// Writes the price book `members` as an operator does.
async fn write_book(books: &Harness, members: &Value) {
    let AttributeValue::M(mut item) = attribute(members) else { panic!("{members}") };
    item.insert("pk".to_owned(), AttributeValue::S("PRICE_BOOK".to_owned()));
    item.insert("sk".to_owned(), AttributeValue::S("ONLY".to_owned()));
    put(books, &books.names.state, item).await;
}

#[tokio::test]
async fn a_price_book_with_a_bad_price_is_refused_by_the_name_of_its_feature() {
    let books = Harness::start().await;
    assert_eq!(books.store.price_book().await.unwrap(), None);
    let enormous: Value = serde_json::from_str("1e30").unwrap();
    let bad =
        [json!(-1), json!("NaN"), json!("5"), json!(1.5), json!(1_000_001), enormous, json!(0)];
    let bad = bad.into_iter().chain([json!(null), json!([]), json!({}), json!(true)]);
    for price in bad {
        write_book(&books, &json!({"version": 2, "fixed": {"ai_text_chat": 1, "ai_video": price}}))
            .await;
        let said = startup::error_chain(&books.store.price_book().await.unwrap_err());
        assert!(said.contains("`ai_video`") && !said.contains("ai_text_chat"), "{price}: {said}");
    }
    let fixed = json!({"ai_text_chat": 7, "ai_video": 0});
    write_book(&books, &json!({"version": 2, "fixed": fixed, "free": ["ai_video"]})).await;
    let book = books.store.price_book().await.unwrap().unwrap();
    assert_eq!(book.price(&Feature::AI_TEXT_CHAT), Some(Price::new(7).unwrap()));
    assert!(book.is_free(&"ai_video".parse().unwrap(), "any"));
}

#[tokio::test]
async fn a_price_book_with_a_bad_token_price_is_refused_by_the_name_of_its_model() {
    let books = Harness::start().await;
    let bad = [
        json!({"input": -1, "output": 3}),
        json!({"input": 1, "output": "NaN"}),
        json!({"input": 1, "output": 0.5}),
        json!({"input": 1, "output": 1_000_001}),
        json!({"input": 1}),
        json!({"output": 3}),
        json!({}),
        json!({"input": 0, "output": 3}),
        json!({"input": 1, "output": 0}),
        json!({"input": 1, "output": 3, "minimum": -1}),
        json!({"input": 1, "output": 3, "output_max": 0}),
        json!({"input": 1, "output": 3, "limit_field": "tokens"}),
        json!({"input": 1, "output": 3, "maximum": 9}),
        json!({"input": 1, "output": null}),
        json!(3),
        json!(null),
    ];
    for price in bad {
        let tokens = json!({"ai_text_chat": {"good": {"input": 1, "output": 3}, "bad": price}});
        let book = json!({"version": 2, "fixed": {"ai_text_chat": 1}, "tokens": tokens});
        write_book(&books, &book).await;
        let said = startup::error_chain(&books.store.price_book().await.unwrap_err());
        assert!(said.contains("`ai_text_chat/bad`"), "{price}: {said}");
        assert!(!said.contains("good"), "{price}: {said}");
    }
}

#[tokio::test]
async fn a_price_book_of_another_shape_is_refused_by_the_part_at_fault() {
    let books = Harness::start().await;
    let tokens = json!({"ai_text_chat": {"m": {"input": 1, "output": 3}}});
    let rows = [
        (json!({"version": 2}), "fixed"),
        (json!({"version": 2, "fixed": []}), "fixed"),
        (json!({"fixed": {}}), "version"),
        (json!({"version": "2", "fixed": {}}), "version"),
        (json!({"version": -2, "fixed": {}}), "version"),
        (json!({"version": 2, "fixed": {}, "tokens": []}), "tokens"),
        (json!({"version": 2, "fixed": {}, "tokens": {"ai_text_chat": 1}}), "`ai_text_chat`"),
        (json!({"version": 2, "fixed": {}, "tokens": {"ai_image_generation": {}}}), "image"),
        (json!({"version": 2, "fixed": {}, "token": tokens}), "`token`"),
        (json!({"version": 2, "fixed": {}, "free": "ai_video"}), "free"),
        (json!({"version": 2, "fixed": {}, "free": [1]}), "free"),
        (json!({"version": 2, "fixed": {}, "free": ["ai_video"]}), "`ai_video`"),
        (json!({"version": 2, "fixed": {"ai_video": 1}, "free": ["ai_video"]}), "`ai_video`"),
        (
            json!({"version": 2, "fixed": {}, "tokens": tokens, "free": ["ai_text_chat/m"]}),
            "`ai_text_chat/m`",
        ),
    ];
    for (book, fault) in rows {
        write_book(&books, &book).await;
        let error = books.store.price_book().await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        let said = startup::error_chain(&error);
        assert!(said.contains(fault), "{book}: {said}");
    }
}

#[tokio::test]
async fn a_good_price_book_is_read_as_it_was_written() {
    let books = Harness::start().await;
    let models = json!({
        "vendor/small": {"input": 1, "output": 3},
        "large": {
            "input": 5, "output": 15, "minimum": 2, "output_max": 16_384,
            "limit_field": "max_completion_tokens",
        },
        "open": {"input": 0, "output": 0},
    });
    let book = json!({
        "version": 7,
        "fixed": {"ai_text_chat": 4},
        "tokens": {"ai_text_chat": models},
        "free": ["ai_text_chat/open"],
    });
    write_book(&books, &book).await;
    let book = books.store.price_book().await.unwrap().unwrap();
    assert_eq!((book.version(), book.tokens().count()), (7, 3));
    let Some(Quote::Tokens(large)) = book.quote(&Feature::AI_TEXT_CHAT, "large") else { panic!() };
    assert_eq!(large.price, token_price(5, 15, 2));
    assert_eq!((large.output_max, large.limit_field), (16_384, LimitField::MaxCompletionTokens));
    let Some(Quote::Tokens(small)) = book.quote(&Feature::AI_TEXT_CHAT, "vendor/small") else {
        panic!()
    };
    assert_eq!(small.price, token_price(1, 3, 0));
    assert_eq!((small.output_max, small.limit_field), (4_096, LimitField::MaxTokens));
    let other = book.quote(&Feature::AI_TEXT_CHAT, "other");
    assert_eq!(other, Some(Quote::Fixed(Price::new(4).unwrap())));
}

fn token_price(input: i64, output: i64, minimum: i64) -> TokenPrice {
    let price = |value| Price::new(value).unwrap();
    TokenPrice::new(price(input), price(output), price(minimum))
}

fn priced(account: &AccountId, amount: u32, tariff: Tariff, quantity: u32) -> Hold {
    let mut hold = hold(account, amount);
    (hold.terms.tariff, hold.terms.quantity) = (tariff, quantity);
    hold
}

/// The item of a hold's entry.
async fn entry_item(books: &Harness, hold: &Hold) -> HashMap<String, AttributeValue> {
    let request = books.client.get_item().table_name(&books.names.ledger);
    let request = request
        .key("pk", AttributeValue::S(format!("ACCOUNT#{}", hold.account)))
        .key("sk", AttributeValue::S(format!("ENTRY#{}", hold.id)));
    request.send().await.unwrap().item.unwrap()
}

#[tokio::test]
async fn a_hold_remembers_the_price_it_was_placed_by() {
    let (books, user) = Harness::opened(1000).await;
    let fixed = |value| Tariff::Fixed(Price::new(value).unwrap());
    for hold in [
        priced(&user, 20, fixed(5), 4),
        priced(&user, 0, fixed(0), 1),
        priced(&user, 9, Tariff::Tokens(token_price(1, 3, 2)), 1),
        priced(&user, 9, Tariff::Tokens(token_price(0, 1_000_000, 0)), 2),
    ] {
        books.store.hold(&hold, SIGNUP).await.unwrap();
        let read = books.store.find_hold(&user, hold.id).await.unwrap();
        assert_eq!(read.as_ref(), Some(&hold));
    }
    assert_eq!(books.available(&user).await, 1000 - 20 - 9 - 9);
}

/// Entries written before there were token prices have no price of their own; they are read, ended
/// and audited like any other. What a new entry adds takes nothing from what an old one had, so
/// that a reader of before reads it too.
#[tokio::test]
async fn a_hold_from_before_there_were_token_prices_is_read_at_its_fixed_price() {
    let (books, user) = Harness::opened(100).await;
    let new = priced(&user, 20, Tariff::Fixed(Price::new(5).unwrap()), 4);
    books.store.hold(&new, SIGNUP).await.unwrap();
    let mut item = entry_item(&books, &new).await;
    let mut names: Vec<_> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "actor",
        "amount",
        "at",
        "expires_at",
        "expiry_slot",
        "feature",
        "kind",
        "model",
        "pk",
        "price",
        "price_version",
        "quantity",
        "sk",
    ];
    assert_eq!(names, expected);
    item.remove("price");
    put(&books, &books.names.ledger, item).await;
    assert_eq!(books.store.find_hold(&user, new.id).await.unwrap(), Some(new.clone()));
    books.store.hold(&new, SIGNUP).await.unwrap();
    assert_eq!(books.store.end(&new, &settled(15)).await.unwrap().charged, credits(15));
    assert_eq!(books.available(&user).await, 85);
}

#[tokio::test]
async fn a_hold_whose_price_cannot_be_understood_is_an_error_and_never_a_guess() {
    let (books, user) = Harness::opened(100).await;
    let tokens = priced(&user, 9, Tariff::Tokens(token_price(1, 3, 2)), 1);
    let fixed = priced(&user, 5, Tariff::Fixed(Price::new(5).unwrap()), 1);
    let number = |digits: &str| Some(AttributeValue::N(digits.to_owned()));
    let rows = [
        (&tokens, "input_price", None),
        (&tokens, "minimum", None),
        (&tokens, "output_price", number("-1")),
        (&tokens, "output_price", Some(AttributeValue::S("3".to_owned()))),
        (&tokens, "price", number("1")),
        (&fixed, "price", number("-5")),
        (&fixed, "price", number("1000001")),
        (&fixed, "price", number("0.5")),
        (&fixed, "minimum", number("1")),
    ];
    books.store.hold(&tokens, SIGNUP).await.unwrap();
    books.store.hold(&fixed, SIGNUP).await.unwrap();
    for (hold, name, value) in rows {
        let good = entry_item(&books, hold).await;
        let mut bad = good.clone();
        match &value {
            None => drop(bad.remove(name)),
            Some(value) => drop(bad.insert(name.to_owned(), value.clone())),
        }
        put(&books, &books.names.ledger, bad).await;
        let error = books.store.find_hold(&user, hold.id).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{name} {value:?}: {error:?}");
        put(&books, &books.names.ledger, good).await;
    }
}

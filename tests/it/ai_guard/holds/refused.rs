//! What a back end may not ask for.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::Credits;
use serde_json::{Value, json};

use super::{ID, Shop, public};
use crate::harness::hold;

#[tokio::test]
async fn an_order_with_a_slip_is_refused_by_its_field_and_takes_nothing() {
    let shop = Shop::by_tokens(20).await;
    let by_tokens = |estimate: Value| json!({"feature": "ai_text_chat", "model": "by-tokens", "estimate": estimate});
    let rows = [
        (json!({"account": "admin"}), "account"),
        (json!({"account": null}), "account"),
        (json!({"feature": "Images!"}), "feature"),
        (json!({"model": "a\nb"}), "model"),
        (json!({"model": "m".repeat(129)}), "model"),
        (json!({"quantity": 0}), "quantity"),
        (json!({"quantity": 1_001}), "quantity"),
        (json!({"quantity": 1.5}), "quantity"),
        (json!({"quantity": -1}), "quantity"),
        (json!({"holdSeconds": 0}), "holdSeconds"),
        (json!({"holdSeconds": 3_601}), "holdSeconds"),
        (json!({"holdSeconds": "60"}), "holdSeconds"),
        (json!({"credits": 5}), "credits"),
        (json!({"feature": "ai_text_chat", "model": "by-tokens"}), "estimate"),
        (by_tokens(json!({"promptTokens": 1})), "estimate.maxTokens"),
        (by_tokens(json!({"promptTokens": -1, "maxTokens": 1})), "estimate.promptTokens"),
        (
            by_tokens(json!({"promptTokens": 1, "maxTokens": 4_294_967_296_u64})),
            "estimate.maxTokens",
        ),
        (by_tokens(json!({"promptTokens": 1, "maxTokens": 1, "x": 1})), "estimate.x"),
    ];
    for (changes, field) in rows {
        let answer = shop.place(changes.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_field".to_owned(), None), "{changes}");
        assert_eq!(answer.json()["field"], field, "{changes}: {}", answer.body);
    }
    for unpriced in [json!({"feature": "ai_video"}), json!({"feature": "ai_text_chat"})] {
        let answer = shop.place(unpriced.clone()).await;
        assert_eq!(answer.refusal(), (400, "unknown_feature".to_owned(), None), "{unpriced}");
    }
    assert_eq!(shop.available().await, 20);
    assert_eq!(shop.world.books.kinds(&shop.world.user).await, ["grant"; 2]);
}

#[tokio::test]
async fn a_measure_with_a_slip_is_refused_by_its_field_and_ends_nothing() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({})).await;
    let usage = |prompt: Value, completion: Value| json!({"usage": {"prompt_tokens": prompt, "completion_tokens": completion}});
    let rows = [
        (json!({}), None),
        (json!({"quantity": 1, "credits": 1}), None),
        (json!({"quantity": null}), None),
        (json!({"quantity": -1}), Some("quantity")),
        (json!({"quantity": "1"}), Some("quantity")),
        (json!({"credits": 0.5}), Some("credits")),
        (json!({"charged": 1}), Some("charged")),
        (json!({"usage": 1}), Some("usage")),
        (json!({"usage": {}}), Some("usage.prompt_tokens")),
        (usage(json!(-1), json!(1)), Some("usage.prompt_tokens")),
        (usage(json!(1.5), json!(1)), Some("usage.prompt_tokens")),
        (usage(json!(1), json!(null)), Some("usage.completion_tokens")),
        (usage(json!(1), json!("1")), Some("usage.completion_tokens")),
        (usage(json!(1), json!(4_294_967_296_u64)), Some("usage.completion_tokens")),
    ];
    for (measure, field) in rows {
        let answer = shop.settle(&id, measure.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_field".to_owned(), None), "{measure}");
        assert_eq!(answer.json()["field"].as_str(), field, "{measure}: {}", answer.body);
    }
    for credits in [-1_i64, 6, 1_000_000_000_000] {
        let answer = shop.settle(&id, json!({"credits": credits})).await;
        assert_eq!(answer.refusal(), (400, "charge_outside_hold".to_owned(), None), "{credits}");
        assert_eq!(
            (&answer.json()["charged"], &answer.json()["held"]),
            (&json!(credits), &json!(5))
        );
    }
    let beyond = shop.settle(&id, json!({"credits": i64::MAX})).await;
    assert_eq!(beyond.refusal(), (400, "amount_too_large".to_owned(), None));
    assert_eq!(shop.world.books.kinds(&shop.world.user).await, ["grant", "hold"]);
    let answer = shop.settle(&id, json!({"credits": 4})).await.json();
    assert_eq!((&answer["charged"], &answer["remaining"]), (&json!(4), &json!(6)));
}

#[tokio::test]
async fn units_say_nothing_about_what_is_sold_by_tokens() {
    let shop = Shop::by_tokens(20).await;
    let order = json!({
        "feature": "ai_text_chat", "model": "by-tokens",
        "estimate": {"promptTokens": 2, "maxTokens": 4}, "quantity": 3,
    });
    let id = shop.placed(order).await;
    let answer = shop.settle(&id, json!({"quantity": 1})).await;
    assert_eq!(answer.refusal(), (400, "invalid_field".to_owned(), None));
    assert_eq!(shop.settle(&id, json!({"credits": 0})).await.json()["charged"], 0);
    assert_eq!(shop.available().await, 20);
}

#[tokio::test]
async fn what_is_not_the_name_of_a_back_ends_hold_is_not_there() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({})).await;
    let ulid = id.strip_prefix("user_1.").unwrap();
    for other in ["null", ulid, &format!("user_2.{ulid}"), &format!("{id}.outcome"), ID] {
        for answer in [shop.settle(other, json!({"quantity": 1})).await, shop.release(other).await]
        {
            assert_eq!(answer.refusal(), (404, "no_hold".to_owned(), None), "{other}");
        }
    }
}

#[tokio::test]
async fn a_users_call_under_way_is_not_ended_from_outside() {
    let shop = Shop::open().await;
    let of_a_user = hold(&shop.world.user, 5);
    shop.world.books.store.hold(&of_a_user, Credits::ZERO).await.unwrap();
    let id = public(&of_a_user);
    for answer in [shop.settle(&id, json!({"credits": 0})).await, shop.release(&id).await] {
        assert_eq!(answer.refusal(), (404, "no_hold".to_owned(), None));
    }
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn a_frozen_account_holds_nothing() {
    let shop = Shop::open().await;
    let mut balance = shop.world.take_balance().await;
    balance.insert("frozen".to_owned(), AttributeValue::Ss(vec!["admin".to_owned()]));
    shop.world.put_state(balance).await;
    let answer = shop.place(json!({})).await;
    assert_eq!(answer.refusal(), (403, "account_frozen".to_owned(), None));
    assert_eq!(answer.json()["reasons"], json!(["admin"]));
}

//! What a hold of a back end takes, and what its call costs in the end.

use ledger::entry::Actor;
use serde_json::json;

use super::{Shop, hold_priced, public, write_book};
use crate::harness::{expired, later, now};

#[tokio::test]
async fn a_hold_at_a_fixed_price_takes_it_for_each_unit_and_says_everything_about_itself() {
    let shop = Shop::open().await;
    let answer = shop.place(json!({"quantity": 2, "model": "m", "holdSeconds": 60})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let id = body["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("user_1.01"), "{id}");
    let expected = json!({
        "id": id,
        "account": "user_1",
        "held": 10,
        "remaining": 0,
        "expiresAt": later(60).to_string(),
        "priceVersion": 1,
        "price": {"type": "fixed", "perUnit": 5},
    });
    assert_eq!(body, expected);
    assert_eq!(shop.world.books.operations(), ["TransactWriteItems", "GetItem"]);
    let holds = shop.world.books.store.open_holds(&shop.world.user, now()).await.unwrap();
    assert_eq!(holds[0].actor, Actor::Service("backend".to_owned()));
    let answer = shop.settle(&id, json!({"quantity": 1})).await;
    let expected = json!({"id": id, "status": "settled", "charged": 5, "held": 10, "remaining": 5});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn a_hold_at_token_prices_is_the_cost_of_its_estimate_and_charged_by_the_usage() {
    let shop = Shop::by_tokens(100).await;
    let order = json!({
        "feature": "ai_text_chat", "model": "by-tokens",
        "estimate": {"promptTokens": 2, "maxTokens": 4},
    });
    let body = shop.place(order.clone()).await.json();
    assert_eq!((&body["held"], &body["priceVersion"]), (&json!(10), &json!(2)), "{body}");
    let price =
        json!({"type": "tokens", "inputPer1000": 1000, "outputPer1000": 2000, "minimum": 2});
    assert_eq!(body["price"], price);
    let usage = |input: u32, output: u32| {
        json!({
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": 9,
            "completion_tokens_details": {"reasoning_tokens": 0}, "x": null,
        })
    };
    let rows = [
        (usage(2, 1), 4),
        (usage(2, 4), 10),
        (usage(0, 0), 2),
        (usage(2, 5), 10),
        (usage(u32::MAX, u32::MAX), 10),
        (json!({"input_tokens": 1, "output_tokens": 1}), 3),
        (json!({"prompt_tokens": 1}), 2),
    ];
    let mut left = 90;
    let mut id = body["id"].as_str().unwrap().to_owned();
    for (usage, charged) in rows {
        let answer = shop.settle(&id, json!({"usage": usage})).await.json();
        left += 10 - charged;
        assert_eq!((&answer["charged"], &answer["remaining"]), (&json!(charged), &json!(left)));
        id = shop.placed(order.clone()).await;
        left -= 10;
    }
    assert_eq!(shop.available().await, left);
}

#[tokio::test]
async fn what_is_charged_follows_the_price_that_was_pinned_and_not_the_book_of_today() {
    let shop = Shop::open().await;
    // The book says 5 for an image, this hold says 3.
    let hold = hold_priced(&shop.world, 9, 3, 3).await;
    let answer = shop.settle(&public(&hold), json!({"quantity": 2})).await.json();
    assert_eq!((&answer["charged"], &answer["held"]), (&json!(6), &json!(9)), "{answer}");
    assert_eq!(shop.available().await, 4);
}

#[tokio::test]
async fn a_price_that_changes_reaches_the_next_hold_and_none_before() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({})).await;
    write_book(&shop.world).await;
    let shop = shop.restarted(&[], now()).await;
    let next = shop.place(json!({})).await.json();
    assert_eq!((&next["held"], &next["priceVersion"]), (&json!(3), &json!(2)));
    let answer = shop.settle(&id, json!({"quantity": 1})).await.json();
    assert_eq!((&answer["charged"], &answer["remaining"]), (&json!(5), &json!(2)));
}

#[tokio::test]
async fn an_account_that_is_unknown_is_opened_with_the_sign_up_credits() {
    let shop = Shop::with(&[("SIGNUP_CREDITS", "7")]).await;
    let answer = shop.place(json!({"account": "org_2"})).await.json();
    assert_eq!((&answer["held"], &answer["remaining"]), (&json!(5), &json!(2)), "{answer}");
    let short = shop.place(json!({"account": "org_2"})).await;
    assert_eq!(short.refusal(), (402, "insufficient_credits".to_owned(), None));
    assert_eq!((&short.json()["required"], &short.json()["available"]), (&json!(5), &json!(2)));
}

#[tokio::test]
async fn more_units_than_were_held_cost_what_was_held() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({"quantity": 1})).await;
    assert_eq!(shop.settle(&id, json!({"quantity": 4_000_000_000_u32})).await.json()["charged"], 5);
    let id = shop.placed(json!({"quantity": 1})).await;
    let usage = json!({"usage": {"input_tokens": 1, "output_tokens": 0}});
    assert_eq!(shop.settle(&id, usage).await.json()["charged"], 5, "some use is the whole price");
    assert_eq!(shop.available().await, 0);
}

#[tokio::test]
async fn a_hold_that_is_settled_again_answers_the_first_charge() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({"quantity": 2})).await;
    assert_eq!(shop.settle(&id, json!({"quantity": 1})).await.json()["charged"], 5);
    for again in [json!({"quantity": 2}), json!({"credits": 0}), json!({"quantity": 1})] {
        let answer = shop.settle(&id, again).await;
        assert_eq!((answer.status, &answer.json()["charged"]), (200, &json!(5)));
    }
    let released = shop.release(&id).await;
    assert_eq!(released.refusal(), (409, "hold_ended".to_owned(), None));
    assert_eq!(released.json()["ended"], "settled");
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn a_hold_that_is_released_gives_everything_back_and_is_never_settled() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({"quantity": 2})).await;
    for _ in 0..2 {
        let answer = shop.release(&id).await;
        let expected =
            json!({"id": id, "status": "released", "charged": 0, "held": 10, "remaining": 10});
        assert_eq!((answer.status, answer.json()), (200, expected));
    }
    let settled = shop.settle(&id, json!({"quantity": 1})).await;
    assert_eq!(settled.refusal(), (409, "hold_ended".to_owned(), None));
    assert_eq!(settled.json()["ended"], "released");
    assert_eq!(shop.available().await, 10);
}

#[tokio::test]
async fn a_settle_after_the_hold_has_expired_is_charged_late_and_once() {
    let shop = Shop::open().await;
    let hold = hold_priced(&shop.world, 6, 3, 2).await;
    shop.world.books.store.end(&hold, &expired()).await.unwrap();
    let shop = shop.restarted(&[], later(1_201)).await;
    let released = shop.release(&public(&hold)).await.json();
    assert_eq!((&released["status"], &released["charged"]), (&json!("expired"), &json!(0)));
    for quantity in [1, 2, 1] {
        let answer = shop.settle(&public(&hold), json!({"quantity": quantity})).await.json();
        assert_eq!((&answer["status"], &answer["charged"]), (&json!("settled_late"), &json!(3)));
    }
    let released = shop.release(&public(&hold)).await;
    assert_eq!(released.refusal(), (409, "hold_ended".to_owned(), None));
    assert_eq!(released.json()["ended"], "settled_late");
    assert_eq!(shop.world.books.available_at(&shop.world.user, later(1_202)).await, 7);
}

//! Holds that are placed with an `Idempotency-Key`.

use local::fault::Fault;
use serde_json::{Value, json};

use super::{PLACE, Shop};
use crate::{
    ai_guard::world::Answer,
    harness::{expired, later},
};

async fn place(shop: &Shop, key: &str, changes: Value) -> Answer {
    let mut body = json!({"account": "user_1", "feature": "ai_image_generation"});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    shop.ask(PLACE, "", &body, &[("idempotency-key", key)]).await
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_order_with_the_same_key_is_one_hold_however_often_it_comes() {
    let shop = Shop::open().await;
    let orders = || place(&shop, "k", json!({"quantity": 2}));
    let (one, two, three) = tokio::join!(orders(), orders(), orders());
    let answers = [one, two, three, orders().await];
    assert!(answers.iter().all(|answer| answer.status == 201 && id(answer) == id(&answers[0])));
    let replayed = answers.iter().filter(|it| it.header("idempotent-replayed") == Some("true"));
    assert_eq!(replayed.count(), 3);
    let body = |answer: &Answer| {
        let mut body = answer.json();
        body["remaining"].take();
        body
    };
    assert!(answers.iter().all(|answer| body(answer) == body(&answers[0])), "all of it is told");
    assert_eq!(shop.available().await, 0);
    let short = place(&shop, "l", json!({})).await;
    assert_eq!(short.refusal(), (402, "insufficient_credits".to_owned(), None));
    assert_eq!(place(&shop, "k", json!({"quantity": 2})).await.status, 201, "paid, so told");
}

#[tokio::test]
async fn a_key_is_for_one_order_one_account_and_has_to_be_one() {
    let shop = Shop::open().await;
    let first = place(&shop, "k", json!({})).await;
    let other = place(&shop, "k", json!({"quantity": 2})).await;
    assert_eq!(other.refusal(), (422, "idempotency_key_reused".to_owned(), None));
    let bad = place(&shop, "a b", json!({})).await;
    assert_eq!(bad.refusal(), (400, "invalid_idempotency_key".to_owned(), None));
    shop.world.books.open(&crate::harness::account("user_2"), 10).await;
    let elsewhere = place(&shop, "k", json!({"account": "user_2"})).await;
    assert_eq!((elsewhere.status, elsewhere.header("idempotent-replayed")), (201, None));
    assert_ne!(id(&first), id(&elsewhere));
}

#[tokio::test]
async fn a_key_whose_hold_was_settled_says_so_and_holds_nothing_more() {
    let shop = Shop::open().await;
    let hold = id(&place(&shop, "k", json!({"quantity": 2})).await);
    shop.settle(&hold, json!({"quantity": 1})).await;
    let again = place(&shop, "k", json!({"quantity": 2})).await;
    assert_eq!(again.refusal(), (409, "already_charged".to_owned(), None));
    assert_eq!(again.json()["charged"], 5);
    assert_eq!(again.header("x-should-retry"), Some("false"));
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn a_key_whose_hold_was_given_back_places_another() {
    let shop = Shop::open().await;
    let first = id(&place(&shop, "k", json!({})).await);
    shop.release(&first).await;
    let second = place(&shop, "k", json!({})).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (201, None));
    assert_ne!(id(&second), first);
    let hold = id(&second).split_once('.').unwrap().1.parse().unwrap();
    let hold = shop.world.books.store.find_hold(&shop.world.user, hold).await.unwrap().unwrap();
    shop.world.books.store.end(&hold, &expired()).await.unwrap();
    let shop = shop.restarted(&[], later(1_201)).await;
    let third = place(&shop, "k", json!({})).await;
    assert_eq!((third.status, third.header("idempotent-replayed")), (201, None));
    let again = place(&shop, "k", json!({})).await;
    assert_eq!((id(&again), again.header("idempotent-replayed")), (id(&third), Some("true")));
    let late = shop.settle(&id(&second), json!({"quantity": 1})).await.json();
    assert_eq!((&late["status"], &late["charged"]), (&json!("settled_late"), &json!(0)));
    assert_eq!(shop.settle(&id(&third), json!({"quantity": 1})).await.json()["charged"], 5);
    let left = shop.world.books.available_at(&shop.world.user, later(1_202)).await;
    assert_eq!(left, 5, "one key is charged once");
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_the_same_hold_when_it_is_asked_again() {
    let shop = Shop::open().await;
    shop.world.books.front.next_n(100, "TransactWriteItems", Fault::LostReply);
    let lost = place(&shop, "k", json!({})).await;
    assert_eq!(lost.refusal(), (503, "ledger_unavailable".to_owned(), None));
    assert!(shop.world.queue_is_empty(), "nothing ends the hold behind the caller's back");
    shop.world.books.front.reset();
    assert_eq!(shop.available().await, 5);
    let again = place(&shop, "k", json!({})).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(shop.settle(&id(&again), json!({"quantity": 1})).await.json()["charged"], 5);
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn while_nothing_is_held_keys_are_not_looked_at() {
    for mode in ["off", "shadow"] {
        let shop = Shop::with(&[("CREDITS_ENABLED", mode)]).await;
        for key in ["k", "k", "a b"] {
            let answer = place(&shop, key, json!({})).await;
            assert_eq!((answer.status, &answer.json()["id"]), (200, &Value::Null), "{mode}");
        }
        assert_eq!(shop.world.books.kinds(&shop.world.user).await, ["grant"]);
    }
}

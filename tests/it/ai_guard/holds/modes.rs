//! Holds of back ends while credits are off or only measured.

use serde_json::json;

use super::{Shop, hold_priced, public};
use crate::harness::now;

#[tokio::test]
async fn with_credits_off_nothing_is_held_and_what_was_held_before_is_still_ended() {
    let shop = Shop::open().await;
    let (one, two) = (shop.placed(json!({})).await, shop.placed(json!({})).await);
    let shop = shop.restarted(&[("CREDITS_ENABLED", "off")], now()).await;
    let answer = shop.place(json!({"feature": "whatever", "quantity": 1_000})).await;
    let unlimited = json!({"id": null, "held": 0, "unlimited": true, "creditsEnabled": false});
    assert_eq!((answer.status, answer.json()), (200, unlimited));
    assert_eq!(shop.place(json!({"quantity": 0})).await.status, 400);
    assert_eq!(shop.world.books.operations(), Vec::<String>::new());
    assert_eq!(shop.settle(&one, json!({"quantity": 1})).await.json()["charged"], 5);
    assert_eq!(shop.release(&two).await.json()["status"], "released");
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn shadow_says_what_it_would_do_and_writes_nothing() {
    let shop = Shop::with(&[("CREDITS_ENABLED", "shadow"), ("SIGNUP_CREDITS", "3")]).await;
    let rows = [
        (json!({}), json!({"wouldHold": 5})),
        (json!({"quantity": 3}), json!({"wouldRefuse": "insufficient_credits"})),
        (json!({"account": "user_new"}), json!({"wouldRefuse": "insufficient_credits"})),
        (json!({"feature": "ai_video"}), json!({"wouldRefuse": "unknown_feature"})),
    ];
    for (order, verdict) in rows {
        let answer = shop.place(order).await;
        let mut expected = json!({"id": null, "held": 0, "mode": "shadow"});
        expected.as_object_mut().unwrap().extend(verdict.as_object().unwrap().clone());
        assert_eq!((answer.status, answer.json()), (200, expected));
    }
    let reads = shop.world.books.operations();
    assert!(reads.iter().all(|operation| operation == "GetItem"), "{reads:?}");
    shop.world.books.front.down(true);
    let answer = shop.place(json!({})).await;
    let unknown = json!({"id": null, "held": 0, "mode": "shadow", "wouldHold": null});
    assert_eq!((answer.status, answer.json()), (200, unknown));
    shop.world.books.front.reset();
    let hold = hold_priced(&shop.world, 5, 5, 1).await;
    assert_eq!(shop.settle(&public(&hold), json!({"quantity": 1})).await.json()["charged"], 5);
}

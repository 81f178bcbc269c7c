//! Holds of back ends where the ledger does not answer, or two ask at once.

use local::fault::Fault;
use serde_json::json;

use super::{Shop, hold_priced, public};
use crate::harness::{Harness, later};

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_said_and_the_same_request_is_safe() {
    let shop = Shop::open().await;
    let id = shop.placed(json!({})).await;
    shop.world.books.front.down(true);
    let place = shop.place(json!({})).await;
    let settle = shop.settle(&id, json!({"quantity": 1})).await;
    let release = shop.release(&id).await;
    for answer in [place, settle, release] {
        assert_eq!(answer.refusal(), (503, "ledger_unavailable".to_owned(), None));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    shop.world.books.front.reset();
    assert_eq!(shop.settle(&id, json!({"quantity": 1})).await.json()["charged"], 5);
    assert_eq!(shop.available().await, 5);
}

#[tokio::test]
async fn a_hold_whose_answer_is_lost_is_given_back_by_the_queue() {
    let shop = Shop::open().await;
    shop.world.books.front.next_n(100, "TransactWriteItems", Fault::LostReply);
    let answer = shop.place(json!({})).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable".to_owned(), None));
    let (message, delay) = shop.world.queued();
    assert_eq!((&message["ending"], delay), (&json!("released"), Some(10)));
}

#[tokio::test]
async fn an_outcome_the_table_does_not_take_is_queued_and_accepted() {
    let shop = Shop::open().await;
    for (operation, measure, charged) in
        [("PutItem", json!({"quantity": 1}), 5), ("TransactWriteItems", json!({"credits": 1}), 1)]
    {
        let shop = Shop::open().await;
        let id = shop.placed(json!({})).await;
        shop.world.books.front.next_n(100, operation, Fault::ServerError);
        let answer = shop.settle(&id, measure).await;
        let expected = json!({"id": id, "status": "queued", "charged": charged, "held": 5});
        assert_eq!((answer.status, answer.json()), (202, expected));
        let (message, delay) = shop.world.queued();
        assert_eq!(delay, Some(0));
        assert_eq!(format!("user_1.{}", message["hold"].as_str().unwrap()), id);
        assert_eq!((&message["ending"], &message["charged"]), (&json!("settled"), &json!(charged)));
        assert_eq!(message["actor"], "service:backend");
    }
    let id = shop.placed(json!({})).await;
    shop.world.books.front.next_n(100, "TransactWriteItems", Fault::ServerError);
    let answer = shop.release(&id).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("queued")));
    assert_eq!(shop.world.queued().0["ending"], "released");
}

#[tokio::test]
async fn of_a_settle_and_a_release_at_once_one_ends_the_hold_and_the_other_is_told() {
    for round in 0..8 {
        let shop = Shop::open().await;
        let id = shop.placed(json!({"quantity": 2})).await;
        // Both orders in turn.
        let (settled, released) = if round % 2 == 0 {
            tokio::join!(shop.settle(&id, json!({"quantity": 1})), shop.release(&id))
        } else {
            let both = tokio::join!(shop.release(&id), shop.settle(&id, json!({"quantity": 1})));
            (both.1, both.0)
        };
        let left = match (settled.status, released.status) {
            (200, 409) => 5,
            (409, 200) => 10,
            both => panic!("{both:?}: {} {}", settled.body, released.body),
        };
        assert_eq!(shop.available().await, left);
    }
}

#[tokio::test]
async fn a_late_settle_and_the_expiry_at_once_charge_once_at_most() {
    let shop = Shop::open().await;
    let hold = hold_priced(&shop.world, 6, 3, 2).await;
    let shop = shop.restarted(&[], later(1_201)).await;
    let Harness { store, .. } = &shop.world.books;
    let (expired, id) = (crate::harness::expired(), public(&hold));
    let (ended, settled) =
        tokio::join!(store.end(&hold, &expired), shop.settle(&id, json!({"quantity": 1})));
    ended.unwrap();
    assert_eq!((settled.status, &settled.json()["charged"]), (200, &json!(3)));
    assert_eq!(shop.world.books.available_at(&shop.world.user, later(1_202)).await, 7);
}

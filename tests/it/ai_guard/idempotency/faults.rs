//! Calls with a key where the table does not take everything, or a process ends in between.

use std::{sync::Arc, time::Duration};

use ledger::hold::Hold;
use local::fault::Fault;
use serde_json::{Value, json};

use super::{assert_replayed, hold, keyed};
use crate::{
    ai_guard::{
        CHAT,
        world::{Answer, World},
    },
    harness::{expired, now, settled},
};

/// A call that is answered, whose answer is kept, and whose outcome is not written: as after a
/// crash between the two, but for the message in the queue.
async fn without_outcome(world: &World) -> (Answer, Hold) {
    world.books.front.next("PutItem", Fault::Delay(Duration::ZERO));
    world.books.front.next_n(100, "PutItem", Fault::ServerError);
    let first = keyed(world, CHAT, json!({}), "k").await;
    assert_eq!((first.status, first.header("x-credits-charged")), (200, Some("1")));
    world.books.front.reset();
    let holds = world.books.store.open_holds(&world.user, now()).await.unwrap();
    let [placed] = holds.as_slice() else { panic!("{holds:?}") };
    assert_eq!(hold(&first), placed.id.to_string());
    (first, placed.clone())
}

#[tokio::test]
async fn until_the_outcome_is_written_the_call_is_under_way_and_then_it_is_replayed() {
    let world = World::start(&[]).await;
    let (first, placed) = without_outcome(&world).await;
    let again = keyed(&world, CHAT, json!({}), "k").await;
    assert_eq!(again.refusal(), (409, "idempotency_in_flight".to_owned(), None));
    assert_eq!(world.queued().0["hold"], placed.id.to_string());
    world.books.store.end(&placed, &settled(1)).await.unwrap();
    assert_replayed(&first, &keyed(&world, CHAT, json!({}), "k").await, "1");
    assert_eq!((world.provider.request_count(), world.available().await), (1, 9));
}

#[tokio::test]
async fn a_call_nobody_ended_is_made_again_after_its_expiry_and_charged_once() {
    let world = World::start(&[]).await;
    let (first, placed) = without_outcome(&world).await;
    world.books.store.end(&placed, &expired()).await.unwrap();
    assert_eq!(world.available().await, 10);
    let second = keyed(&world, CHAT, json!({}), "k").await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, None));
    assert_ne!(hold(&second), hold(&first));
    assert_eq!(world.available().await, 9);
    // What waited in the queue all the while comes too late to be charged.
    let late = world.books.store.end(&placed, &settled(1)).await.unwrap();
    assert_eq!((late.charged.get(), late.late), (0, true));
    assert_replayed(&second, &keyed(&world, CHAT, json!({}), "k").await, "1");
    assert_eq!((world.provider.request_count(), world.available().await), (2, 9));
}

#[tokio::test]
async fn a_call_that_was_charged_late_is_replayed_and_not_made_again() {
    let world = World::start(&[]).await;
    let (first, placed) = without_outcome(&world).await;
    world.books.store.end(&placed, &expired()).await.unwrap();
    world.books.store.end(&placed, &settled(1)).await.unwrap();
    assert_replayed(&first, &keyed(&world, CHAT, json!({}), "k").await, "1");
    assert_eq!((world.provider.request_count(), world.available().await), (1, 9));
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_costs_its_repeat_and_nothing_else() {
    // The outcome of a call by tokens is a transaction, so that only the answer is put.
    let world = World::metered(&[], 1_000).await;
    world.books.front.next_n(1_000, "PutItem", Fault::ServerError);
    let first = keyed(&world, CHAT, json!({"model": "stand-in-1"}), "k").await;
    assert_eq!(first.status, 200, "{}", first.body);
    world.books.front.reset();
    let charged: i64 = first.header("x-credits-charged").unwrap().parse().unwrap();
    let again = keyed(&world, CHAT, json!({"model": "stand-in-1"}), "k").await;
    assert_eq!(again.refusal(), (409, "already_charged".to_owned(), None));
    assert_eq!(again.json()["charged"], charged);
    assert_eq!(world.available().await, 1_000 - charged);
}

#[tokio::test]
async fn a_call_whose_key_was_taken_over_is_not_charged_beside_the_other() {
    let world = Arc::new(World::with(&[], Duration::from_secs(10), None).await);
    let slow = || json!({"model": "stand-in-slow"});
    let started = Arc::clone(&world);
    let first = tokio::spawn(async move {
        let answer = keyed(&started, CHAT, slow(), "k").await;
        (answer.status, answer.header("x-credits-charged").map(str::to_owned))
    });
    let placed = loop {
        let holds = world.books.store.open_holds(&world.user, now()).await.unwrap();
        if let [hold] = holds.as_slice() {
            break hold.clone();
        }
        tokio::task::yield_now().await;
    };
    // A hold that is set to expire sooner than its call is over.
    world.books.store.end(&placed, &expired()).await.unwrap();
    let second = keyed(&world, CHAT, slow(), "k").await;
    assert_eq!((second.status, second.header("x-credits-charged")), (200, Some("1")));
    assert_eq!(first.await.unwrap(), (200, Some("0".to_owned())));
    assert_eq!((world.provider.request_count(), world.available().await), (2, 9));
}

#[tokio::test]
async fn a_hold_whose_answer_is_lost_is_given_back_and_the_key_is_free_again() {
    let world = World::start(&[]).await;
    world.books.front.next_n(100, "TransactWriteItems", Fault::LostReply);
    let lost = keyed(&world, CHAT, json!({}), "k").await;
    assert_eq!(lost.refusal(), (503, "ledger_unavailable".to_owned(), None));
    world.books.front.reset();
    let again = keyed(&world, CHAT, json!({}), "k").await;
    assert_eq!(again.refusal(), (409, "idempotency_in_flight".to_owned(), None));
    let (message, _) = world.queued();
    let placed = message["hold"].as_str().unwrap().parse().unwrap();
    let placed = world.books.store.find_hold(&world.user, placed).await.unwrap().unwrap();
    assert_eq!(message["ending"], Value::from("released"));
    world.books.store.end(&placed, &crate::harness::released()).await.unwrap();
    let made = keyed(&world, CHAT, json!({}), "k").await;
    assert_eq!((made.status, world.available().await), (200, 9));
}

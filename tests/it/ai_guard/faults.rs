//! `ai-guard` where the ledger does not answer, answers late, or refuses an outcome.

use std::{sync::Arc, time::Duration};

use ledger::{AccountId, HoldId};
use local::fault::Fault;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

use super::{
    CHAT,
    world::{World, with_body},
};
use crate::harness::{later, now, released};

#[tokio::test]
async fn a_table_that_cannot_be_reached_refuses_the_call_before_the_provider() {
    let world = World::start(&[]).await;
    world.books.front.down(true);
    let answer = world.call(CHAT, json!({})).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable".to_owned(), None));
    assert_eq!(world.provider.request_count(), 0);
}

#[tokio::test]
async fn a_settle_that_cannot_be_written_is_queued_and_the_caller_has_the_answer() {
    let world = World::start(&[]).await;
    world.books.front.next_n(100, "PutItem", Fault::ServerError);
    let answer = world.call(CHAT, json!({})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("1")));
    let (message, delay) = world.queued();
    assert_eq!(delay, Some(0));
    assert_eq!(message["hold"], answer.header("x-credits-hold").unwrap());
    assert_eq!((&message["ending"], &message["charged"]), (&json!("settled"), &json!(1)));
}

#[tokio::test]
async fn a_call_that_runs_into_its_deadline_is_stopped_in_time_to_settle() {
    let hour = Duration::from_hours(1);
    let world = World::with(&[], hour, None).await;
    let body = with_body(CHAT, json!({"model": "stand-in-stalls"}));
    let answer = world.send(CHAT, &body, Some(later(5))).await;
    assert_eq!(answer.refusal(), (504, "provider_timeout".to_owned(), Some("0")));
    assert_eq!(world.available().await, 10);
}

/// Ends the hold that the message names as the message says; what its account then has.
async fn deliver(world: &World, message: &Value) -> i64 {
    let account = AccountId::parse(message["account"].as_str().unwrap()).unwrap();
    let id: HoldId = message["hold"].as_str().unwrap().parse().unwrap();
    let store = &world.books.store;
    let hold = store.find_hold(&account, id).await.unwrap().expect("the hold was placed");
    assert_eq!((&message["ending"], &message["charged"]), (&json!("released"), &json!(0)));
    store.end(&hold, &released()).await.unwrap();
    world.available().await
}

#[tokio::test]
async fn a_hold_whose_answer_is_lost_is_given_back_by_the_queue() {
    let world = World::start(&[]).await;
    world.books.front.next_n(100, "TransactWriteItems", Fault::LostReply);
    let answer = world.call(CHAT, json!({})).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable".to_owned(), None));
    assert_eq!(world.provider.request_count(), 0);
    world.books.front.reset();
    assert_eq!(world.available().await, 9, "the hold was placed, and nobody knew");
    let (message, delay) = world.queued();
    assert_eq!(delay, Some(10), "an attempt may still be on its way");
    assert_eq!(deliver(&world, &message).await, 10);
}

#[tokio::test]
async fn a_hold_that_takes_until_the_reserve_is_given_up_in_time() {
    let world = World::start(&[]).await;
    let hour = Fault::Delay(Duration::from_hours(1));
    world.books.front.next_n(100, "TransactWriteItems", hour);
    let began = Instant::now();
    let body = with_body(CHAT, json!({}));
    let answer = world.send(CHAT, &body, Some(later(4) + Duration::from_millis(500))).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable".to_owned(), None));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(world.queued().0["ending"], "released");
    assert_eq!(world.provider.request_count(), 0);
}

#[tokio::test]
async fn a_call_without_the_time_to_settle_is_not_begun() {
    let world = World::start(&[]).await;
    let answer = world.send(CHAT, &with_body(CHAT, json!({})), Some(later(3))).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable".to_owned(), None));
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("too little time"));
    assert_eq!(world.books.operations(), Vec::<String>::new());
    assert_eq!(world.provider.request_count(), 0);
}

/// A call on its way to a status and a charge.
type Running = JoinHandle<(u16, String)>;

/// Starts a call whose provider takes seconds, and waits for its hold.
async fn underway(world: &Arc<World>, model: &'static str) -> (Running, HoldId) {
    let calling = Arc::clone(world);
    let call = tokio::spawn(async move {
        let answer = calling.call(CHAT, json!({"model": model})).await;
        (answer.status, answer.header("x-credits-charged").unwrap().to_owned())
    });
    loop {
        let holds = world.books.store.open_holds(&world.user, now()).await.unwrap();
        if let [hold] = holds.as_slice() {
            return (call, hold.id);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_settle_that_the_ledger_refuses_for_ever_is_not_queued_and_charges_nothing() {
    let world = Arc::new(World::with(&[], Duration::from_secs(10), None).await);
    let (call, id) = underway(&world, "stand-in-slow").await;
    let hold = world.books.store.find_hold(&world.user, id).await.unwrap().unwrap();
    world.books.store.end(&hold, &released()).await.unwrap();
    assert_eq!(call.await.unwrap(), (200, "0".to_owned()));
    assert!(world.queue_is_empty());
    assert_eq!(world.available().await, 10);
}

#[tokio::test]
async fn an_outcome_that_is_refused_for_now_is_queued() {
    let world = Arc::new(World::with(&[], Duration::from_secs(2), None).await);
    let (call, id) = underway(&world, "stand-in-stalls").await;
    let balance = world.take_balance().await;
    assert_eq!(call.await.unwrap(), (504, "0".to_owned()));
    world.put_state(balance).await;
    let (message, _) = world.queued();
    assert_eq!(message["hold"], json!(id.to_string()));
    assert_eq!(deliver(&world, &message).await, 10);
}

//! `retry-worker` in process, on a real table: queued outcomes, delivered as a queue delivers.

use std::time::Duration;

use ledger::hold::{Ending, Hold};
use ledger_dynamodb::{End, StoreError};
use local::fault::{Fault, Rule};
use retry_worker::{Deps, Later, WorkError, handle};
use serde_json::{Value, json};
use startup::{Clock, SqsMessage};

use crate::harness::{Harness, admin, credits, end, expired, grant, hold_at, later, now, released};

/// The worker on the test's books; it gives up soon on a table it cannot reach.
fn worker(books: &Harness, seconds: i64) -> Deps {
    let store = books.store.clone().patient(Duration::from_millis(100));
    Deps { store, clock: Clock::fixed(later(seconds)), later: Later::none() }
}

/// What the guard queues, with some members changed.
fn message(hold: &Hold, end: &End, changes: &[(&str, Value)]) -> SqsMessage {
    let mut body = json!({
        "version": 1,
        "account": hold.account.as_str(),
        "hold": hold.id.to_string(),
        "amount": hold.amount,
        "ending": end.ending.as_str(),
        "charged": end.ending.charged(),
        "at": end.at.to_string(),
        "actor": end.actor.to_string(),
        "id": end.id.to_string(),
    });
    for (name, value) in changes {
        body[*name] = value.clone();
    }
    let (id, receipt_handle) = ("1".to_owned(), "1".to_owned());
    SqsMessage { id, body: body.to_string(), receipt_handle, receive_count: 1 }
}

/// A settle at `charged`, decided five seconds after its hold was placed.
fn settle(charged: i64) -> End {
    end(Ending::Settled { charged: credits(charged) }, later(5))
}

/// Books of one account with 10 credits, 7 of them held now.
async fn held() -> (Harness, Hold) {
    let (books, user) = Harness::opened(10).await;
    let hold = hold_at(&user, 7, now());
    books.store.hold(&hold, credits(0)).await.unwrap();
    books.front.reset();
    (books, hold)
}

#[tokio::test]
async fn a_queued_settle_charges_once_however_often_it_is_delivered() {
    for charged in [0, 2, 7] {
        let (books, hold) = held().await;
        let (worker, queued) = (worker(&books, 360), message(&hold, &settle(charged), &[]));
        let deliver = || handle(queued.clone(), &worker);
        let at_once = tokio::join!(deliver(), deliver(), deliver());
        assert!(matches!(at_once, (Ok(()), Ok(()), Ok(()))), "{at_once:?}");
        deliver().await.unwrap();
        assert_eq!(books.available(&hold.account).await, 10 - charged);
        assert_eq!(books.kinds(&hold.account).await, ["grant", "hold", "outcome"]);
    }
}

#[tokio::test]
async fn a_settle_delivered_after_its_hold_expired_is_charged_late_and_once() {
    let (books, hold) = held().await;
    books.store.end(&hold, &expired()).await.unwrap();
    let (worker, queued) = (worker(&books, 1_800), message(&hold, &settle(2), &[]));
    for _ in 0..3 {
        handle(queued.clone(), &worker).await.unwrap();
    }
    assert_eq!(books.available_at(&hold.account, later(1_800)).await, 8);
    assert_eq!(books.kinds(&hold.account).await, ["grant", "hold", "outcome", "charge"]);
}

#[tokio::test]
async fn an_outcome_whose_answer_was_lost_is_the_same_request_again() {
    let (books, hold) = held().await;
    let guard = books.store.clone().patient(Duration::ZERO);
    let end = settle(2);
    books.front.rules([Rule::of("TransactWriteItems", Fault::LostReply, 1_000)]);
    let lost = guard.end(&hold, &end).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    books.front.reset();
    handle(message(&hold, &end, &[]), &worker(&books, 10)).await.unwrap();
    assert_eq!(books.operations(), ["GetItem", "TransactWriteItems"]);
    assert_eq!(books.available(&hold.account).await, 8);
}

#[tokio::test]
async fn a_queued_release_gives_back_once_and_one_without_a_hold_is_done() {
    let (books, hold) = held().await;
    let worker = worker(&books, 360);
    for _ in 0..2 {
        handle(message(&hold, &released(), &[]), &worker).await.unwrap();
    }
    assert_eq!(books.available(&hold.account).await, 10);
    let never_placed = hold_at(&hold.account, 7, now());
    books.front.reset();
    handle(message(&never_placed, &released(), &[]), &worker).await.unwrap();
    assert_eq!(books.operations(), ["GetItem"]);
}

#[tokio::test]
async fn what_has_ended_another_way_stays_so_and_the_message_is_done() {
    let (books, hold) = held().await;
    books.store.end(&hold, &released()).await.unwrap();
    handle(message(&hold, &settle(2), &[]), &worker(&books, 360)).await.unwrap();
    assert_eq!(books.available(&hold.account).await, 10);
}

#[tokio::test]
async fn a_message_that_can_never_be_right_fails_and_moves_nothing() {
    let (books, hold) = held().await;
    let never_placed = hold_at(&hold.account, 7, now());
    let rows = [
        (&never_placed, vec![], "there is no hold"),
        (&hold, vec![("account", json!("user_2"))], "there is no hold"),
        (&hold, vec![("amount", json!(8))], "is of 7 credits and its message tells of 8"),
        (&hold, vec![("charged", json!(8))], "no settle of version 1"),
        (&hold, vec![("version", json!(2))], "no settle of version 1"),
        (&hold, vec![("more", json!("secret"))], "no settle of version 1"),
        (&hold, vec![("at", json!(later(3_600).to_string()))], "in the future"),
    ];
    for (hold, changes, why) in rows {
        let queued = message(hold, &settle(2), &changes);
        let error = handle(queued, &worker(&books, 360)).await.unwrap_err();
        let text = startup::error_chain(&error);
        assert!(text.contains(why) && !text.contains("secret"), "{changes:?}: {text}");
    }
    assert_eq!(books.available(&hold.account).await, 3);
}

#[tokio::test]
async fn a_table_out_of_reach_fails_the_message_and_the_next_delivery_finishes_it() {
    let (books, hold) = held().await;
    let (worker, queued) = (worker(&books, 360), message(&hold, &settle(2), &[]));
    books.front.down(true);
    let failed = handle(queued.clone(), &worker).await;
    let unreachable =
        matches!(failed, Err(WorkError::NotEnded { source: StoreError::Unavailable(_), .. }));
    assert!(unreachable, "{failed:?}");
    books.front.down(false);
    handle(queued, &worker).await.unwrap();
    assert_eq!(books.available(&hold.account).await, 8);
}

#[tokio::test]
async fn a_settle_is_judged_by_when_it_was_decided_and_not_by_when_it_is_delivered() {
    let (books, user) = Harness::opened(0).await;
    books.submit(&user, grant(10, Some(later(600)))).await.unwrap();
    let hold = hold_at(&user, 7, now());
    books.store.hold(&hold, credits(0)).await.unwrap();
    books.front.reset();
    handle(message(&hold, &settle(2), &[]), &worker(&books, 700)).await.unwrap();
    // No expiry was run on the way, as none would have been five seconds after the hold.
    assert_eq!(books.operations(), ["GetItem", "TransactWriteItems"]);
    assert_eq!(books.available_at(&user, later(700)).await, 8);
    let action = ledger::command::Action::Expire;
    let id = startup::new_ulid(later(700));
    let expire = ledger::command::Command { id, actor: admin(), action };
    books.store.submit(&user, &expire, later(700)).await.unwrap();
    assert_eq!(books.available_at(&user, later(700)).await, 0);
}

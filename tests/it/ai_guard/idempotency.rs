//! Calls with an `Idempotency-Key`: made once, charged once, answered as often as they are sent.

mod faults;

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    CHAT, IMAGE, STREAM,
    world::{Answer, World},
};
use crate::harness::grant;

/// The event as a call with this key.
fn with_key(event: &str, key: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["headers"]["idempotency-key"] = json!(key);
    event.to_string()
}

async fn keyed(world: &World, event: &str, changes: Value, key: &str) -> Answer {
    world.call(&with_key(event, key), changes).await
}

fn hold(answer: &Answer) -> &str {
    answer.header("x-credits-hold").unwrap()
}

/// A repeat is answered as the first was, and says so.
#[track_caller]
fn assert_replayed(first: &Answer, again: &Answer, charged: &str) {
    assert_eq!((again.status, events(again)), (first.status, events(first)));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("x-credits-charged"), Some(charged));
    assert_eq!(hold(again), hold(first));
}

/// The answer without the last event of a stream, which tells the balance of now.
fn events(answer: &Answer) -> &str {
    answer.body.split_once("event: credits").map_or(&*answer.body, |(events, _)| events)
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_and_neither_made_nor_charged() {
    let world = World::start(&[]).await;
    for (event, changes, charged) in [(CHAT, json!({}), 1), (IMAGE, json!({"n": 1}), 5)] {
        let (requests, left) = (world.provider.request_count(), world.available().await);
        let first = keyed(&world, event, changes.clone(), "k").await;
        assert_eq!(first.status, 200, "{}", first.body);
        let again = keyed(&world, event, changes, "k").await;
        assert_replayed(&first, &again, &charged.to_string());
        assert_eq!(again.header("cache-control"), Some("no-store"));
        let remaining = (left - charged).to_string();
        assert_eq!(again.header("x-credits-remaining"), Some(remaining.as_str()));
        assert_eq!(world.provider.request_count(), requests + 1);
        assert_eq!(world.available().await, left - charged);
    }
    let without = world.call(CHAT, json!({})).await;
    assert_eq!((without.status, without.header("idempotent-replayed")), (200, None));
    assert_eq!(keyed(&world, CHAT, json!({}), "k").await.header("x-credits-remaining"), Some("3"));
}

#[tokio::test]
async fn a_call_with_a_key_costs_an_item_more_before_and_one_after() {
    let world = World::start(&[]).await;
    keyed(&world, CHAT, json!({}), "k").await;
    let mut operations = world.books.operations();
    operations[2..].sort_unstable();
    let expected = ["TransactWriteItems", "GetItem", "GetItem", "PutItem", "PutItem"];
    assert_eq!(operations, expected, "the hold, the balance; the answer, the outcome");
}

#[tokio::test]
async fn the_replay_of_a_stream_is_a_stream_wherever_it_is_asked_for() {
    let world = World::start(&[]).await;
    let first = keyed(&world, STREAM, json!({}), "k").await;
    assert_eq!((first.status, first.header("x-credits-held")), (200, Some("1")));
    assert!(events(&first).ends_with("data: [DONE]\n\n"), "{}", first.body);
    world.call(CHAT, json!({})).await;
    let again = keyed(&world, STREAM, json!({}), "k").await;
    assert_replayed(&first, &again, "1");
    let (_, credits) = again.body.split_once("event: credits\ndata: ").unwrap();
    let credits: Value = serde_json::from_str(credits.trim()).unwrap();
    assert_eq!((&credits["charged"], &credits["remaining"]), (&json!(1), &json!(8)));
    // The same bytes at the HTTP API, which can only answer whole.
    let mut whole: Value = serde_json::from_str(CHAT).unwrap();
    let stream: Value = serde_json::from_str(STREAM).unwrap();
    whole["body"] = stream["body"].clone();
    let collected = keyed(&world, &whole.to_string(), json!({}), "k").await;
    assert_replayed(&first, &collected, "1");
    assert_eq!(world.available().await, 8);
    let first = keyed(&world, CHAT, json!({"stream": true}), "collected").await;
    let again = keyed(&world, CHAT, json!({"stream": true}), "collected").await;
    assert_replayed(&first, &again, "1");
    assert_eq!(world.available().await, 7);
}

#[tokio::test]
async fn a_stream_that_broke_and_was_charged_is_given_again_as_it_was() {
    let world = World::start(&[]).await;
    let first = keyed(&world, STREAM, json!({"model": "stand-in-breaks"}), "k").await;
    assert!(events(&first).contains("\"error\""), "{}", first.body);
    let again = keyed(&world, STREAM, json!({"model": "stand-in-breaks"}), "k").await;
    assert_replayed(&first, &again, "1");
    assert_eq!((world.provider.request_count(), world.available().await), (1, 9));
}

#[tokio::test]
async fn both_paths_of_a_chat_are_one_route_and_an_image_is_another() {
    let world = World::start(&[]).await;
    let first = keyed(&world, CHAT, json!({}), "k").await;
    let other_path = CHAT.replace("/api/ai/chat", "/v1/chat/completions");
    assert_replayed(&first, &keyed(&world, &other_path, json!({}), "k").await, "1");
    let image = keyed(&world, IMAGE, json!({"n": 1}), "k").await;
    assert_eq!((image.status, image.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn a_key_is_for_one_body_and_has_to_be_one() {
    let world = World::start(&[]).await;
    keyed(&world, CHAT, json!({}), "k").await;
    let other = keyed(&world, CHAT, json!({"temperature": 0}), "k").await;
    assert_eq!(other.refusal(), (422, "idempotency_key_reused".to_owned(), None));
    let path = CHAT.replace("/api/ai/chat", "/v1/chat/completions");
    let other = keyed(&world, &path, json!({"temperature": 0}), "k").await;
    assert_eq!(other.json()["error"]["code"], "idempotency_key_reused");
    let other = keyed(&world, CHAT, json!({}), "a b").await;
    assert_eq!(other.refusal(), (400, "invalid_idempotency_key".to_owned(), None));
    assert_eq!((world.provider.request_count(), world.available().await), (1, 9));
}

#[tokio::test]
async fn a_call_that_failed_is_made_again_under_its_key() {
    let world = World::start(&[]).await;
    for _ in 0..2 {
        let failed = keyed(&world, CHAT, json!({"model": "stand-in-fails"}), "k").await;
        assert_eq!(failed.refusal(), (502, "provider_error".to_owned(), Some("0")));
    }
    assert_eq!((world.provider.request_count(), world.available().await), (2, 10));
    let nothing = keyed(&world, CHAT, json!({"model": "stand-in-no-content"}), "l").await;
    let again = keyed(&world, CHAT, json!({"model": "stand-in-no-content"}), "l").await;
    assert_eq!((nothing.status, again.header("idempotent-replayed")), (200, None));
    assert_ne!(hold(&nothing), hold(&again));
}

#[tokio::test]
async fn a_call_that_could_not_be_paid_works_under_its_key_once_it_can() {
    let world = World::start(&[]).await;
    let short = keyed(&world, IMAGE, json!({"n": 3}), "k").await;
    assert_eq!(short.refusal(), (402, "insufficient_credits".to_owned(), None));
    world.books.submit(&world.user, grant(5, None)).await.unwrap();
    let first = keyed(&world, IMAGE, json!({"n": 3}), "k").await;
    assert_eq!((first.status, first.header("x-credits-charged")), (200, Some("15")));
    let again = keyed(&world, IMAGE, json!({"n": 3}), "k").await;
    assert_replayed(&first, &again, "15");
    assert_eq!(again.header("x-credits-remaining"), Some("0"), "paid, with nothing left");
}

#[tokio::test]
async fn a_call_that_is_under_way_is_not_made_twice() {
    let world = World::with(&[], Duration::from_hours(1), None).await;
    let stalls = json!({"model": "stand-in-stalls"});
    let first = keyed(&world, STREAM, stalls.clone(), "k");
    let repeats = async {
        while world.provider.in_progress() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            let again = keyed(&world, STREAM, stalls.clone(), "k").await;
            assert_eq!(again.refusal(), (409, "idempotency_in_flight".to_owned(), None));
            assert_eq!(again.header("retry-after"), Some("1"));
        }
    };
    tokio::select! {
        answer = first => panic!("{}", answer.body),
        () = repeats => {}
    }
    assert_eq!(world.provider.request_count(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_made_and_all_are_answered() {
    let world = World::start(&[]).await;
    let call = async || loop {
        let answer = keyed(&world, CHAT, json!({}), "k").await;
        match answer.status {
            200 => return answer,
            _ => assert_eq!(answer.json()["code"], "idempotency_in_flight", "{}", answer.body),
        }
        tokio::task::yield_now().await;
    };
    let (a, b, c, d) = tokio::join!(call(), call(), call(), call());
    let bodies = [&a, &b, &c, &d].map(|answer| (&answer.body, hold(answer)));
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!((world.provider.request_count(), world.available().await), (1, 9));
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_keep_says_what_it_cost_and_is_not_made_again() {
    let world = World::start(&[]).await;
    let huge = json!({"model": "stand-in-huge", "stream": false, "stream_options": null});
    let first = keyed(&world, STREAM, huge.clone(), "k").await;
    let (status, charged) = (first.status, first.header("x-credits-charged"));
    assert_eq!((status, charged), (200, Some("1")), "{:.500}", first.body);
    let again = keyed(&world, STREAM, huge, "k").await;
    assert_eq!(again.refusal(), (409, "already_charged".to_owned(), None));
    assert_eq!(again.json()["charged"], 1);
    assert_eq!(again.header("x-should-retry"), Some("false"));
    assert_eq!((world.provider.request_count(), world.available().await), (1, 9));
}

#[tokio::test]
async fn a_call_whose_hold_was_lowered_is_replayed_like_any_other() {
    let world = World::metered(&[], 60).await;
    let first = keyed(&world, CHAT, json!({"model": "stand-in-1"}), "k").await;
    assert_eq!(first.status, 200, "{}", first.body);
    let charged = first.header("x-credits-charged").unwrap();
    let left = 60 - charged.parse::<i64>().unwrap();
    let again = keyed(&world, CHAT, json!({"model": "stand-in-1"}), "k").await;
    assert_replayed(&first, &again, charged);
    assert_eq!((world.provider.request_count(), world.available().await), (1, left));
}

#[tokio::test]
async fn while_nothing_is_charged_keys_are_not_looked_at() {
    for mode in ["off", "shadow"] {
        let world = World::start(&[("CREDITS_ENABLED", mode)]).await;
        for key in ["k", "k", "a b"] {
            let answer = keyed(&world, CHAT, json!({}), key).await;
            assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, None));
        }
        assert_eq!(world.provider.request_count(), 3, "{mode}");
        assert_eq!(world.books.kinds(&world.user).await, ["grant"]);
    }
}

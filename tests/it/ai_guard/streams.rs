//! Streams: what is passed on, when it is settled, and what is charged when one breaks.

use serde_json::json;

use super::{
    CHAT, GUARDED, STREAM,
    world::{Answer, World, with_body},
};
use crate::harness::now;

/// The last events of a stream, blank lines taken out.
pub(crate) fn last_events(answer: &Answer, count: usize) -> Vec<&str> {
    let mut events: Vec<&str> = answer.body.split("\n\n").filter(|e| !e.is_empty()).collect();
    events.split_off(events.len().saturating_sub(count))
}

pub(crate) fn credits(charged: i64, remaining: i64) -> String {
    format!(
        "event: credits\ndata: {{\"charged\":{charged},\"choices\":[],\"remaining\":{remaining}}}"
    )
}

#[tokio::test]
async fn a_stream_ends_with_done_and_then_the_credits() {
    let world = World::start(&[]).await;
    let answer = world.call(STREAM, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(last_events(&answer, 2), ["data: [DONE]", &credits(1, 9)]);
    let headers = ["content-type", "x-credits-held", "x-credits-remaining", "x-credits-charged"];
    let found = headers.map(|name| answer.header(name));
    assert_eq!(found, [Some("text/event-stream"), Some("1"), Some("9"), None]);
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(world.books.operations(), GUARDED);
    assert_eq!(world.available().await, 9);
}

#[tokio::test]
async fn a_stream_that_breaks_is_charged_once_content_was_sent() {
    let rows = [
        ("stand-in-breaks", Some("provider_unreachable"), 1),
        ("stand-in-breaks-at-once", Some("provider_unreachable"), 0),
        ("stand-in-stalls-midway", Some("provider_timeout"), 1),
        ("stand-in-error-event", Some("provider_error"), 1),
        ("stand-in-no-done", None, 1),
        ("stand-in-no-choices", None, 0),
        ("stand-in-no-content", None, 0),
    ];
    for (model, code, charged) in rows {
        let world = World::start(&[]).await;
        let answer = world.call(STREAM, json!({"model": model})).await;
        assert_eq!(answer.status, 200, "{model}");
        let last = last_events(&answer, 2);
        assert_eq!(last[1], credits(charged, 10 - charged), "{model}");
        let error = last[0].contains("\"error\"");
        assert_eq!(error, code.is_some(), "{model}: {}", last[0]);
        assert!(error || last[0] == "data: [DONE]", "{model}: an sdk reads on: {}", last[0]);
        assert!(code.is_none_or(|code| last[0].contains(code)), "{model}: {}", last[0]);
        assert!(!answer.body.contains("internal"), "{model}");
        assert_eq!(world.available().await, 10 - charged, "{model}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_an_error_with_a_status() {
    let world = World::start(&[]).await;
    let rows = [
        ("stand-in-fails", 502, "provider_error"),
        ("stand-in-stalls", 504, "provider_timeout"),
        ("stand-in-empty", 502, "provider_empty"),
        ("stand-in-rubbish", 502, "provider_malformed"),
    ];
    for (model, status, code) in rows {
        let answer = world.call(STREAM, json!({"model": model})).await;
        assert_eq!(answer.refusal(), (status, code.to_owned(), Some("0")), "{model}");
        assert_eq!(answer.json()["error"]["code"], code, "the sdks read an object here");
        assert_eq!(world.available().await, 10, "{model}");
    }
}

#[tokio::test]
async fn a_stream_behind_the_http_api_is_answered_whole_or_not_at_all() {
    let world = World::start(&[]).await;
    let answer = world.call(CHAT, json!({"stream": true})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("1")));
    assert_eq!(last_events(&answer, 2), ["data: [DONE]", &credits(1, 9)]);
    let rows = [
        ("stand-in-breaks", 502, "provider_unreachable"),
        ("stand-in-stalls-midway", 504, "provider_timeout"),
        ("stand-in-error-event", 502, "provider_error"),
        ("stand-in-huge", 502, "answer_too_large"),
    ];
    for (model, status, code) in rows {
        let answer = world.call(CHAT, json!({"stream": true, "model": model})).await;
        assert_eq!(answer.refusal(), (status, code.to_owned(), Some("0")), "{model}");
        assert_eq!(world.available().await, 9, "{model}");
    }
}

#[tokio::test]
async fn a_stream_with_credits_off_says_that_there_is_no_limit() {
    let world = World::start(&[("CREDITS_ENABLED", "0")]).await;
    let answer = world.call(STREAM, json!({})).await;
    let event = "event: credits\ndata: {\"charged\":0,\"choices\":[],\"remaining\":null,\"unlimited\":true}";
    assert_eq!(last_events(&answer, 2), ["data: [DONE]", event]);
    assert_eq!(answer.header("x-credits-charged"), Some("0"));
    assert_eq!(answer.header("x-credits-remaining"), Some("unlimited"));
    assert_eq!(world.books.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_caller_who_leaves_a_stream_is_charged_for_it() {
    let world = World::start(&[]).await;
    let body =
        with_body(STREAM, json!({"messages": [{"role": "user", "content": "a ".repeat(2_000)}]}));
    let response = world.respond(STREAM, &body, None).await;
    assert_eq!(response.status(), 200);
    drop(response);
    while !world.books.operations().contains(&"PutItem".to_owned()) {
        tokio::task::yield_now().await;
    }
    while !world.books.store.open_holds(&world.user, now()).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.available().await, 9);
}

//! `ai-guard` in process: its router on a real table, in front of the stand-in provider.

mod faults;
mod holds;
mod idempotency;
mod start;
mod streams;
mod token_streams;
mod tokens;
mod world;

use http::StatusCode;
use http_body_util::BodyExt;
use local::fault::Fault;
use serde_json::{Value, json};
use tower::ServiceExt;

use self::world::World;
use crate::harness::now;

const CHAT: &str = include_str!("../../events/ai-guard-chat.json");
const IMAGE: &str = include_str!("../../events/ai-guard-image.json");
const STREAM: &str = include_str!("../../events/ai-guard-stream.json");

/// The writes and reads of a call at a fixed price: a hold, the balance meanwhile, an outcome.
const GUARDED: [&str; 3] = ["TransactWriteItems", "GetItem", "PutItem"];

#[tokio::test]
async fn a_guarded_call_is_one_write_before_and_one_after_and_one_read_meanwhile() {
    let world = World::start(&[]).await;
    let answer = world.call(CHAT, json!({"x_unknown": {"kept": [1, null]}})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "You said: Say hello.");
    assert_eq!(answer.header("x-credits-charged"), Some("1"));
    assert_eq!(answer.header("x-credits-remaining"), Some("9"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(world.books.operations(), GUARDED);
    assert_eq!(world.provider.requests()[0].body["x_unknown"], json!({"kept": [1, null]}));
    assert_eq!(world.available().await, 9);
    let holds = world.books.store.open_holds(&world.user, now()).await.unwrap();
    assert_eq!(holds, []);
}

#[tokio::test]
async fn images_cost_their_number_times_the_price_once() {
    let world = World::start(&[]).await;
    let answer = world.call(IMAGE, json!({"n": 2})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("10")));
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(world.available().await, 0);
}

#[tokio::test]
async fn a_call_that_cannot_be_paid_is_refused_in_one_round_trip_and_never_made() {
    let world = World::start(&[]).await;
    let answer = world.call(IMAGE, json!({"n": 3})).await;
    assert_eq!(answer.refusal(), (402, "insufficient_credits".to_owned(), None));
    assert_eq!(answer.json()["required"], 15);
    assert_eq!(answer.json()["available"], 10);
    assert_eq!(world.books.operations(), ["TransactWriteItems"]);
    assert_eq!(world.provider.request_count(), 0);
}

#[tokio::test]
async fn a_call_that_fails_before_its_first_byte_costs_nothing_and_leaks_nothing() {
    let world = World::start(&[]).await;
    let rows = [
        ("stand-in-fails", 502, "provider_error"),
        ("stand-in-rejects", 502, "provider_error"),
        ("stand-in-rate-limited", 502, "provider_error"),
        ("stand-in-stalls", 504, "provider_timeout"),
        ("stand-in-stalls-midway", 504, "provider_timeout"),
        ("stand-in-breaks", 502, "provider_unreachable"),
        ("stand-in-breaks-at-once", 502, "provider_unreachable"),
        ("stand-in-empty", 502, "provider_empty"),
        ("stand-in-no-choices", 502, "provider_empty"),
        ("stand-in-rubbish", 502, "provider_malformed"),
        ("stand-in-error-event", 502, "provider_error"),
        ("stand-in-huge", 502, "answer_too_large"),
    ];
    for (model, status, code) in rows {
        let answer = world.call(CHAT, json!({"model": model})).await;
        assert_eq!(answer.refusal(), (status, code.to_owned(), Some("0")), "{model}");
        assert!(answer.header("x-credits-hold").is_some());
        let told = format!("{:?}{}", answer.headers, answer.body);
        for secret in ["internal", "org-stand-in", "stand-in-key", "__cf_bm"] {
            assert!(!told.contains(secret), "{model}: {told}");
        }
        assert_eq!(world.available().await, 10, "{model}");
    }
    let refused = world.call(CHAT, json!({"model": "stand-in-fails"})).await;
    assert_eq!(refused.json()["providerStatus"], 500);
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_passed_on_and_costs_nothing() {
    let world = World::start(&[]).await;
    let answer = world.call(CHAT, json!({"model": "stand-in-no-content"})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("0")));
    assert_eq!(answer.header("x-credits-remaining"), Some("10"));
    assert_eq!(world.available().await, 10);
}

#[tokio::test]
async fn credits_that_are_off_touch_no_table_and_block_nothing() {
    let world = World::start(&[("CREDITS_ENABLED", "off")]).await;
    world.books.front.down(true);
    let answer = world.call(IMAGE, json!({"n": 10})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("0")));
    assert_eq!(answer.header("x-credits-remaining"), Some("unlimited"));
    assert_eq!(answer.header("x-credits-hold"), None);
    let refused = world.call(CHAT, json!({"n": 0})).await;
    assert_eq!(refused.refusal(), (400, "invalid_field".to_owned(), None));
    assert_eq!(world.books.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn shadow_reads_one_balance_writes_nothing_and_blocks_nothing() {
    let world = World::start(&[("CREDITS_ENABLED", "shadow")]).await;
    let answer = world.call(IMAGE, json!({"n": 10})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("0")));
    assert_eq!(answer.header("x-credits-remaining"), Some("10"));
    assert_eq!(world.books.operations(), ["GetItem"]);
    world.books.front.down(true);
    let answer = world.call(CHAT, json!({})).await;
    assert_eq!((answer.status, answer.header("x-credits-remaining")), (200, None));
}

#[tokio::test]
async fn a_balance_that_cannot_be_read_costs_a_header() {
    let world = World::start(&[]).await;
    world.books.front.next_n(100, "GetItem", Fault::ServerError);
    let answer = world.call(CHAT, json!({})).await;
    assert_eq!((answer.status, answer.header("x-credits-remaining")), (200, None));
    world.books.front.reset();
    assert_eq!(world.available().await, 9);
}

#[tokio::test]
async fn a_call_without_a_valid_price_is_never_free_by_accident() {
    for prices in [
        &[("ai_image_generation", "5")][..],
        &[("ai_text_chat", "-1"), ("ai_image_generation", "5")],
        &[("ai_text_chat", "0.5"), ("ai_image_generation", "5")],
    ] {
        let world = World::priced(prices).await;
        let answer = world.call(CHAT, json!({})).await;
        assert_eq!(answer.refusal(), (500, "price_missing".to_owned(), None), "{prices:?}");
        assert_eq!(world.provider.request_count(), 0);
        assert_eq!(world.available().await, 10);
    }
}

#[tokio::test]
async fn a_price_of_zero_is_held_and_settled_like_any_other() {
    let world = World::priced(&[("ai_text_chat", "0")]).await;
    let answer = world.call(CHAT, json!({})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("0")));
    assert_eq!(world.books.operations(), GUARDED);
    assert_eq!(world.books.kinds(&world.user).await, ["grant", "hold", "outcome"]);
}

#[tokio::test]
async fn a_path_of_the_sdks_that_does_not_exist_is_answered_in_their_words() {
    let world = World::start(&[]).await;
    for path in ["/v1/embeddings", "/v1", "/v1/", "/v1/chat/completions/1"] {
        let mut event: Value = serde_json::from_str(STREAM).unwrap();
        event["rawPath"] = json!(path);
        let answer = world.call(&event.to_string(), json!({})).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned(), None), "{path}");
        assert_eq!(answer.json()["error"]["code"], "not_found", "{path}: {}", answer.body);
    }
    let mut event: Value = serde_json::from_str(STREAM).unwrap();
    event["requestContext"]["http"]["method"] = json!("PUT");
    let answer = world.call(&event.to_string(), json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (405, &json!("method_not_allowed"))
    );
    event["rawPath"] = json!("/api/ai/embeddings");
    let answer = world.call(&event.to_string(), json!({})).await;
    assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn who_may_not_call_is_refused_before_anything_else() {
    let world = World::start(&[("PROVIDER_MODELS", "gpt-4o-mini")]).await;
    let answer = world.call(CHAT, json!({"model": "other"})).await;
    assert_eq!(answer.refusal(), (400, "model_not_allowed".to_owned(), None));
    let answer = world.call(CHAT, json!({"x": "a".repeat(10_000)})).await;
    assert_eq!(answer.refusal(), (413, "body_too_large".to_owned(), None));
    let request = startup::request_from_event(STREAM, now(), None).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["code"], "token_invalid");
    assert_eq!(world.books.operations(), Vec::<String>::new());
    assert_eq!(world.provider.request_count(), 0);
}

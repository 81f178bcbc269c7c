//! One user's calls, one at a time: what is charged, what is not, what each costs the table.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use local::fault::Call;
use serde_json::json;

use super::town::{Town, read};
use crate::harness::account;

fn operations(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.operation.as_str()).collect()
}

#[tokio::test]
async fn a_signed_in_user_calls_is_charged_and_sees_it() {
    let town = Town::start().await;
    let reply = town.client.chat("gpt-4o-mini").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert!(reply.json()["choices"][0]["message"]["content"].as_str().unwrap().contains("three"));
    assert_eq!(reply.header("x-credits-charged"), "1");
    assert_eq!(reply.header("x-credits-remaining"), "99");
    let me = town.client.get("/api/credits/me").await.json();
    assert_eq!((&me["creditsRemaining"], &me["creditsEnabled"]), (&json!(99), &json!(true)));
    let body = json!({ "model": "gpt-image-1", "prompt": "a heron", "n": 3 });
    let image = town.client.post("/api/ai/image", &body).await;
    assert_eq!((image.status, image.header("x-credits-charged")), (StatusCode::OK, "15"));
    let history = town.client.get("/api/credits/history").await.json();
    assert_eq!(history["entries"].as_array().unwrap().len(), 5, "{history}");
    assert_eq!(town.books_of("user_1").await, 84);
}

#[tokio::test]
async fn a_fixed_price_call_is_a_write_before_a_write_after_and_a_read_meanwhile() {
    let town = Town::counted().await;
    town.client.chat("gpt-4o-mini").await;
    town.front().reset();
    town.front().count_capacity(true);
    assert_eq!(town.client.chat("gpt-4o-mini").await.status, StatusCode::OK);
    let calls = town.front().calls();
    assert_eq!(operations(&calls), ["TransactWriteItems", "GetItem", "PutItem"]);
    assert_eq!(calls.iter().map(|call| call.capacity_write).sum::<u64>(), 6);
    assert_eq!(calls.iter().map(|call| call.capacity_read_halves).sum::<u64>(), 1);
    town.front().reset();
    let body = json!({ "model": "m", "prompt": "p", "n": 10 });
    for _ in 0..2 {
        town.client.post("/api/ai/image", &body).await;
    }
    town.front().reset();
    let refused = town.client.post("/api/ai/image", &body).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED, "{}", refused.text);
    let problem = refused.json();
    assert_eq!(
        (&problem["error"], &problem["required"]),
        (&json!("insufficient_credits"), &json!(50))
    );
    assert_eq!(problem["available"], 48);
    assert_eq!(operations(&town.front().calls()), ["TransactWriteItems"]);
    town.front().reset();
    town.client.get("/api/credits/me").await;
    assert_eq!(operations(&town.front().calls()), ["Query"]);
}

#[tokio::test]
async fn a_function_connects_and_reads_its_settings_before_it_asks_for_work() {
    // `Town::start` returns when every process has asked for its first invocation.
    let town = Town::counted().await;
    let calls = town.front().calls();
    let mut reads = operations(&calls);
    reads.sort_unstable();
    // One harmless read by each function that somebody may wait for, and the plans that
    // `credits-me` keeps; `admin-settings` and `audit-ledger` read once they are asked to.
    assert_eq!(reads, [["GetItem"; 6].as_slice(), &["Query"]].concat());
    town.front().reset();
    town.client.chat("gpt-4o-mini").await;
    let unopened = ["TransactWriteItems", "TransactGetItems", "TransactWriteItems"];
    let calls = town.front().calls();
    assert_eq!(operations(&calls)[..3], unopened, "the first call opens the account, no more");
}

#[tokio::test]
async fn a_stream_arrives_while_the_provider_is_still_working() {
    let change = |options: &mut local::stack::Options| {
        let idle = ("PROVIDER_IDLE_MS".to_owned(), "700".to_owned());
        options.environment.extend([idle]);
    };
    let town = Town::with(change).await;
    let mut response = town.client.stream("stand-in-stalls-midway").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-credits-held"], "1");
    let mut text = String::new();
    while !text.contains("content") {
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert_eq!(town.provider.in_progress(), 1, "the provider hangs, and its words are here");
    text.push_str(&read(response).await.text);
    assert!(text.contains("\"error\""), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
    assert!(
        text.contains("event: credits\ndata: {\"charged\":1,\"choices\":[],\"remaining\":99}"),
        "{text}"
    );
    assert_eq!(town.books_of("user_1").await, 99);
}

#[tokio::test]
async fn a_stream_ends_with_done_and_then_what_it_cost() {
    let town = Town::start().await;
    let reply = read(town.client.stream("gpt-4o-mini").await).await;
    let (words, end) = reply.text.split_once("data: [DONE]\n\n").unwrap();
    assert!(words.contains("chat.completion.chunk"));
    assert_eq!(end, "event: credits\ndata: {\"charged\":1,\"choices\":[],\"remaining\":99}\n\n");
    assert_eq!(town.books_of("user_1").await, 99);
}

#[tokio::test]
async fn a_stream_of_several_choices_costs_each_of_them() {
    let town = Town::start().await;
    let mut body = super::town::chat("gpt-4o-mini");
    body["stream"] = json!(true);
    body["n"] = json!(3);
    let url = format!("{}/v1/chat/completions", town.client.streaming);
    let reply = read(town.client.open(&url, &body).await).await;
    assert!(
        reply.text.contains("{\"charged\":3,\"choices\":[],\"remaining\":97}"),
        "{}",
        reply.text
    );
    assert_eq!(town.books_of("user_1").await, 97);
}

#[tokio::test]
async fn a_hold_lives_as_long_as_the_setting_says() {
    let town = Town::with(|options| {
        options.settings.insert("HOLD_SECONDS".to_owned(), "77".to_owned());
    })
    .await;
    town.client.chat("gpt-4o-mini").await;
    let page = town.store.history(&account("user_1"), 10, None).await.unwrap();
    let holds = page.entries.iter().filter_map(|entry| match &entry.cause {
        ledger::entry::Cause::Hold(terms) => Some(terms.expires_at.duration_since(entry.at)),
        _ => None,
    });
    assert_eq!(holds.collect::<Vec<_>>(), [jiff::SignedDuration::from_secs(77)]);
}

#[tokio::test]
async fn a_failed_or_aborted_generation_is_never_left_charged() {
    let change = |options: &mut local::stack::Options| {
        for name in ["PROVIDER_IDLE_MS", "PROVIDER_FIRST_BYTE_MS"] {
            options.environment.insert(name.to_owned(), "3000".to_owned());
        }
    };
    let town = Town::with(change).await;
    let failing = [
        ("stand-in-fails", 502, "provider_error"),
        ("stand-in-rate-limited", 502, "provider_error"),
        ("stand-in-rejects", 502, "provider_error"),
        ("stand-in-rubbish", 502, "provider_malformed"),
        ("stand-in-empty", 502, "provider_empty"),
        ("stand-in-no-choices", 502, "provider_empty"),
        ("stand-in-huge", 502, "answer_too_large"),
        ("stand-in-stalls", 504, "provider_timeout"),
    ];
    for (model, status, code) in failing {
        let reply = town.client.chat(model).await;
        let found = (reply.status.as_u16(), reply.json()["code"].clone());
        assert_eq!(found, (status, json!(code)), "{model}: {}", reply.text);
        for secret in ["stand-in-key", "org-stand-in", "inference-7"] {
            assert!(!reply.text.contains(secret), "{model}: {}", reply.text);
        }
    }
    for model in ["stand-in-breaks-at-once", "stand-in-no-content", "stand-in-empty"] {
        let reply = read(town.client.stream(model).await).await;
        assert!(!reply.text.contains("\"charged\":1"), "{model}: {}", reply.text);
    }
    assert_eq!(town.books_of("user_1").await, 100);
    assert_eq!(town.count(&account("user_1"), "outcome").await, 11);
    for model in ["stand-in-fails", "stand-in-breaks-at-once", "stand-in-breaks"] {
        let mut body = super::town::chat(model);
        body["stream"] = json!(true);
        let reply = town.client.post("/api/ai/chat", &body).await;
        assert_eq!(reply.status, StatusCode::BAD_GATEWAY, "{model}: {}", reply.text);
    }
    assert_eq!(town.books_of("user_1").await, 100, "nothing of a collected stream was sent");
    let broken = read(town.client.stream("stand-in-breaks").await).await;
    assert!(broken.text.contains("\"charged\":1"), "{}", broken.text);
    assert_eq!(town.books_of("user_1").await, 99);
}

#[tokio::test]
async fn an_outcome_the_table_cannot_take_is_queued_and_finished_once_the_table_is_back() {
    let town = Town::with(|options| settles_visible_after(options, 2)).await;
    town.client.chat("gpt-4o-mini").await;
    town.front().reset();
    let client = town.client.clone();
    let call = tokio::spawn(async move { client.chat("stand-in-slow").await });
    while !operations(&town.front().calls()).contains(&"GetItem") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    town.front().down(true);
    let reply = call.await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let user = account("user_1");
    assert_eq!(town.count(&user, "outcome").await, 1, "that of the first call");
    town.front().down(false);
    eventually("the outcome", async || (town.count(&user, "outcome").await == 2).then_some(()))
        .await;
    assert_eq!(town.books_of("user_1").await, 98);
    assert_eq!(town.count(&user, "charge").await, 0, "it is no late charge");
    town.expire_holds().await;
    assert_eq!(town.books_of("user_1").await, 98, "nothing is left for the expiry");
}

#[tokio::test]
async fn a_settle_nobody_can_finish_reaches_the_dead_letters_and_stops_no_other() {
    let town = Town::with(|options| settles_visible_after(options, 1)).await;
    let sqs = town.startup.sqs();
    let poison = r#"{"version":1,"account":"user_1","hold":"words of a poisoner"}"#;
    let queue = town.stack.queue_url("SettleQueue").unwrap();
    sqs.send_message().queue_url(queue).message_body(poison).send().await.unwrap();
    let dead_letters = town.stack.queue_url("SettleDeadLetters").unwrap();
    let letter = eventually("a dead letter", async || {
        let received = sqs.receive_message().queue_url(dead_letters).send().await.unwrap();
        received.messages.unwrap_or_default().pop()
    })
    .await;
    assert_eq!(letter.body(), Some(poison));
    let log = std::fs::read_to_string(town.stack.logs.join("retry-worker.log")).unwrap();
    assert_eq!(log.matches("a message failed and stays in its queue").count(), 5, "{log}");
    assert!(log.contains("the message is no settle of version 1"), "{log}");
    assert!(!log.contains("poisoner"), "{log}");
}

/// Lets a settle that failed come back after so many seconds instead of six minutes, in a stack
/// where requests can be counted.
fn settles_visible_after(options: &mut local::stack::Options, seconds: u64) {
    options.processes = 1;
    options.visibility_seconds.insert("SettleQueue".to_owned(), seconds);
}

/// What `look` finds, asked until it finds something; bounded by far more than it can take.
async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_mins(1), found).await;
    found.unwrap_or_else(|_| panic!("{what} did not come"))
}

#[tokio::test]
async fn the_table_out_of_reach_means_503_and_no_call_to_the_provider() {
    let town = Town::counted().await;
    town.front().down(true);
    let reply = town.client.chat("gpt-4o-mini").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.json()["code"], "ledger_unavailable");
    assert_eq!(town.provider.request_count(), 0);
}

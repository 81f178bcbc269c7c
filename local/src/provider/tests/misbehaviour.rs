//! Each model that fails does so in its own way, and only in that way.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::poll_fn;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde_json::{Value, json};

use super::super::{KEY, chat, reply};
use super::{Sdk, read};

#[tokio::test]
async fn models_that_refuse_answer_with_their_status() {
    let sdk = Sdk::new().await;
    for (model, status) in [("fails", 500), ("rate-limited", 429), ("rejects", 400)] {
        let body = json!({"model": format!("stand-in-{model}"), "prompt": "a cat",
                          "messages": [{"role": "user", "content": "x"}], "stream": true});
        for path in ["/chat/completions", "/images/generations"] {
            let response = sdk.send("POST", path, KEY, &body).await;
            assert_eq!(response.status(), status, "{model} {path}");
            let retry_after = response.headers().get("retry-after").map(|v| v.to_str().unwrap());
            assert_eq!(retry_after, (status == 429).then_some("7"));
            assert!(read(response).await.json()["error"]["message"].is_string());
        }
    }
}

#[tokio::test]
async fn streams_that_break_send_some_words_and_no_end() {
    let sdk = Sdk::new().await;
    for (model, words) in [("breaks", 3), ("breaks-at-once", 0)] {
        let model = format!("stand-in-{model}");
        let (status, read) = sdk.chat(json!({"model": model, "stream": true})).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(read.words().len(), words, "{model}");
        assert!(!read.whole, "{model}");
        assert!(read.text.contains(r#""role":"assistant""#));
        assert!(!read.text.contains("[DONE]"));
    }
}

#[tokio::test]
async fn a_stream_that_stalls_midway_gives_words_while_it_stays_open() {
    let sdk = Sdk::new().await;
    let body = json!({"model": "stand-in-stalls-midway", "stream": true,
                      "messages": [{"role": "user", "content": "a b c d"}]});
    let mut body = sdk.send("POST", "/chat/completions", KEY, &body).await.into_body();
    let mut text = String::new();
    while !text.contains(r#""content":"a ""#) {
        let frame = body.frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    let next = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context)));
    assert!(next.await.is_pending());
    assert_eq!(sdk.provider.in_progress(), 1);
    drop(body);
    while sdk.provider.in_progress() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_model_that_stalls_holds_the_request_until_its_caller_leaves() {
    let sdk = Sdk::new().await;
    let body = json!({"model": "stand-in-stalls", "messages": [{"role": "user"}]});
    let call = sdk.send("POST", "/chat/completions", KEY, &body);
    let arrived = async {
        while sdk.provider.in_progress() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = call => panic!("it answered"),
        () = arrived => {}
    }
    while sdk.provider.in_progress() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_that_end_badly_do_so_as_named() {
    let sdk = Sdk::new().await;
    let stream = async |model: &str| {
        let (status, read) = sdk.chat(json!({"model": model, "stream": true})).await;
        assert_eq!(status, StatusCode::OK);
        assert!(read.whole, "{model}");
        read
    };
    assert!(stream("stand-in-empty").await.text.is_empty());
    let rubbish = stream("stand-in-rubbish").await;
    assert!(!rubbish.events().is_empty() && rubbish.json_events().is_empty());
    let no_done = stream("stand-in-no-done").await;
    assert_eq!((no_done.words().len(), no_done.text.contains("[DONE]")), (5, false));
    let no_content = stream("stand-in-no-content").await;
    assert_eq!((no_content.words().len(), no_content.text.contains("[DONE]")), (0, true));
    assert!(no_content.text.contains(r#""finish_reason":"stop""#));
    let no_choices = stream("stand-in-no-choices").await;
    assert!(no_choices.json_events().iter().all(|event| event["choices"] == json!([])));
    let error = stream("stand-in-error-event").await;
    assert_eq!(error.words().len(), 2);
    assert!(error.json_events().last().unwrap()["error"]["message"].is_string());
    assert!(stream("stand-in-huge").await.text.len() > 7_000_000);
}

#[tokio::test]
async fn buffered_answers_go_wrong_as_named() {
    let sdk = Sdk::new().await;
    let buffered = async |model: &str| sdk.chat(json!({ "model": model })).await.1;
    for model in ["stand-in-breaks", "stand-in-breaks-at-once"] {
        assert!(!buffered(model).await.whole, "{model}");
    }
    assert!(buffered("stand-in-empty").await.text.is_empty());
    assert!(serde_json::from_str::<Value>(&buffered("stand-in-rubbish").await.text).is_err());
    assert_eq!(buffered("stand-in-no-choices").await.json()["choices"], json!([]));
    assert_eq!(
        buffered("stand-in-no-content").await.json()["choices"][0]["message"]["content"],
        ""
    );
    assert!(buffered("stand-in-error-event").await.json()["error"].is_object());
    assert!(buffered("stand-in-huge").await.text.len() > 7_000_000);
}

#[test]
fn the_slow_model_answers_three_seconds_late() {
    let body = json!({"model": "stand-in-slow", "messages": [{"role": "user", "content": "x"}]});
    let reply = chat::reply(&body, 1);
    assert_eq!(reply.start, reply::Start::After(Duration::from_secs(3)));
    assert_eq!(reply.status, StatusCode::OK);
}

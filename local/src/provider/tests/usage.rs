//! One word is one token, and each model says how many it took as its name promises.

use serde_json::{Value, json};

use super::{Read, Sdk};

async fn chat(body: Value) -> Read {
    Sdk::new().await.chat(body).await.1
}

/// A streamed chat that asks for its usage.
async fn counted(model: &str, prompt: &str) -> Read {
    chat(json!({"model": model, "stream": true, "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": prompt}]}))
    .await
}

#[tokio::test]
async fn usage_is_the_last_chunk_where_it_was_asked_for() {
    let body = json!({"model": "stand-in-1", "stream": true,
                      "stream_options": {"include_usage": true}});
    let (_, read) = Sdk::new().await.chat(body).await;
    let events = read.json_events();
    let (last, others) = events.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], 5);
    assert!(others.iter().all(|event| event.get("usage") == Some(&Value::Null)));
}

#[tokio::test]
async fn either_limit_shortens_the_answer() {
    for limit in ["max_tokens", "max_completion_tokens"] {
        let completion = chat(json!({"model": "stand-in-1", limit: 2})).await.json();
        assert_eq!(completion["choices"][0]["message"]["content"], "You said: ");
        assert_eq!(completion["choices"][0]["finish_reason"], "length");
        assert_eq!(completion["usage"]["completion_tokens"], 2, "{limit}");
        let read = chat(json!({"model": "stand-in-1", limit: 2, "stream": true})).await;
        assert_eq!(read.words(), ["You ", "said: "]);
        let events = read.json_events();
        assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "length");
    }
    let whole =
        chat(json!({"model": "stand-in-1", "max_tokens": 5, "max_completion_tokens": null}));
    assert_eq!(whole.await.json()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn the_words_of_every_message_and_every_choice_are_counted() {
    let parts = json!([{"type": "text", "text": "one two"}, {"type": "text", "text": " three"}]);
    let messages = json!([{"role": "system", "content": "be brief"},
                          {"role": "user", "content": parts}]);
    let read = chat(json!({"model": "stand-in-1", "messages": messages, "n": 3})).await;
    assert_eq!(
        read.json()["usage"],
        json!({"prompt_tokens": 5, "completion_tokens": 15, "total_tokens": 20})
    );
}

#[tokio::test]
async fn a_model_without_usage_never_sends_any() {
    let whole = chat(json!({"model": "stand-in-no-usage"})).await.json();
    assert!(whole["choices"][0]["message"]["content"].is_string());
    assert_eq!(whole.get("usage"), None);
    let read = counted("stand-in-no-usage", "hello").await;
    assert_eq!((read.words().len(), read.events().last()), (3, Some(&"[DONE]")));
    for event in read.json_events() {
        assert_eq!((event.get("usage"), event["choices"].as_array().unwrap().len()), (None, 1));
    }
}

#[tokio::test]
async fn odd_usage_is_as_odd_as_the_first_word_of_the_prompt_says() {
    for (prompt, prompt_tokens, completion_tokens) in [
        ("negative please", json!(-3), json!(-5)),
        ("fractional", json!(3.5), json!(5.25)),
        ("huge", json!(u64::MAX), json!(1e30)),
        ("text", json!("3"), json!("five")),
        ("null", Value::Null, Value::Null),
        ("hello", json!(1), json!(3)),
    ] {
        let messages = json!([{"role": "user", "content": prompt}]);
        let whole = chat(json!({"model": "stand-in-odd-usage", "messages": messages})).await;
        let read = counted("stand-in-odd-usage", prompt).await;
        for usage in [&whole.json()["usage"], &read.json_events().last().unwrap()["usage"]] {
            assert_eq!(usage["prompt_tokens"], prompt_tokens, "{prompt}");
            assert_eq!(usage["completion_tokens"], completion_tokens, "{prompt}");
        }
    }
}

#[tokio::test]
async fn a_greedy_model_says_and_reports_more_than_it_was_allowed() {
    for (limit, tokens) in [(1, 11), (4_096, 4_106), (u64::MAX, 20_000)] {
        let body = json!({"model": "stand-in-greedy", "max_tokens": limit});
        let completion = chat(body).await.json();
        let said = completion["choices"][0]["message"]["content"].as_str().unwrap();
        assert_eq!(said.split_whitespace().count(), tokens);
        assert_eq!(completion["usage"]["completion_tokens"], tokens);
        assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    }
    let free = chat(json!({"model": "stand-in-greedy"})).await.json();
    assert_eq!(free["choices"][0]["message"]["content"], "You said: hello over there");
}

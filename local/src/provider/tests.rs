//! The stand-in answers as the real provider does, and fails exactly as its model names say.

mod misbehaviour;
mod usage;

use std::time::Duration;

use bytes::Bytes;
use http::{Request as HttpRequest, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{KEY, Options, Provider, start_with};

/// What was read of a body, and whether it came to its proper end.
struct Read {
    text: String,
    whole: bool,
}

impl Read {
    /// The data of each server-sent event; an unfinished event does not count.
    fn events(&self) -> Vec<&str> {
        let (finished, _) = self.text.rsplit_once("\n\n").unwrap_or_default();
        finished.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
    }

    fn json_events(&self) -> Vec<Value> {
        self.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect()
    }

    fn words(&self) -> Vec<String> {
        let content =
            |event: &Value| event["choices"][0]["delta"]["content"].as_str().map(String::from);
        self.json_events().iter().filter_map(content).filter(|word| !word.is_empty()).collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

struct Sdk {
    provider: Provider,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Sdk {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let options = Options { word_pause: Duration::from_millis(1), ..Options::default() };
        let provider = start_with(listener, options).unwrap();
        Self { provider, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn send(&self, method: &str, path: &str, key: &str, body: &Value) -> Response<Incoming> {
        let request = HttpRequest::builder()
            .method(method)
            .uri(format!("{}{path}", self.provider.base_url))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Full::new(body.to_string().into()))
            .unwrap();
        self.client.request(request).await.unwrap()
    }

    async fn chat(&self, body: Value) -> (StatusCode, Read) {
        let mut whole = json!({"messages": [{"role": "user", "content": "hello over there"}]});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let response = self.send("POST", "/chat/completions", KEY, &whole).await;
        (response.status(), read(response).await)
    }

    async fn image(&self, body: &Value) -> (StatusCode, Read) {
        let response = self.send("POST", "/images/generations", KEY, body).await;
        (response.status(), read(response).await)
    }
}

async fn read(response: Response<Incoming>) -> Read {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Read { text: String::from_utf8(bytes).unwrap(), whole: false };
        };
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    Read { text: String::from_utf8(bytes).unwrap(), whole: true }
}

#[tokio::test]
async fn a_buffered_chat_repeats_the_last_user_message() {
    let (status, read) = Sdk::new().await.chat(json!({"model": "stand-in-1"})).await;
    let completion = read.json();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(completion["object"], "chat.completion");
    assert_eq!(completion["choices"][0]["message"]["content"], "You said: hello over there");
    assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        completion["usage"],
        json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8})
    );
}

#[tokio::test]
async fn a_streamed_chat_sends_role_words_finish_reason_and_done() {
    let (_, read) = Sdk::new().await.chat(json!({"model": "stand-in-1", "stream": true})).await;
    let events = read.json_events();
    assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(read.words(), ["You ", "said: ", "hello ", "over ", "there"]);
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(events.iter().all(|event| event.get("usage").is_none()));
    assert_eq!(read.events().last(), Some(&"[DONE]"));
    assert!(read.whole);
}

#[tokio::test]
async fn every_choice_that_is_asked_for_is_made() {
    let sdk = Sdk::new().await;
    let (_, read) = sdk.chat(json!({"model": "stand-in-1", "n": 3})).await;
    assert_eq!(read.json()["choices"].as_array().unwrap().len(), 3);
    let (_, read) = sdk.chat(json!({"model": "stand-in-1", "n": 2, "stream": true})).await;
    let ended =
        read.json_events().iter().filter(|e| e["choices"][0]["finish_reason"] == "stop").count();
    assert_eq!(ended, 2);
}

#[tokio::test]
async fn malformed_requests_are_refused_in_the_providers_shape() {
    let sdk = Sdk::new().await;
    for (body, param) in [
        (json!({}), "model"),
        (json!({"model": "stand-in-1", "messages": []}), "messages"),
        (json!({"model": "stand-in-1", "n": 0}), "n"),
        (json!({"model": "stand-in-1", "max_tokens": 0}), "max_tokens"),
        (json!({"model": "stand-in-1", "max_completion_tokens": 2.5}), "max_completion_tokens"),
        (json!({"model": "stand-in-1", "stream_options": {}}), "stream_options"),
    ] {
        let (status, read) = sdk.chat(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(read.json()["error"]["param"], param);
    }
    let response = sdk.send("GET", "/nothing", KEY, &Value::Null).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_key_is_401_and_its_ends_are_repeated() {
    let sdk = Sdk::new().await;
    let response = sdk.send("GET", "/models", "secret-key-of-someone", &Value::Null).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let error = read(response).await.json()["error"].clone();
    assert_eq!(error["code"], "invalid_api_key");
    assert_eq!(error["message"], "Incorrect API key provided: secret-k************eone.");
}

#[tokio::test]
async fn requests_are_kept_with_unknown_fields_and_without_the_key() {
    let sdk = Sdk::new().await;
    sdk.chat(json!({"model": "stand-in-1", "reasoning_effort": {"x": [1]}})).await;
    let [request] = sdk.provider.requests().try_into().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.body["reasoning_effort"], json!({"x": [1]}));
    assert!(request.authorized);
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(!format!("{request:?}").contains(KEY));
    sdk.provider.forget_requests();
    assert_eq!((sdk.provider.requests().len(), sdk.provider.request_count()), (0, 1));
}

#[tokio::test]
async fn images_are_urls_that_can_be_fetched_or_base64() {
    let sdk = Sdk::new().await;
    let (_, read_urls) = sdk.image(&json!({"prompt": "a cat", "n": 2})).await;
    let urls = read_urls.json()["data"].clone();
    assert_eq!(urls.as_array().unwrap().len(), 2);
    let picture = sdk.client.get(urls[0]["url"].as_str().unwrap().parse().unwrap()).await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    for asked in [json!({"response_format": "b64_json"}), json!({"model": "gpt-image-1"})] {
        let mut body = json!({"prompt": "a cat"});
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let (_, read) = sdk.image(&body).await;
        assert!(read.json()["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBOR"));
    }
    for bad in [json!({"n": 2}), json!({"prompt": "a cat", "n": 11})] {
        assert_eq!(sdk.image(&bad).await.0, StatusCode::BAD_REQUEST);
    }
    let (_, huge) = sdk.image(&json!({"prompt": "a cat", "model": "stand-in-huge"})).await;
    assert!(huge.text.len() > 6_999_999);
}

#[tokio::test]
async fn every_model_is_listed() {
    let sdk = Sdk::new().await;
    let list = read(sdk.send("GET", "/models", KEY, &Value::Null).await).await.json();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, super::MODELS);
}

//! A router behind the conversion, driven by events as the runtime hands them over.

use std::convert::Infallible;

use axum::{
    Extension,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use lambda_runtime::{Context, StreamResponse};
use serde_json::{Value, json};

use super::*;
use crate::request::Deadline;

const NOW_SECOND: i64 = 1_700_000_000;

fn router() -> Router {
    let cookies = || async {
        let set_cookie = HeaderName::from_static("set-cookie");
        let mut headers = HeaderMap::new();
        headers.append(set_cookie.clone(), "a=1".parse().unwrap());
        headers.append(set_cookie, "b=2".parse().unwrap());
        headers.append("vary", "Origin".parse().unwrap());
        headers.append("vary", "Accept".parse().unwrap());
        headers.append("content-length", "2".parse().unwrap());
        (StatusCode::CREATED, headers, "ok")
    };
    let extensions = |origin: Extension<Origin>, deadline: Extension<Deadline>| async move {
        let Deadline(deadline) = *deadline;
        format!("{:?} {}", *origin, deadline.map_or(0, Timestamp::as_second))
    };
    Router::new()
        .route("/echo", post(|body: Bytes| async { ([(CONTENT_TYPE, "image/png")], body) }))
        .route("/cookies", get(cookies))
        .route("/extensions", get(extensions))
        .route("/chunks", get(|| async { Body::from_stream(chunks(&["one", "two"], false)) }))
        .route("/broken", get(|| async { Body::from_stream(chunks(&["one"], true)) }))
        .route("/gzip", get(|| async { ([("content-encoding", "gzip")], "text") }))
        .route("/empty", get(|| async { StatusCode::NO_CONTENT }))
}

fn chunks(
    texts: &'static [&'static str],
    breaks: bool,
) -> impl futures_util::Stream<Item = Result<Bytes, &'static str>> {
    let whole = stream::iter(texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))));
    whole.chain(stream::iter(breaks.then_some(Err("upstream is gone"))))
}

async fn ask(domain: &str, method: &str, path: &str, body: Option<(&str, bool)>) -> Answer {
    let (body, encoded) = body.unzip();
    let payload = json!({
        "rawPath": path,
        "requestContext": {"domainName": domain, "http": {"method": method}},
        "body": body,
        "isBase64Encoded": encoded.unwrap_or(false),
    });
    let payload = serde_json::from_value(payload).unwrap();
    let mut context = Context::default();
    context.deadline = u64::try_from(NOW_SECOND + 60).unwrap() * 1000;
    let now = Timestamp::from_second(NOW_SECOND).unwrap();
    answer(router(), LambdaEvent::new(payload, context), now).await.unwrap()
}

async fn ask_http_api(method: &str, path: &str, body: Option<(&str, bool)>) -> Value {
    let domain = "api-id.execute-api.eu-west-1.amazonaws.com";
    match ask(domain, method, path, body).await {
        FunctionResponse::BufferedResponse(answer) => serde_json::to_value(answer).unwrap(),
        FunctionResponse::StreamingResponse(_) => panic!("the http api does not stream"),
    }
}

async fn ask_function_url(method: &str, path: &str) -> StreamResponse<Chunks> {
    match ask("abc.lambda-url.eu-west-1.on.aws", method, path, None).await {
        FunctionResponse::StreamingResponse(answer) => answer,
        FunctionResponse::BufferedResponse(_) => panic!("a function url streams"),
    }
}

async fn texts(chunks: Chunks) -> Vec<String> {
    let chunks: Vec<Result<Bytes, Infallible>> = chunks.collect().await;
    let texts = chunks.into_iter().map(|Ok(chunk)| String::from_utf8(chunk.to_vec()).unwrap());
    texts.collect()
}

#[tokio::test]
async fn the_http_api_gets_text_as_text_with_cookies_apart() {
    let expected = json!({
        "statusCode": 201,
        "headers": {"content-type": "text/plain; charset=utf-8", "vary": "Origin, Accept"},
        "cookies": ["a=1", "b=2"],
        "body": "ok",
        "isBase64Encoded": false,
    });
    assert_eq!(ask_http_api("GET", "/cookies", None).await, expected);
}

#[tokio::test]
async fn bytes_go_through_the_http_api_unchanged_both_ways() {
    let answer = ask_http_api("POST", "/echo", Some(("AAECgP8=", true))).await;
    assert_eq!(answer["body"], "AAECgP8=");
    assert_eq!(answer["isBase64Encoded"], true);
    assert_eq!(ask_http_api("GET", "/gzip", None).await["isBase64Encoded"], true);
}

#[tokio::test]
async fn an_answer_without_a_body_is_empty_text() {
    let answer = ask_http_api("GET", "/empty", None).await;
    assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(204), &json!("")));
    assert_eq!(answer["isBase64Encoded"], false);
}

#[tokio::test]
async fn a_malformed_event_is_answered_with_400_and_does_not_reach_the_router() {
    let answer = ask_http_api("POST", "/echo", Some(("***", true))).await;
    assert_eq!(answer["statusCode"], 400);
    assert_eq!(answer["headers"]["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["code"], "malformed_request");
    assert_eq!(problem["detail"], "the body is not valid base64");
}

#[tokio::test]
async fn handlers_find_origin_and_deadline_in_the_extensions() {
    let answer = ask_http_api("GET", "/extensions", None).await;
    assert_eq!(answer["body"], format!("Buffered {}", NOW_SECOND + 60));
    let answer = ask_function_url("GET", "/extensions").await;
    assert_eq!(texts(answer.stream).await, [format!("Streaming {}", NOW_SECOND + 60)]);
}

#[tokio::test]
async fn a_function_url_gets_each_chunk_by_itself() {
    let answer = ask_function_url("GET", "/chunks").await;
    assert_eq!(answer.metadata_prelude.status_code, 200);
    assert_eq!(texts(answer.stream).await, ["one", "two"]);
}

#[tokio::test]
async fn a_streamed_prelude_has_one_value_per_header_and_cookies_apart() {
    let prelude = ask_function_url("GET", "/cookies").await.metadata_prelude;
    let expected = json!({
        "statusCode": 201,
        "headers": {"content-type": "text/plain; charset=utf-8", "vary": "Origin, Accept"},
        "cookies": ["a=1", "b=2"],
    });
    assert_eq!(serde_json::to_value(prelude).unwrap(), expected);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_500_when_whole_and_just_ends_when_streamed() {
    let answer = ask_http_api("GET", "/broken", None).await;
    assert_eq!(answer["statusCode"], 500);
    assert!(!answer["body"].as_str().unwrap().contains("upstream"));
    let answer = ask_function_url("GET", "/broken").await;
    assert_eq!(texts(answer.stream).await, ["one"]);
}

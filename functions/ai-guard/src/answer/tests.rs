use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::provider::Patience;

#[test]
fn the_measured_size_is_the_size_inside_a_json_string() {
    let every_ascii: String = (0..=127_u8).map(char::from).collect();
    for text in ["", "plain", "\"a\\\"\n\r\t\u{8}\u{c}", "né 漢 🎉", &every_ascii] {
        let serialised = serde_json::to_string(text).unwrap();
        assert_eq!(escaped_bytes(text.as_bytes()) + 2, serialised.len(), "{text:?}");
    }
}

#[track_caller]
fn check(endpoint: Endpoint, body: &str, expected: Result<u32, &str>) {
    let found = delivered(endpoint, StatusCode::OK, body.as_bytes());
    assert_eq!(found.map_err(|failure| failure.code()), expected, "{body}");
}

#[test]
fn what_an_answer_holds_decides_what_is_charged() {
    use Endpoint::{Chat, Image};
    check(Chat, r#"{"choices":[{"message":{"role":"assistant","content":"a"}}]}"#, Ok(1));
    check(Chat, r#"{"choices":[{"message":{"content":"a"}},{"message":{"content":""}}]}"#, Ok(1));
    check(Chat, r#"{"choices":[{"message":{"content":""}}]}"#, Ok(0));
    check(Chat, r#"{"choices":[]}"#, Err("provider_empty"));
    check(Chat, r#"{"data":[{"url":"u"}]}"#, Err("provider_empty"));
    check(Image, r#"{"data":[{"url":"u"},{"b64_json":"A"}]}"#, Ok(2));
    check(Image, r#"{"data":[]}"#, Err("provider_empty"));
    check(Image, r#"{"created":1}"#, Err("provider_empty"));
    for endpoint in [Chat, Image] {
        check(endpoint, " \n", Err("provider_empty"));
        check(endpoint, "<html>", Err("provider_malformed"));
        check(endpoint, "[1]", Err("provider_malformed"));
        check(endpoint, r#"{"choices":["#, Err("provider_malformed"));
        check(endpoint, r#"{"error":{"message":"m"}}"#, Err("provider_error"));
    }
    let not_text = b"{\"choices\":[{\"text\":\"a\"}],\"x\":\"\xff\"}";
    let found = delivered(Chat, StatusCode::OK, not_text);
    assert_eq!(found.unwrap_err().code(), "provider_malformed");
}

async fn read_bytes(byte: u8, count: usize, origin: Origin) -> Result<usize, &'static str> {
    let hour = Duration::from_hours(1);
    let patience = Patience { first_byte_by: Instant::now() + hour, idle: hour, stop_at: None };
    let mut body = AnswerBody::new(Body::from(vec![byte; count]), patience);
    let read = read(&mut body, origin).await;
    read.map(|body| body.len()).map_err(|failure| failure.code())
}

#[tokio::test]
async fn an_answer_is_too_large_by_the_size_it_travels_in() {
    use Origin::{Buffered, Streaming};
    let too_large = Err("answer_too_large");
    assert_eq!(read_bytes(b'a', 5_500_000, Buffered).await, Ok(5_500_000));
    assert_eq!(read_bytes(b'a', 5_500_001, Buffered).await, too_large);
    assert_eq!(read_bytes(b'"', 2_750_001, Buffered).await, too_large);
    assert_eq!(read_bytes(b'"', 5_500_001, Streaming).await, Ok(5_500_001));
    assert_eq!(read_bytes(b'a', 20_000_001, Streaming).await, too_large);
}

#[test]
fn only_a_json_content_type_is_passed_on() {
    let passed = |value: &'static str| json_type(Some(HeaderValue::from_static(value)));
    assert_eq!(passed("application/json; charset=utf-8"), "application/json; charset=utf-8");
    assert_eq!(passed("text/html"), "application/json");
    assert_eq!(json_type(None), "application/json");
}

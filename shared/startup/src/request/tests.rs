//! Events as the two gateways send them, and as no gateway should.

use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;

/// When the events below were taken.
const TAKEN_MS: i64 = 1_700_000_000_000;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(TAKEN_MS + milliseconds).unwrap()
}

/// A request through the HTTP API, with the given members put in place of its own.
fn http_api(changes: Value) -> String {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "POST /api/ai/chat",
        "rawPath": "/api/ai/chat",
        "rawQueryString": "a=1&a=2&b=x%20y",
        "cookies": ["one=1", "two=2"],
        "headers": {"Content-Type": "application/json", "x-Trace": "abc, def"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.eu-west-1.amazonaws.com",
            "http": {"method": "POST", "path": "/api/ai/chat", "protocol": "HTTP/1.1",
                     "sourceIp": "203.0.113.7", "userAgent": "curl/8"},
            "requestId": "request-id",
            "routeKey": "POST /api/ai/chat",
            "stage": "$default",
            "time": "14/Nov/2023:22:13:20 +0000",
            "timeEpoch": TAKEN_MS,
        },
        "body": "{\"model\":\"m\"}",
        "isBase64Encoded": false,
    });
    merge(&mut event, changes);
    event.to_string()
}

fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(target.entry(name).or_insert(Value::Null), change);
            }
        }
        (target, change) => *target = change,
    }
}

fn function_url() -> Value {
    json!({"requestContext": {"domainName": "abc123.lambda-url.eu-west-1.on.aws"}})
}

fn request(event: &str) -> Request<Body> {
    request_from_event(event, at(50), None).unwrap()
}

fn refusal(changes: Value) -> String {
    request_from_event(&http_api(changes), at(50), None).unwrap_err().to_string()
}

async fn body_of(changes: Value) -> Vec<u8> {
    request(&http_api(changes)).into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn an_event_becomes_the_request_the_client_sent() {
    let request = request(&http_api(json!({})));
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "/api/ai/chat?a=1&a=2&b=x%20y");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["X-TRACE"], "abc, def");
    assert_eq!(request.headers()["cookie"], "one=1; two=2");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"model":"m"}"#);
}

#[tokio::test]
async fn a_body_is_decoded_when_and_only_when_the_event_says_it_is_base64() {
    let encoded = json!({"body": "AAECgP8=", "isBase64Encoded": true});
    assert_eq!(body_of(encoded).await, [0, 1, 2, 128, 255]);
    let plain = json!({"body": "AAECgP8=", "isBase64Encoded": false});
    assert_eq!(body_of(plain).await, b"AAECgP8=");
    assert_eq!(body_of(json!({"body": null})).await, b"");
}

#[test]
fn a_body_that_is_not_base64_is_refused() {
    for body in ["%%%", "AAE", "AA\u{0}=", "ÄÖÜ="] {
        let changes = json!({"body": body, "isBase64Encoded": true});
        assert_eq!(refusal(changes), "the body is not valid base64", "{body}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_an_error_of_the_event() {
    let text = http_api(json!({"body": "X"}));
    let bytes: Vec<u8> = text.bytes().map(|b| if b == b'X' { 0xFF } else { b }).collect();
    assert!(serde_json::from_slice::<HttpEvent>(&bytes).is_err());
    let half = text.replace("\"X\"", "\"\\ud800\"");
    assert!(request_from_event(&half, at(50), None).is_err());
}

#[test]
fn what_no_header_may_contain_is_refused() {
    for headers in [json!({"x": "a\nb"}), json!({"a b": "c"}), json!({"": "c"})] {
        assert_eq!(refusal(json!({ "headers": headers })), "a header is not valid");
    }
    assert_eq!(refusal(json!({"cookies": ["a\r\nb: c"]})), "a header is not valid");
    let method = json!({"requestContext": {"http": {"method": "P ST"}}});
    assert_eq!(refusal(method), "the method is not valid");
}

#[test]
fn an_event_of_another_kind_is_no_request() {
    for event in ["", "{}", "[]", "null", r#"{"Records":[]}"#, r#"{"path":"/","httpMethod":"GET"}"#]
    {
        let error = request_from_event(event, at(0), None).unwrap_err();
        assert_eq!(error.to_string(), "the event is not an http request");
    }
}

#[test]
fn a_path_arrives_as_the_routes_know_it() {
    let rows = [
        ("$default", "/api/x", "/api/x"),
        ("prod", "/prod/api/x", "/api/x"),
        ("prod", "/prod", "/"),
        ("prod", "/product/x", "/product/x"),
        ("prod", "/api/x", "/api/x"),
        ("$default", "", "/"),
        ("$default", "api", "/api"),
        ("$default", "/a b/é?#x", "/a%20b/%C3%A9%3F%23x"),
        ("$default", "/a%2Fb", "/a%2Fb"),
        ("$default", "//example.com/x", "//example.com/x"),
        ("$default", "/a\u{0}\r\nb", "/a%00%0D%0Ab"),
    ];
    for (stage, raw, expected) in rows {
        let changes =
            json!({"rawPath": raw, "rawQueryString": "", "requestContext": {"stage": stage}});
        let request = request(&http_api(changes));
        assert_eq!(request.uri().path(), expected);
        assert_eq!(request.uri().query(), None);
    }
}

#[test]
fn an_address_longer_than_any_server_takes_is_refused() {
    let path = format!("/{}", "x".repeat(70_000));
    assert_eq!(refusal(json!({ "rawPath": path })), "the address is not valid");
}

#[test]
fn a_function_url_streams_and_the_http_api_does_not() {
    let origin = |changes| *request(&http_api(changes)).extensions().get::<Origin>().unwrap();
    assert_eq!(origin(json!({})), Origin::Buffered);
    assert_eq!(origin(function_url()), Origin::Streaming);
    assert_eq!(origin(json!({"requestContext": {"domainName": null}})), Origin::Buffered);
}

/// The deadline in milliseconds after the request was taken, asked for 50 ms after it was.
fn deadline_ms(changes: Value, function: Option<Timestamp>) -> Option<i64> {
    let request = request_from_event(&http_api(changes), at(50), function).unwrap();
    let Deadline(deadline) = *request.extensions().get::<Deadline>().unwrap();
    deadline.map(|at| at.as_millisecond() - TAKEN_MS)
}

#[test]
fn the_deadline_is_the_nearer_of_the_functions_and_the_gateways() {
    assert_eq!(deadline_ms(json!({}), Some(at(300_000))), Some(28_000));
    assert_eq!(deadline_ms(json!({}), Some(at(5_000))), Some(5_000));
    assert_eq!(deadline_ms(json!({}), None), Some(28_000));
    assert_eq!(deadline_ms(function_url(), Some(at(300_000))), Some(300_000));
    assert_eq!(deadline_ms(function_url(), None), None);
}

#[test]
fn a_deadline_that_is_no_point_in_time_counts_as_none() {
    let duration = Timestamp::from_millisecond(600_000).unwrap();
    assert_eq!(deadline_ms(function_url(), Some(duration)), None);
    assert_eq!(deadline_ms(function_url(), Some(at(50))), None);
    assert_eq!(deadline_ms(function_url(), Some(at(17 * 60_000))), None);
    for epoch in [0, 600_000, TAKEN_MS - 3_600_000, TAKEN_MS + 3_600_000, i64::MAX, i64::MIN] {
        let changes = json!({"requestContext": {"timeEpoch": epoch}});
        assert_eq!(deadline_ms(changes, None), None, "{epoch}");
    }
}

#[test]
fn a_request_that_waited_too_long_has_a_deadline_in_the_past() {
    let changes = json!({"requestContext": {"timeEpoch": TAKEN_MS - 40_000}});
    assert_eq!(deadline_ms(changes, Some(at(300_000))), Some(-12_000));
}

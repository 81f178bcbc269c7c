//! Requests through the HTTP API as functions and clients see them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{HttpApi, decode};
use crate::invocation::Invocations;
use crate::runtime_api::tests::{function, work};
use crate::template::{Cors, Route};

fn invocations(name: &str, routes: &[(&str, &str)]) -> Arc<Invocations> {
    let routes = routes
        .iter()
        .map(|(method, path)| Route { method: (*method).into(), path: (*path).into() })
        .collect();
    let base = function(name, Duration::from_mins(1));
    Arc::new(Invocations::new(crate::template::Function { routes, ..base }))
}

fn cors() -> Cors {
    Cors {
        allow_origins: vec!["https://app.example".into()],
        allow_methods: vec!["GET".into(), "POST".into()],
        allow_headers: vec!["authorization".into()],
        expose_headers: vec!["x-credits-charged".into()],
        max_age: Some(60),
    }
}

fn api(functions: &[Arc<Invocations>], cors: Option<Cors>) -> HttpApi {
    HttpApi::new(functions.iter().cloned(), cors)
}

async fn send(api: HttpApi, request: http::request::Builder, body: &[u8]) -> Response<Body> {
    let request: Request<Body> = request.body(Body::from(body.to_vec())).unwrap();
    api.router().oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The event a function receives for a request.
async fn event_of(request: http::request::Builder, body: &[u8]) -> Value {
    let echo = invocations("echo", &[("ANY", "/e/{id}")]);
    let seen = Arc::new(Mutex::new(Value::Null));
    let sink = Arc::clone(&seen);
    work(&echo, move |event| {
        *sink.lock().unwrap() = event;
        json!({"statusCode": 204})
    });
    let response = send(api(&[echo], None), request, body).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    seen.lock().unwrap().take()
}

#[tokio::test]
async fn an_event_has_the_shape_of_payload_format_2() {
    let request = Request::post("/e/a%20b?x=1&x=2&y=a%2Bb+c&z")
        .header("X-Multi", "1")
        .header("X-Multi", "2")
        .header("Cookie", "a=1; b=2")
        .header("User-Agent", "test")
        .header("Content-Type", "application/json; charset=utf-8");
    let event = event_of(request, b"{\"a\":1}").await;
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "ANY /e/{id}");
    assert_eq!(event["rawPath"], "/e/a b");
    assert_eq!(event["rawQueryString"], "x=1&x=2&y=a%2Bb+c&z");
    let query = json!({"x": "1,2", "y": "a+b c", "z": ""});
    assert_eq!(event["queryStringParameters"], query);
    assert_eq!(event["pathParameters"], json!({"id": "a b"}));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["x-multi"], "1,2");
    assert_eq!(event["headers"]["cookie"], Value::Null);
    assert_eq!(event["body"], "{\"a\":1}");
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["domainName"], "local.execute-api.us-east-1.amazonaws.com");
    assert_eq!(context["accountId"], "123456789012");
    assert_eq!(context["stage"], "$default");
    assert_eq!(context["http"]["method"], "POST");
    assert_eq!(context["http"]["userAgent"], "test");
    assert!(context["timeEpoch"].as_i64().unwrap() > 1_700_000_000_000);
    assert!(context["requestId"].as_str().unwrap().len() == 36);
}

#[tokio::test]
async fn the_content_type_alone_decides_about_base64() {
    let rows: [(Option<&str>, &[u8], &str, bool); 8] = [
        (Some("application/json"), b"{}", "{}", false),
        (Some("text/plain; charset=utf-8"), b"a", "a", false),
        (Some("Application/XML"), b"a", "a", false),
        (Some("application/javascript"), b"a", "a", false),
        (Some("application/x-www-form-urlencoded"), b"a", "YQ==", true),
        (Some("application/problem+json"), b"a", "YQ==", true),
        (None, b"a", "YQ==", true),
        (Some("application/json"), b"\xff", "/w==", true),
    ];
    for (content_type, sent, received, encoded) in rows {
        let mut request = Request::post("/e/1");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let event = event_of(request, sent).await;
        assert_eq!(event["body"], received, "{content_type:?}");
        assert_eq!(event["isBase64Encoded"], encoded, "{content_type:?}");
    }
    let event = event_of(Request::get("/e/1"), b"").await;
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn the_most_fixed_route_wins() {
    let rows = [
        ("GET", "/a/fixed", "fixed"),
        ("GET", "/a/other", "parameter"),
        ("POST", "/a/fixed", "any"),
        ("GET", "/a/x/y", "greedy"),
        ("GET", "/a/", "greedy"),
        ("GET", "/a", "404"),
        ("GET", "/b", "404"),
        ("GET", "/a/fixed/", "greedy"),
    ];
    for (method, path, expected) in rows {
        let names = [
            ("fixed", ("GET", "/a/fixed")),
            ("parameter", ("GET", "/a/{id}")),
            ("any", ("ANY", "/a/fixed")),
            ("greedy", ("GET", "/a/{rest+}")),
        ];
        let functions = names.map(|(name, route)| {
            let function = invocations(name, &[route]);
            work(&function, move |_| json!(name));
            function
        });
        let request = Request::builder().method(method).uri(path);
        let response = send(api(&functions, None), request, b"").await;
        let (status, text) = (response.status(), body(response).await);
        if expected == "404" {
            assert_eq!(
                (status, &text[..]),
                (StatusCode::NOT_FOUND, &b"{\"message\":\"Not Found\"}"[..])
            );
        } else {
            assert_eq!(text, expected, "{method} {path}");
        }
    }
}

/// The response for an answer of the function.
async fn response_for(answer: Value, cors: Option<Cors>) -> Response<Body> {
    let function = invocations("f", &[("GET", "/")]);
    work(&function, move |_| answer.clone());
    let request = Request::get("/").header("origin", "https://app.example");
    send(api(&[function], cors), request, b"").await
}

#[tokio::test]
async fn an_answer_becomes_status_headers_cookies_and_body() {
    let answer = json!({
        "statusCode": 402,
        "headers": {"Content-Type": "image/png", "x-number": 5},
        "multiValueHeaders": {"x-ignored": ["1"]},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "/w==",
        "isBase64Encoded": true,
    });
    let response = response_for(answer, None).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["x-number"], "5");
    assert!(!response.headers().contains_key("x-ignored"));
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    assert_eq!(body(response).await, &b"\xff"[..]);
}

#[tokio::test]
async fn an_answer_without_a_status_is_the_body_and_nonsense_is_an_error() {
    let response = response_for(json!({"a": 1}), None).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!((response.status(), &body(response).await[..]), (StatusCode::OK, &b"{\"a\":1}"[..]));
    for nonsense in [json!({"statusCode": 7}), json!({"statusCode": 200, "headers": {"a b": "c"}})]
    {
        let response = response_for(nonsense, None).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body(response).await, r#"{"message":"Internal Server Error"}"#);
    }
}

#[tokio::test]
async fn cors_comes_from_the_template_and_not_from_the_function() {
    let answer = json!({"statusCode": 200, "headers": {"access-control-allow-origin": "*"}});
    let response = response_for(answer, Some(cors())).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(response.headers()["access-control-expose-headers"], "x-credits-charged");
    let preflight = |origin: &str| {
        Request::options("/anything")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
    };
    let response = send(api(&[], Some(cors())), preflight("https://app.example"), b"").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["access-control-allow-methods"], "GET,POST");
    assert_eq!(response.headers()["access-control-allow-headers"], "authorization");
    assert_eq!(response.headers()["access-control-max-age"], "60");
    let response = send(api(&[], Some(cors())), preflight("https://evil.example"), b"").await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(start_paused = true)]
async fn the_http_api_waits_thirty_seconds_and_the_invocation_goes_on() {
    let function = invocations("slow", &[("GET", "/")]);
    let api = api(&[Arc::clone(&function)], None);
    let request = tokio::spawn(send(api, Request::get("/"), b""));
    let dispatched = function.next(1).await.unwrap();
    let response = request.await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(response).await, r#"{"message":"Service Unavailable"}"#);
    assert!(function.respond(&dispatched.request_id).is_some());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_any_invocation() {
    let function = invocations("f", &[("POST", "/")]);
    // Six megabytes fit the HTTP API, but not the event of an invocation.
    for bytes in [6 * 1024 * 1024, 10 * 1024 * 1024 + 1] {
        let api = api(&[Arc::clone(&function)], None);
        let large = vec![b'x'; bytes];
        let response = send(api, Request::post("/"), &large).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[test]
fn percent_codes_are_decoded_and_the_rest_is_left() {
    let rows =
        [("a%20b", "a b"), ("%e2%82%ac", "€"), ("100%", "100%"), ("%zz", "%zz"), ("%4", "%4")];
    for (encoded, decoded) in rows {
        assert_eq!(decode::percent(encoded), decoded);
    }
}

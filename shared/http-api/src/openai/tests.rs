use axum::Router;
use axum::body::to_bytes;
use axum::middleware::from_fn;
use axum::routing::get;
use serde_json::json;
use tower::ServiceExt;

use http::HeaderMap;

use super::*;
use crate::error::not_found;

async fn answer(router: Router, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.layer(from_fn(openai_errors)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_error_carries_the_object_of_the_sdks_and_keeps_its_members_and_headers() {
    let refuse = || async {
        ApiError::new(StatusCode::PAYMENT_REQUIRED, "insufficient_credits", "too few")
            .with("required", 5)
            .field("n")
            .retry_after(3)
    };
    let router = Router::new().route("/chat", get(refuse));
    let (status, headers, body) = answer(router, "/chat").await;
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    assert_eq!(headers["retry-after"], "3");
    let expected = json!({
        "type": "about:blank", "title": "Payment Required", "status": 402, "detail": "too few",
        "code": "insufficient_credits", "required": 5, "field": "n",
        "error": {
            "message": "too few", "type": "insufficient_quota", "param": "n",
            "code": "insufficient_credits", "required": 5,
        },
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
}

#[tokio::test]
async fn answers_and_errors_of_others_pass_untouched() {
    let router = Router::new()
        .route("/fine", get(|| async { "fine" }))
        .route("/other", get(|| async { (StatusCode::BAD_GATEWAY, "other") }))
        .fallback(not_found);
    assert_eq!(answer(router.clone(), "/fine").await.2, "fine");
    assert_eq!(answer(router.clone(), "/other").await.2, "other");
    let (_, _, body) = answer(router, "/nowhere").await;
    assert!(body.contains("\"type\":\"invalid_request_error\""), "{body}");
}

#[test]
fn every_status_has_the_type_the_sdks_know() {
    let rows = [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "insufficient_quota"),
        (403, "invalid_request_error"),
        (409, "invalid_request_error"),
        (413, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "api_error"),
    ];
    for (status, expected) in rows {
        let status = StatusCode::from_u16(status).unwrap();
        let error = ApiError::new(status, "code", "detail").openai_document();
        assert_eq!(error["error"]["type"], expected, "{status}");
        assert_eq!(error["error"]["param"], Value::Null);
    }
}

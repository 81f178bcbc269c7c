use axum::body::to_bytes;
use axum::routing::get;
use axum::{Router, extract::Request};
use serde_json::json;
use tower::ServiceExt;

use super::*;

async fn body(response: Response) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_error_is_a_problem_document_with_its_code_twice() {
    let error = ApiError::new(StatusCode::PAYMENT_REQUIRED, "insufficient_credits", "too few")
        .with("required", 5)
        .with("available", 2);
    let response = error.into_response();
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let expected = json!({
        "type": "about:blank", "title": "Payment Required", "status": 402, "detail": "too few",
        "code": "insufficient_credits", "error": "insufficient_credits",
        "required": 5, "available": 2,
    });
    assert_eq!(body(response).await, expected);
}

#[test]
fn members_cannot_replace_what_every_document_has() {
    let error = ApiError::new(StatusCode::NOT_FOUND, "not_found", "nothing").with("status", 200);
    assert_eq!(error.document()["status"], 404);
}

#[test]
fn the_field_and_the_wait_are_said() {
    let error = ApiError::invalid_field("n", "`n` is missing").retry_after(7);
    assert_eq!(error.document()["field"], "n");
    assert_eq!(error.into_response().headers()[RETRY_AFTER], "7");
}

#[derive(Debug, thiserror::Error)]
#[error("the table `saldo-secret` did not answer")]
struct TableFailure(#[source] std::io::Error);

#[tokio::test]
async fn a_fault_of_ours_tells_nothing_of_its_cause() {
    let failure = TableFailure(std::io::Error::other("connection to 10.0.0.1 reset"));
    let line = Chain(&failure).to_string();
    assert_eq!(line, "the table `saldo-secret` did not answer: connection to 10.0.0.1 reset");
    for error in [ApiError::internal(&failure), ApiError::ledger_unavailable(&failure)] {
        assert!(error.status().is_server_error());
        let shown = body(error.into_response()).await.to_string();
        assert!(!shown.contains("saldo-secret") && !shown.contains("10.0.0.1"), "{shown}");
    }
}

#[test]
fn an_unreachable_ledger_is_worth_another_try() {
    let error = ApiError::ledger_unavailable(&std::io::Error::other("timed out"));
    assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error.into_response().headers()[RETRY_AFTER], "1");
}

#[tokio::test]
async fn the_router_refuses_unknown_paths_and_methods_in_the_same_shape() {
    let router = Router::new()
        .route("/here", get(|| async {}))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    let rows = [("GET", "/there", 404, "not_found"), ("POST", "/here", 405, "method_not_allowed")];
    for (method, path, status, code) in rows {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        if status == 405 {
            assert_eq!(response.headers()["allow"], "GET,HEAD");
        }
        assert_eq!(body(response).await["code"], code);
    }
}

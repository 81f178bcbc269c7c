use axum::BoxError;
use bytes::Bytes;
use http::HeaderValue;
use http::header::COOKIE;
use serde_json::json;

use super::*;
use crate::mint::{ISSUED, OURS, at, claims, claims_with, key_set, settings};

fn verifier() -> TokenVerifier {
    TokenVerifier::new(settings(), |_| async { Ok::<Bytes, BoxError>(key_set(&[&OURS])) }).unwrap()
}

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    headers
}

async fn code(headers: &HeaderMap) -> &'static str {
    match authenticate(headers, &verifier(), at(ISSUED)).await {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case_and_nothing_else() {
    let token = OURS.token(&claims());
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
        assert_eq!(code(&headers(&[&format!("{scheme} {token}")])).await, "accepted", "{scheme}");
    }
    for value in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", token.as_str()] {
        assert_eq!(code(&headers(&[value])).await, "token_missing", "{value}");
    }
    assert_eq!(code(&headers(&["Bearer nonsense"])).await, "token_invalid");
    assert_eq!(code(&HeaderMap::new()).await, "token_missing");
}

#[tokio::test]
async fn a_session_cookie_is_not_looked_at() {
    let mut headers = HeaderMap::new();
    let cookie = format!("__session={}", OURS.token(&claims()));
    headers.insert(COOKIE, HeaderValue::from_str(&cookie).unwrap());
    assert_eq!(code(&headers).await, "token_missing");
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let value = format!("Bearer {}", OURS.token(&claims()));
    assert_eq!(code(&headers(&[&value, &value])).await, "token_invalid");
    assert_eq!(code(&headers(&[&format!("{value}, {value}")])).await, "token_invalid");
}

#[tokio::test]
async fn the_caller_is_the_user_of_the_token_with_an_account_of_the_same_name() {
    let headers = headers(&[&format!("Bearer {}", OURS.token(&claims()))]);
    let caller = authenticate(&headers, &verifier(), at(ISSUED)).await.unwrap();
    let user = AccountId::parse("user_1").unwrap();
    let session = Some("sess_1".to_owned());
    assert_eq!(caller, Caller { account: user.clone(), user, session, impersonated: false });
}

#[tokio::test]
async fn who_impersonates_can_look_and_cannot_spend() {
    let token = OURS.token(&claims_with("act", json!({ "sub": "user_2" })));
    let headers = headers(&[&format!("Bearer {token}")]);
    let refused = authenticate(&headers, &verifier(), at(ISSUED)).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (403, "impersonation_forbidden"));
    let caller = authenticate_to_read(&headers, &verifier(), at(ISSUED)).await.unwrap();
    assert!(caller.impersonated);
}

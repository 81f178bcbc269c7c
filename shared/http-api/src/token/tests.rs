use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::BoxError;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;
use crate::mint::{ISSUED, Mint, OURS, THEIRS, at, claims, claims_with, key_set, settings};

mod claims;
mod vectors;

/// A verifier with `OURS` from the settings, which must not fetch.
fn with_pem() -> TokenVerifier {
    let settings = TokenSettings { jwt_key: Some(OURS.pem()), ..settings() };
    TokenVerifier::new(settings, |_| async { Err::<Bytes, BoxError>("no network".into()) }).unwrap()
}

/// A verifier whose provider publishes these keys, and the count of fetches.
fn with_keys(mints: &[&Mint]) -> (TokenVerifier, Arc<AtomicUsize>) {
    with_fetched(settings(), key_set(mints))
}

fn with_fetched(settings: TokenSettings, answer: Bytes) -> (TokenVerifier, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = fetches.clone();
    let verifier = TokenVerifier::new(settings, move |url| {
        assert_eq!(url, "https://clerk.example.com/.well-known/jwks.json");
        counted.fetch_add(1, Ordering::SeqCst);
        let answer = answer.clone();
        async move { Ok::<_, BoxError>(answer) }
    });
    (verifier.unwrap(), fetches)
}

async fn check(claims: Value, unix_seconds: i64, expected: Result<(), Refusal>) {
    let judged = with_pem().judge(&OURS.token(&claims), at(unix_seconds)).await;
    assert_eq!(judged.map(drop), expected, "{claims} at {unix_seconds}");
}

#[tokio::test]
async fn an_ordinary_token_names_the_user_and_the_session() {
    let said = with_pem().verify(&OURS.token(&claims()), at(ISSUED)).await.unwrap();
    assert_eq!(said.sub.as_str(), "user_1");
    assert_eq!(said.session.as_deref(), Some("sess_1"));
    assert!(!said.impersonated);
}

#[tokio::test]
async fn a_token_is_good_until_five_seconds_after_it_expires() {
    check(claims(), ISSUED + 64, Ok(())).await;
    check(claims(), ISSUED + 65, Err(Refusal::Expired)).await;
    check(claims(), ISSUED + 66, Err(Refusal::Expired)).await;
}

#[tokio::test]
async fn a_token_is_good_from_five_seconds_before_it_begins() {
    for name in ["nbf", "iat"] {
        check(claims_with(name, json!(ISSUED + 5)), ISSUED, Ok(())).await;
        check(claims_with(name, json!(ISSUED + 6)), ISSUED, Err(Refusal::NotYet)).await;
    }
}

#[tokio::test]
async fn a_token_without_an_expiry_is_refused() {
    check(claims_with("exp", Value::Null), ISSUED, Err(Refusal::Malformed)).await;
    check(claims_with("exp", json!("1800000060")), ISSUED, Err(Refusal::Malformed)).await;
    check(claims_with("exp", json!(i64::MAX)), ISSUED, Err(Refusal::Malformed)).await;
}

#[tokio::test]
async fn another_issuer_is_refused() {
    for issuer in [json!("https://clerk.example.com/"), json!("https://evil.test"), Value::Null] {
        check(claims_with("iss", issuer), ISSUED, Err(Refusal::Issuer)).await;
    }
}

#[tokio::test]
async fn a_party_that_is_not_listed_or_not_named_is_refused() {
    for party in [json!("https://app.example.com.evil.test"), json!(""), Value::Null] {
        check(claims_with("azp", party), ISSUED, Err(Refusal::Party)).await;
    }
}

#[tokio::test]
async fn only_a_user_is_a_subject() {
    for subject in [json!("mch_1"), json!("org_1"), json!("user_"), json!(""), Value::Null] {
        check(claims_with("sub", subject), ISSUED, Err(Refusal::Subject)).await;
    }
}

#[tokio::test]
async fn a_pending_session_is_refused_and_an_unstated_one_is_active() {
    check(claims_with("sts", json!("pending")), ISSUED, Err(Refusal::Pending)).await;
    check(claims_with("sts", Value::Null), ISSUED, Ok(())).await;
}

#[tokio::test]
async fn an_actor_is_reported_as_impersonation() {
    let token = OURS.token(&claims_with("act", json!({ "sub": "user_2" })));
    assert!(with_pem().judge(&token, at(ISSUED)).await.unwrap().impersonated);
}

#[tokio::test]
async fn no_algorithm_but_rs256_is_taken() {
    for algorithm in ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "X"] {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": OURS.key_id });
        let token = OURS.token_with(&header, &claims());
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        for token in [token, unsigned] {
            let judged = with_pem().judge(&token, at(ISSUED)).await;
            assert_eq!(judged, Err(Refusal::Algorithm), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let header = Header { kid: Some(OURS.key_id.to_owned()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(OURS.pem().as_bytes());
    let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert_eq!(with_pem().judge(&token, at(ISSUED)).await, Err(Refusal::Algorithm));
    // The same signature under a header that says RS256.
    let rest = token.split_once('.').unwrap().1;
    let relabelled = OURS.token(&claims());
    let relabelled = format!("{}.{rest}", relabelled.split_once('.').unwrap().0);
    let (verifier, _) = with_keys(&[&OURS]);
    assert_eq!(verifier.judge(&relabelled, at(ISSUED)).await, Err(Refusal::Signature));
}

#[tokio::test]
async fn a_changed_claim_breaks_the_signature() {
    let honest = OURS.token(&claims());
    let forged = OURS.token(&claims_with("sub", json!("user_2")));
    let [head, _, signature] = honest.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let payload = forged.split('.').nth(1).unwrap();
    let (verifier, _) = with_keys(&[&OURS]);
    let judged = verifier.judge(&format!("{head}.{payload}.{signature}"), at(ISSUED)).await;
    assert_eq!(judged, Err(Refusal::Signature));
}

#[tokio::test]
async fn what_is_no_session_token_is_refused_before_any_key_is_looked_for() {
    let kid = OURS.key_id;
    let headers = [
        (json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }), Refusal::Malformed),
        (json!({ "alg": "RS256", "kid": kid, "crit": ["exp"] }), Refusal::Malformed),
        (json!({ "alg": "RS256" }), Refusal::UnknownKey),
        (json!({ "kid": kid }), Refusal::Algorithm),
    ];
    let (verifier, fetches) = with_keys(&[&OURS]);
    for (header, expected) in headers {
        let token = OURS.token_with(&header, &claims());
        assert_eq!(verifier.judge(&token, at(ISSUED)).await, Err(expected), "{header}");
    }
    let huge = OURS.token(&claims_with("fill", json!("x".repeat(20_000))));
    for token in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", huge.as_str()] {
        assert_eq!(verifier.judge(token, at(ISSUED)).await, Err(Refusal::Malformed), "{token}");
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_unknown_key_id_is_looked_up_once_and_then_refused_for_a_while() {
    let (verifier, fetches) = with_keys(&[&OURS]);
    for second in 0..30 {
        let judged = verifier.judge(&THEIRS.token(&claims()), at(ISSUED + second)).await;
        assert_eq!(judged, Err(Refusal::UnknownKey));
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    verifier.judge(&OURS.token(&claims()), at(ISSUED)).await.unwrap();
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    let again = verifier.judge(&THEIRS.token(&claims()), at(ISSUED + 30)).await;
    assert_eq!(again, Err(Refusal::UnknownKey));
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_configured_key_needs_no_fetch_and_a_new_key_is_fetched() {
    let settings = TokenSettings { jwt_key: Some(OURS.pem()), ..settings() };
    let (verifier, fetches) = with_fetched(settings, key_set(&[&OURS, &THEIRS]));
    verifier.judge(&OURS.token(&claims()), at(ISSUED)).await.unwrap();
    assert_eq!(fetches.load(Ordering::SeqCst), 0);
    verifier.judge(&THEIRS.token(&claims()), at(ISSUED)).await.unwrap();
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_forgery_under_the_configured_keys_id_costs_no_fetch() {
    let verifier = with_pem();
    verifier.judge(&OURS.token(&claims()), at(ISSUED)).await.unwrap();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": OURS.key_id });
    let forged = THEIRS.token_with(&header, &claims());
    assert_eq!(verifier.judge(&forged, at(ISSUED)).await, Err(Refusal::Signature));
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_our_failure_and_not_the_callers() {
    let verifier = with_pem();
    let error = verifier.verify(&THEIRS.token(&claims()), at(ISSUED)).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error.code(), "identity_unavailable");
}

#[test]
fn every_refusal_is_a_401_with_a_challenge_but_for_unavailable_keys() {
    use axum::response::IntoResponse;
    let rows = [
        (Refusal::Missing, 401, "token_missing", Some("Bearer")),
        (Refusal::Malformed, 401, "token_invalid", Some("Bearer error=\"invalid_token\"")),
        (Refusal::Signature, 401, "token_invalid", Some("Bearer error=\"invalid_token\"")),
        (Refusal::NotYet, 401, "token_invalid", Some("Bearer error=\"invalid_token\"")),
        (Refusal::Expired, 401, "token_expired", Some("Bearer error=\"invalid_token\"")),
        (Refusal::KeysUnavailable, 503, "identity_unavailable", None),
    ];
    for (refusal, status, code, challenge) in rows {
        let error = ApiError::from(refusal);
        assert_eq!((error.status().as_u16(), error.code()), (status, code));
        let response = error.into_response();
        let header = response.headers().get(WWW_AUTHENTICATE);
        assert_eq!(header.map(|value| value.to_str().unwrap()), challenge);
    }
}

#[tokio::test]
async fn no_error_repeats_the_token() {
    let token = THEIRS.token(&claims());
    let (verifier, _) = with_keys(&[&OURS]);
    let error = verifier.verify(&token, at(ISSUED)).await.unwrap_err();
    let shown = format!("{error} {error:?} {verifier:?}");
    for part in token.split('.') {
        assert!(!shown.contains(part));
    }
}

#[test]
fn a_key_that_is_not_a_public_rsa_key_stops_the_start_and_is_not_shown() {
    let garbled = OURS.pem().replace("PUBLIC KEY", "EC PUBLIC KEY");
    for pem in ["nonsense", &garbled, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
    {
        let settings = TokenSettings { jwt_key: Some(pem.to_owned()), ..settings() };
        let fetch = |_| async { Ok::<_, BoxError>(Bytes::new()) };
        let made = TokenVerifier::new(settings, fetch);
        assert_eq!(made.map(drop), Err(InvalidTokenSettings::JwtKey));
    }
    let shown = format!("{:?}", with_pem());
    assert!(shown.contains("[redacted]") && !shown.contains("BEGIN"));
}

//! The start of `admin-adjust`: what it needs, and what stops it.

use admin_adjust::{AdminAdjust, router};
use axum::{Json, Router, routing::post};
use http::{Request, header::AUTHORIZATION};
use local::mint::AUTHORIZED_PARTY;
use serde_json::{Value, json};
use startup::Startup;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::world::mint;
use crate::harness::{Harness, startup};

/// A parameter store with these values, by the last part of their names.
async fn parameter_store(values: Vec<(&'static str, String)>) -> String {
    let answer = move |body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap();
        let names: Vec<String> = serde_json::from_value(request["Names"].clone()).unwrap();
        let known = names.iter().filter_map(|name| {
            let (_, value) = values.iter().find(|row| name.ends_with(&format!("/{}", row.0)))?;
            Some(json!({"Name": name, "Value": value, "Type": "String"}))
        });
        let known: Vec<Value> = known.collect();
        Json(json!({"Parameters": known, "InvalidParameters": []}))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, Router::new().fallback(post(answer)));
    tokio::spawn(async move { server.await });
    url
}

fn values() -> Vec<(&'static str, String)> {
    vec![
        ("CLERK_ISSUER", mint().issuer().to_owned()),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY.to_owned()),
        ("CLERK_JWT_KEY", mint().public_pem().unwrap()),
        ("CLERK_API_URL", "http://127.0.0.1:1".to_owned()),
        ("CLERK_SECRET_KEY", local::clerk::SECRET_KEY.to_owned()),
    ]
}

/// The environment of a deployed function, without one of its variables.
fn environment(books: &Harness, store: &str, without: &str) -> Startup {
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", books.front.url.as_str()),
        ("AWS_ENDPOINT_URL_SSM", store),
        ("LEDGER_TABLE", &books.names.ledger),
        ("STATE_TABLE", &books.names.state),
        ("SETTINGS_PATH", "/saldo/test/settings"),
        ("SECRETS_PATH", "/saldo/test/secrets/admin-adjust"),
        ("RETRY_QUEUE_URL", "http://127.0.0.1:1/retries"),
    ];
    let kept: Vec<_> = variables.into_iter().filter(|(name, _)| *name != without).collect();
    startup(&kept)
}

#[tokio::test]
async fn it_starts_and_answers_although_clerk_is_out_of_reach() {
    let books = Harness::start().await;
    let store = parameter_store(values()).await;
    let startup = environment(&books, &store, "");
    let router = router(AdminAdjust::start(&startup).await.unwrap());
    let token = mint().admin_token("user_admin", startup.clock.now()).unwrap();
    let request = Request::get("/api/admin/users").header(AUTHORIZATION, format!("Bearer {token}"));
    let answer = router.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn what_is_missing_stops_the_start_and_is_named() {
    let books = Harness::start().await;
    let store = parameter_store(values()).await;
    for variable in
        ["LEDGER_TABLE", "STATE_TABLE", "SETTINGS_PATH", "SECRETS_PATH", "RETRY_QUEUE_URL"]
    {
        let error = AdminAdjust::start(&environment(&books, &store, variable)).await.unwrap_err();
        assert!(error.to_string().contains(variable), "{error}");
    }
    for setting in ["CLERK_ISSUER", "CLERK_AUTHORIZED_PARTIES", "CLERK_SECRET_KEY"] {
        let kept = values().into_iter().filter(|(name, _)| *name != setting).collect();
        let store = parameter_store(kept).await;
        let error = AdminAdjust::start(&environment(&books, &store, "")).await.unwrap_err();
        assert!(error.to_string().contains(setting), "{error}");
    }
}

#[tokio::test]
async fn a_secret_that_is_none_stops_the_start_and_is_not_repeated() {
    let books = Harness::start().await;
    let mut values = values();
    values.last_mut().unwrap().1 = "pk_live_wrong".to_owned();
    let store = parameter_store(values).await;
    let error = AdminAdjust::start(&environment(&books, &store, "")).await.unwrap_err();
    assert!(!error.to_string().contains("pk_live_wrong"), "{error}");
}

//! The start of `ai-guard`: what it reads in the init phase, and what stops it.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, routing::post};
use local::provider;
use serde_json::{Value, json};
use startup::BoxError;
use tokio::net::TcpListener;

use crate::harness::{Harness, startup};

/// A parameter store with these values, and the names it is asked for, request by request.
async fn parameter_store(values: Vec<(&'static str, &'static str)>) -> (String, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let answer = move |body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap();
        let names: Vec<String> = serde_json::from_value(request["Names"].clone()).unwrap();
        let known = names.iter().filter_map(|name| {
            let row = values.iter().find(|row| name.ends_with(&format!("/{}", row.0)))?;
            Some(json!({"Name": name, "Value": row.1, "Type": "String"}))
        });
        let known: Vec<Value> = known.collect();
        kept.lock().unwrap().push(names);
        Json(json!({"Parameters": known, "InvalidParameters": []}))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, Router::new().fallback(post(answer)));
    tokio::spawn(async move { server.await });
    (url, asked)
}

type Asked = Arc<Mutex<Vec<Vec<String>>>>;

fn values() -> Vec<(&'static str, &'static str)> {
    vec![
        ("PROVIDER_BASE_URL", "http://127.0.0.1:1/v1"),
        ("PROVIDER_MODELS", "*"),
        ("PROVIDER_KEY", provider::KEY),
        ("CLERK_ISSUER", "https://clerk.example.com"),
        ("CLERK_AUTHORIZED_PARTIES", "https://app.example.com"),
    ]
}

async fn start(books: &Harness, store_url: &str) -> Result<Router, BoxError> {
    let startup = startup(&[
        ("AWS_ENDPOINT_URL_DYNAMODB", &books.front.url),
        ("AWS_ENDPOINT_URL_SSM", store_url),
        ("LEDGER_TABLE", &books.names.ledger),
        ("STATE_TABLE", &books.names.state),
        ("SETTINGS_PATH", "/saldo/test/settings"),
        ("SECRETS_PATH", "/saldo/test/secrets/ai-guard"),
        ("SETTLE_QUEUE_URL", "http://127.0.0.1:1/settles"),
    ]);
    ai_guard::start(&startup).await
}

#[tokio::test]
async fn a_start_is_one_read_of_ten_parameters_and_one_of_the_prices() {
    let books = Harness::start().await;
    let (url, asked) = parameter_store(values()).await;
    let _router = start(&books, &url).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    assert_eq!((asked.len(), asked[0].len()), (1, 10));
    assert!(asked[0].contains(&"/saldo/test/secrets/ai-guard/PROVIDER_KEY".to_owned()));
    assert_eq!(books.operations(), ["GetItem"]);
}

#[tokio::test]
async fn a_missing_setting_stops_the_start_and_is_named() {
    let books = Harness::start().await;
    for missing in values() {
        let (url, _) =
            parameter_store(values().into_iter().filter(|v| *v != missing).collect()).await;
        let error = start(&books, &url).await.unwrap_err();
        let sentence = format!("setting `{}` is missing", missing.0);
        assert_eq!((error.to_string(), format!("{error:?}")), (sentence.clone(), sentence));
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_does_not_stop_the_start() {
    let books = Harness::start().await;
    books.front.down(true);
    let (url, _) = parameter_store(values()).await;
    assert!(start(&books, &url).await.is_ok());
}

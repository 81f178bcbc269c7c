//! The start of `ai-guard`: what it reads in the init phase, and what stops it.

use std::sync::{Arc, Mutex};

use ai_guard::Prices;
use aws_sdk_dynamodb::types::AttributeValue;
use axum::{Json, Router, routing::post};
use http::{HeaderValue, header::AUTHORIZATION};
use jiff::Timestamp;
use ledger::{Credits, feature::Feature};
use local::{mint::AUTHORIZED_PARTY, provider};
use serde_json::{Value, json};
use startup::{BoxError, Clock, Startup};
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::{
    STREAM,
    world::{mint, write_prices},
};
use crate::harness::{Harness, account, later, now, startup};

/// What the parameter store holds, by the last part of the names. The last of two values counts.
type Values = Arc<Mutex<Vec<(&'static str, String)>>>;

/// A parameter store with these values, and the names it is asked for, request by request.
async fn parameter_store(values: Vec<(&'static str, &'static str)>) -> (String, Asked) {
    let values = values.into_iter().map(|(name, value)| (name, value.to_owned()));
    live_parameter_store(Arc::new(Mutex::new(values.collect()))).await
}

/// The same with values that the test changes meanwhile.
async fn live_parameter_store(values: Values) -> (String, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let answer = move |body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap();
        let names: Vec<String> = serde_json::from_value(request["Names"].clone()).unwrap();
        let values = values.lock().unwrap().clone();
        let known = names.iter().filter_map(|name| {
            let row = values.iter().rfind(|row| name.ends_with(&format!("/{}", row.0)))?;
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
    ai_guard::start(&environment(books, store_url)).await
}

fn environment(books: &Harness, store_url: &str) -> Startup {
    startup(&[
        ("AWS_ENDPOINT_URL_DYNAMODB", &books.front.url),
        ("AWS_ENDPOINT_URL_SSM", store_url),
        ("LEDGER_TABLE", &books.names.ledger),
        ("STATE_TABLE", &books.names.state),
        ("SETTINGS_PATH", "/saldo/test/settings"),
        ("SECRETS_PATH", "/saldo/test/secrets/ai-guard"),
        ("SETTLE_QUEUE_URL", "http://127.0.0.1:1/settles"),
    ])
}

/// A clock that a test sets.
fn moved_by_hand() -> (Clock, Arc<Mutex<Timestamp>>) {
    let time = Arc::new(Mutex::new(now()));
    let read = Arc::clone(&time);
    (Clock::from_fn(move || *read.lock().unwrap()), time)
}

#[tokio::test]
async fn a_start_is_two_reads_of_eleven_parameters_at_once_and_one_of_the_prices() {
    let books = Harness::start().await;
    let (url, asked) = parameter_store(values()).await;
    let _router = start(&books, &url).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    let mut sizes: Vec<usize> = asked.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 10]);
    for secret in ["PROVIDER_KEY", "SERVICE_KEYS"] {
        assert!(asked.concat().contains(&format!("/saldo/test/secrets/ai-guard/{secret}")));
    }
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

#[tokio::test]
async fn a_setting_that_goes_bad_later_leaves_the_off_switch_working() {
    let books = Harness::start().await;
    books.open(&account("user_1"), 10).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider::start(listener).unwrap();
    let mint = mint();
    let rows = values().into_iter().map(|(name, value)| (name, value.to_owned()));
    let live = [
        ("PROVIDER_BASE_URL", provider.base_url.clone()),
        ("CLERK_ISSUER", mint.issuer().to_owned()),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY.to_owned()),
        ("CLERK_JWT_KEY", mint.public_pem().unwrap()),
    ];
    let values: Values = Arc::new(Mutex::new(rows.chain(live).collect()));
    let (url, _) = live_parameter_store(Arc::clone(&values)).await;
    let (clock, time) = moved_by_hand();
    let mut startup = environment(&books, &url);
    startup.clock = clock;
    let router = ai_guard::start(&startup).await.unwrap();
    let remaining = async |at: Timestamp| {
        *time.lock().unwrap() = at;
        let mut request = startup::request_from_event(STREAM, at, None).unwrap();
        let token = mint.user_token("user_1", at).unwrap();
        let token = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        request.headers_mut().insert(AUTHORIZATION, token);
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.headers()["x-credits-remaining"].to_str().unwrap().to_owned()
    };
    assert_eq!(remaining(now()).await, "9");
    values
        .lock()
        .unwrap()
        .extend([("HOLD_SECONDS", "never".to_owned()), ("CREDITS_ENABLED", "off".to_owned())]);
    assert_eq!(remaining(later(60)).await, "unlimited");
    values.lock().unwrap().push(("CREDITS_ENABLED", "on".to_owned()));
    assert_eq!(remaining(later(120)).await, "8");
}

#[tokio::test]
async fn a_price_book_that_vanishes_stays_in_force_where_it_was_seen() {
    let books = Harness::start().await;
    let (clock, time) = moved_by_hand();
    let seen = Prices::new(clock.clone(), books.store.clone());
    let price = async |prices: &Prices| {
        let book = prices.current().await.unwrap();
        book.price(&Feature::AI_TEXT_CHAT).unwrap().per_unit()
    };
    assert_eq!(price(&seen).await, Credits::from(1), "the default, where there is none");
    write_prices(&books, &[("ai_text_chat", "3")]).await;
    *time.lock().unwrap() = later(60);
    assert_eq!(price(&seen).await, Credits::from(3));
    let key = |text: &str| AttributeValue::S(text.to_owned());
    let deleting = books.client.delete_item().table_name(&books.names.state);
    deleting.key("pk", key("PRICE_BOOK")).key("sk", key("ONLY")).send().await.unwrap();
    for minutes in 2..4 {
        *time.lock().unwrap() = later(60 * minutes);
        assert_eq!(price(&seen).await, Credits::from(3));
    }
    assert_eq!(price(&Prices::new(clock, books.store.clone())).await, Credits::from(1));
}

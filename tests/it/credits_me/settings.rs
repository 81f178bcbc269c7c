//! The start of `credits-me` with settings from a parameter store.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use local::Aws;
use tokio::net::TcpListener;

use super::*;

const PATH: &str = "/saldo/test/settings";

/// A parameter store with the settings every stage has. Returns it and its address.
async fn parameter_store(settings: &[(&str, &str)]) -> (Aws, String) {
    let aws = Aws::new();
    let mint = mint();
    let pem = mint.public_pem().unwrap();
    let usual = [
        ("CLERK_ISSUER", mint.issuer()),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ("CLERK_JWT_KEY", &pem),
    ];
    for (name, value) in usual.iter().chain(settings) {
        put(&aws, name, value).await;
    }
    let router = Router::new().route("/", post(answer)).with_state(aws.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (aws, url)
}

async fn put(aws: &Aws, name: &str, value: &str) {
    let name = format!("{PATH}/{name}");
    let parameter = json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
    aws.call("AmazonSSM.PutParameter", &parameter).await.unwrap();
}

async fn answer(
    State(aws): State<Aws>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, StatusCode> {
    let body = serde_json::from_str(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    aws.call(target, &body).await.map(Json).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn start(books: &Harness, ssm: &str) -> Result<CreditsMe, BoxError> {
    let startup = crate::harness::startup(&[
        ("AWS_ENDPOINT_URL_DYNAMODB", &books.front.url),
        ("AWS_ENDPOINT_URL_SSM", ssm),
        ("LEDGER_TABLE", &books.names.ledger),
        ("STATE_TABLE", &books.names.state),
        ("SETTINGS_PATH", PATH),
    ]);
    CreditsMe::start(&startup).await
}

#[tokio::test]
async fn a_start_reads_the_settings_and_the_prices_once() {
    let books = Harness::start().await;
    let (_aws, ssm) = parameter_store(&[("SIGNUP_CREDITS", "100")]).await;
    let function = start(&books, &ssm).await.unwrap();
    let settings = function.settings.current().await;
    assert_eq!((settings.signup, settings.low_balance), (credits(100), credits(10)));
    assert_eq!(settings.prices, Some(PriceBook::default()));
    assert_eq!(books.operations(), ["GetItem"]);
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_stops_the_start_by_name() {
    let books = Harness::start().await;
    for name in ["SIGNUP_CREDITS", "LOW_BALANCE"] {
        let (_aws, ssm) = parameter_store(&[(name, "many")]).await;
        let error = start(&books, &ssm).await.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_table_out_of_reach_stops_no_start_and_hides_no_change_of_mode() {
    let books = Harness::start().await;
    books.front.down(true);
    let (aws, ssm) = parameter_store(&[("CREDITS_ENABLED", "1")]).await;
    let function = start(&books, &ssm).await.unwrap();
    assert_eq!(function.settings.current().await.prices, None);
    let at_test_time = |function| CreditsMe { clock: Clock::fixed(now()), ..function };
    let function = router(at_test_time(function));
    let answer = signed_in(&function, SETTINGS).await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("ledger_unavailable")));

    put(&aws, "CREDITS_ENABLED", "0").await;
    let off = router(at_test_time(start(&books, &ssm).await.unwrap()));
    let answer = signed_in(&off, SETTINGS).await;
    assert_eq!(answer.body["featureCosts"], json!({"ai_text_chat": 0, "ai_image_generation": 0}));

    books.front.down(false);
    let answer = signed_in(&function, SETTINGS).await;
    assert_eq!(answer.body["featureCosts"], json!({"ai_text_chat": 1, "ai_image_generation": 5}));
}

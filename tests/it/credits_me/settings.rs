//! The start of `credits-me` with settings from a parameter store, and their renewal.

use std::sync::Mutex;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use directory::Plan;
use jiff::Timestamp;
use ledger::{command::RollOver, mode::Mode};
use local::Aws;
use startup::Startup;
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
    CreditsMe::start(&environment(books, ssm)).await
}

fn environment(books: &Harness, ssm: &str) -> Startup {
    crate::harness::startup(&[
        ("AWS_ENDPOINT_URL_DYNAMODB", &books.front.url),
        ("AWS_ENDPOINT_URL_SSM", ssm),
        ("LEDGER_TABLE", &books.names.ledger),
        ("STATE_TABLE", &books.names.state),
        ("SETTINGS_PATH", PATH),
    ])
}

#[tokio::test]
async fn a_start_reads_the_settings_the_prices_and_the_plans_once() {
    let books = Harness::start().await;
    let (_aws, ssm) = parameter_store(&[("SIGNUP_CREDITS", "100")]).await;
    let function = start(&books, &ssm).await.unwrap();
    let settings = function.settings.current().await;
    assert_eq!((settings.signup, settings.low_balance), (credits(100), credits(10)));
    assert_eq!(settings.prices, Some(PriceBook::default()));
    assert_eq!(settings.plan_credits, Some(PlanCredits::default()));
    assert_eq!(books.operations(), ["GetItem", "Query"]);
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
    let read = function.settings.current().await;
    assert_eq!((&read.prices, &read.plan_credits), (&None, &None));
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

/// The function with a clock that the test sets.
async fn moved_by_hand(books: &Harness, ssm: &str) -> (CreditsMe, Arc<Mutex<Timestamp>>) {
    let time = Arc::new(Mutex::new(now()));
    let read = Arc::clone(&time);
    let clock = Clock::from_fn(move || *read.lock().unwrap());
    let mut startup = environment(books, ssm);
    startup.clock = clock;
    (CreditsMe::start(&startup).await.unwrap(), time)
}

#[tokio::test]
async fn a_setting_that_goes_bad_later_leaves_the_off_switch_working() {
    let books = Harness::start().await;
    let (aws, ssm) = parameter_store(&[("LOW_BALANCE", "7")]).await;
    let (function, time) = moved_by_hand(&books, &ssm).await;
    let verifier = Arc::clone(&function.settings.current().await.verifier);
    for (minute, (name, value)) in (1..).zip([("LOW_BALANCE", "few"), ("CLERK_ISSUER", " ")]) {
        for (mode, expected) in [("off", Mode::Off), ("on", Mode::Enforce)] {
            put(&aws, name, value).await;
            put(&aws, "CREDITS_ENABLED", mode).await;
            let half = if expected == Mode::Off { 0 } else { 60 };
            *time.lock().unwrap() = later(120 * minute + half);
            let settings = function.settings.current().await;
            assert_eq!((settings.mode, settings.low_balance), (expected, credits(7)), "{name}");
            assert!(Arc::ptr_eq(&settings.verifier, &verifier));
        }
    }
}

#[tokio::test]
async fn a_price_book_that_vanishes_is_still_shown() {
    let books = Harness::start().await;
    let key = |text: &str| AttributeValue::S(text.to_owned());
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let fixed = AttributeValue::M([("ai_text_chat".to_owned(), number("3"))].into());
    let putting = books.client.put_item().table_name(&books.names.state);
    let putting = putting.item("pk", key("PRICE_BOOK")).item("sk", key("ONLY"));
    putting.item("version", number("2")).item("fixed", fixed).send().await.unwrap();
    let (_aws, ssm) = parameter_store(&[]).await;
    let (function, time) = moved_by_hand(&books, &ssm).await;
    let shown = function.settings.current().await.prices.clone();
    assert_ne!(shown, Some(PriceBook::default()));
    let deleting = books.client.delete_item().table_name(&books.names.state);
    deleting.key("pk", key("PRICE_BOOK")).key("sk", key("ONLY")).send().await.unwrap();
    *time.lock().unwrap() = later(60);
    assert_eq!(function.settings.current().await.prices, shown);
}

/// A plan of so many credits a period, at its first revision.
fn plan(id: &str, amount: i64) -> Plan {
    Plan {
        id: id.to_owned(),
        name: id.to_uppercase(),
        description: None,
        credits: credits(amount),
        roll_over: RollOver::None,
        clerk_plans: Vec::new(),
        stripe_prices: Vec::new(),
        public: true,
        active: true,
        revision: 1,
        updated_at: now(),
        updated_by: "admin:user_admin".to_owned(),
    }
}

#[tokio::test]
async fn what_plans_bring_is_shown_and_a_change_within_a_minute() {
    let books = Harness::start().await;
    let (aws, ssm) = parameter_store(&[]).await;
    let (function, time) = moved_by_hand(&books, &ssm).await;
    let directory = function.directory.clone();
    let router = router(function);
    let shown = async |at: Timestamp| {
        *time.lock().unwrap() = at;
        let token = mint().user_token(USER, at).unwrap();
        let mut body = send(&router, SETTINGS, Some(&token)).await.body;
        body["planCredits"].take()
    };
    assert_eq!(shown(now()).await, json!({}));
    let private = Plan { public: false, ..plan("team", 2_000) };
    let retired = Plan { active: false, ..plan("old", 50) };
    for plan in [plan("pro", 500), private, retired] {
        directory.create_plan(&plan).await.unwrap();
    }
    let (before, after) = (books.operations().len(), later(59));
    assert_eq!(shown(later(1)).await, json!({}), "kept, like the prices");
    assert_eq!(books.operations().len(), before, "a request of its own reads nothing");
    assert_eq!(shown(after).await, json!({"pro": 500, "team": 2_000}));
    directory.replace_plan(&plan("pro", 600), 1).await.unwrap();
    assert_eq!(shown(later(120)).await, json!({"pro": 600, "team": 2_000}));

    put(&aws, "CREDITS_ENABLED", "off").await;
    assert_eq!(shown(later(180)).await, Value::Null);
}

#[tokio::test]
async fn plans_out_of_reach_when_the_settings_were_read_are_read_for_the_request() {
    let books = Harness::start().await;
    let (_aws, ssm) = parameter_store(&[]).await;
    books.front.down(true);
    let (function, _time) = moved_by_hand(&books, &ssm).await;
    books.front.down(false);
    function.directory.create_plan(&plan("pro", 500)).await.unwrap();
    let answer = signed_in(&router(function), SETTINGS).await;
    assert_eq!((answer.status, &answer.body["planCredits"]), (200, &json!({"pro": 500})));
}

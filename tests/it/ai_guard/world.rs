//! A guard with everything around it: a table, the stand-in provider, a token mint, a queue.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use ai_guard::{Guard, Limits, Prices, Settings, SettleQueue, router};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use axum::{Json, Router, response::Response, routing::post};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use http_body_util::BodyExt;
use jiff::Timestamp;
use ledger::AccountId;
use local::{
    mint::{AUTHORIZED_PARTY, Mint},
    provider::{self, Provider},
};
use serde_json::{Value, json};
use startup::{BoxError, Cached, Clock};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::harness::{Harness, account, now};

/// How long the provider may take to its first byte: soon over for those that never send it.
const FIRST_BYTE: Duration = Duration::from_millis(500);

/// A guard with everything around it. The signed-in user starts with 10 credits.
pub(crate) struct World {
    pub(crate) books: Harness,
    pub(crate) provider: Provider,
    pub(crate) router: Router,
    pub(crate) user: AccountId,
    queue_url: String,
    queued: Queued,
}

type Queued = Arc<Mutex<Vec<(Value, Option<u64>)>>>;

/// What a request answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl World {
    pub(crate) async fn start(changes: &[(&str, &str)]) -> Self {
        Self::with(changes, FIRST_BYTE, None).await
    }

    /// A world with a price book of its own: features and their prices.
    pub(crate) async fn priced(prices: &[(&str, &str)]) -> Self {
        Self::with(&[], FIRST_BYTE, Some(prices)).await
    }

    /// A world in which chats cost one credit for each token, of which an answer has at most 100,
    /// and the user has so many credits.
    pub(crate) async fn metered(changes: &[(&str, &str)], credits: u32) -> Self {
        let books = Harness::start().await;
        books.open(&account("user_1"), credits).await;
        write_token_prices(&books).await;
        Self::around(books, changes, FIRST_BYTE).await
    }

    pub(crate) async fn with(
        changes: &[(&str, &str)],
        first_byte: Duration,
        prices: Option<&[(&str, &str)]>,
    ) -> Self {
        let books = Harness::start().await;
        books.open(&account("user_1"), 10).await;
        if let Some(prices) = prices {
            write_prices(&books, prices).await;
        }
        Self::around(books, changes, first_byte).await
    }

    async fn around(books: Harness, changes: &[(&str, &str)], first_byte: Duration) -> Self {
        let user = account("user_1");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = provider::Options { word_pause: Duration::ZERO, ..Default::default() };
        let provider = provider::start_with(listener, options).unwrap();
        let (queue_url, queued) = queue().await;
        let mut guard = guard(&books, &provider, &queue_url, changes, now()).await;
        guard.limits.first_byte = first_byte;
        books.front.reset();
        Self { router: router(guard), books, provider, user, queue_url, queued }
    }

    /// The same world with another guard, which has read settings and prices anew at `at`.
    pub(crate) async fn restarted(self, changes: &[(&str, &str)], at: Timestamp) -> Self {
        let guard = guard(&self.books, &self.provider, &self.queue_url, changes, at).await;
        self.books.front.reset();
        Self { router: router(guard), ..self }
    }

    /// Sends the event with changes to its body, signed in.
    pub(crate) async fn call(&self, event: &str, changes: Value) -> Answer {
        self.send(event, &with_body(event, changes), None).await
    }

    pub(crate) async fn send(
        &self,
        event: &str,
        body: &str,
        deadline: Option<Timestamp>,
    ) -> Answer {
        let response = self.respond(event, body, deadline).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn respond(
        &self,
        event: &str,
        body: &str,
        deadline: Option<Timestamp>,
    ) -> Response {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["body"] = json!(body);
        let token = mint().user_token("user_1", now()).unwrap();
        let mut request = startup::request_from_event(&event.to_string(), now(), deadline).unwrap();
        let token = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        request.headers_mut().insert(AUTHORIZATION, token);
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The one message that was queued, and the seconds by which it is to be delayed.
    #[track_caller]
    pub(crate) fn queued(&self) -> (Value, Option<u64>) {
        let queued = self.queued.lock().unwrap().clone();
        let [message] = queued.as_slice() else { panic!("{queued:?}") };
        message.clone()
    }

    pub(crate) fn queue_is_empty(&self) -> bool {
        self.queued.lock().unwrap().is_empty()
    }

    /// Takes the user's balance out of the table.
    pub(crate) async fn take_balance(&self) -> HashMap<String, AttributeValue> {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let deleting = self.books.client.delete_item().table_name(&self.books.names.state);
        let deleting = deleting
            .key("pk", key(&format!("ACCOUNT#{}", self.user)))
            .key("sk", key("BALANCE"))
            .return_values(ReturnValue::AllOld);
        deleting.send().await.unwrap().attributes.unwrap()
    }

    pub(crate) async fn put_state(&self, item: HashMap<String, AttributeValue>) {
        let putting = self.books.client.put_item().table_name(&self.books.names.state);
        putting.set_item(Some(item)).send().await.unwrap();
    }

    pub(crate) async fn available(&self) -> i64 {
        self.books.available(&self.user).await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Status, stable code and what was charged.
    pub(crate) fn refusal(&self) -> (u16, String, Option<&str>) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status, code, self.header("x-credits-charged"))
    }
}

pub(crate) fn with_body(event: &str, changes: Value) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    body.as_object_mut().unwrap().extend(changes);
    body.to_string()
}

pub(crate) fn mint() -> Mint {
    Mint::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("mint")).unwrap()
}

/// A queue that keeps what it is sent, with the seconds by which it is to be delayed.
async fn queue() -> (String, Queued) {
    let queued = Queued::default();
    let kept = Arc::clone(&queued);
    let take = move |body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap();
        let message: Value =
            serde_json::from_str(request["MessageBody"].as_str().unwrap()).unwrap();
        let message = (message, request["DelaySeconds"].as_u64());
        kept.lock().unwrap().push(message);
        Json(json!({"MessageId": "1", "MD5OfMessageBody": ""}))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, Router::new().fallback(post(take)));
    tokio::spawn(async move { server.await });
    (url, queued)
}

async fn guard(
    books: &Harness,
    provider: &Provider,
    queue_url: &str,
    changes: &[(&str, &str)],
    at: Timestamp,
) -> Guard {
    let mint = mint();
    let pem = mint.public_pem().unwrap();
    let usual = [
        ("PROVIDER_BASE_URL", provider.base_url.as_str()),
        ("PROVIDER_MODELS", "*"),
        ("PROVIDER_KEY", provider::KEY),
        ("CLERK_ISSUER", mint.issuer()),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ("CLERK_JWT_KEY", &pem),
    ];
    let values = usual.iter().chain(changes);
    let values: BTreeMap<String, String> =
        values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let clock = Clock::fixed(at);
    let http = books.startup.http.clone();
    let read = Settings::read(|name| values.get(name).cloned(), &http).unwrap();
    let settings = Cached::load(clock.clone(), move || {
        let read = read.clone();
        async move { Ok::<_, BoxError>(read) }
    });
    let queue = crate::harness::startup(&[("AWS_ENDPOINT_URL_SQS", queue_url)]).sqs();
    Guard {
        clock: clock.clone(),
        http,
        store: books.store.clone(),
        settings: settings.await.unwrap(),
        prices: prices(clock, books).await,
        queue: SettleQueue::new(queue, format!("{queue_url}/123456789012/settles")),
        limits: Limits {
            first_byte: FIRST_BYTE,
            idle: Duration::from_millis(500),
            body_bytes: 10_000,
        },
    }
}

/// Price books are read in the start of a process, so that calls do not read them.
async fn prices(clock: Clock, books: &Harness) -> Prices {
    let prices = Prices::new(clock, books.store.clone());
    let _ = prices.current().await;
    prices
}

/// Writes a book of fixed prices; a price of zero is meant.
pub(crate) async fn write_prices(books: &Harness, prices: &[(&str, &str)]) {
    let rows = prices.iter().map(|(feature, price)| ((*feature).to_owned(), number(price)));
    let free = prices.iter().filter(|(_, price)| *price == "0");
    let free = free.map(|(feature, _)| AttributeValue::S((*feature).to_owned())).collect();
    let fixed = [("fixed", AttributeValue::M(rows.collect())), ("free", AttributeValue::L(free))];
    write_book(books, &fixed).await;
}

/// Writes a book in which every model of the stand-in costs a credit for each token. The newer
/// member sets the limit of `stand-in-1`.
async fn write_token_prices(books: &Harness) {
    let models = provider::MODELS.into_iter().map(|model| {
        let price = [("input", "1000"), ("output", "1000"), ("output_max", "100")];
        let price = price.map(|(name, value)| (name.to_owned(), number(value)));
        let field = AttributeValue::S("max_completion_tokens".to_owned());
        let newer = (model == "stand-in-1").then(|| ("limit_field".to_owned(), field));
        (model.to_owned(), AttributeValue::M(price.into_iter().chain(newer).collect()))
    });
    let chat = ("ai_text_chat".to_owned(), AttributeValue::M(models.collect()));
    let fixed = HashMap::from([("ai_text_chat".to_owned(), number("1"))]);
    let tokens = AttributeValue::M([chat].into());
    write_book(books, &[("tokens", tokens), ("fixed", AttributeValue::M(fixed))]).await;
}

fn number(digits: &str) -> AttributeValue {
    AttributeValue::N(digits.to_owned())
}

async fn write_book(books: &Harness, members: &[(&str, AttributeValue)]) {
    let writing = books.client.put_item().table_name(&books.names.state);
    let mut writing = writing
        .item("pk", AttributeValue::S("PRICE_BOOK".to_owned()))
        .item("sk", AttributeValue::S("ONLY".to_owned()))
        .item("version", number("2"));
    for (name, value) in members {
        writing = writing.item(*name, value.clone());
    }
    writing.send().await.unwrap();
}

//! `admin-adjust` in process: its router on the test's books, with a stand-in for Clerk and a
//! queue that keeps what it is sent.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use admin::{AdminDeps, Settings};
use admin_adjust::{AdminAdjust, router};
use axum::{Json, Router, routing::post};
use clerk::{Clerk, Secret};
use directory::Directory;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header::AUTHORIZATION};
use http_api::{TokenSettings, TokenVerifier};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use local::{
    clerk::ClerkStandIn,
    mint::{AUTHORIZED_PARTY, Mint},
};
use projection::{Projector, RetryQueue};
use serde_json::{Value, json};
use startup::{BoxError, Cached, Clock, Deadline};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::harness::{Harness, now};

/// Who administers.
pub(super) const ADMIN: &str = "user_admin";

/// A function with everything around it.
pub(super) struct World {
    pub(super) books: Harness,
    pub(super) clerk: ClerkStandIn,
    pub(super) directory: Directory,
    pub(super) queued: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicI64>,
    router: Router,
}

/// What a request answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    /// `null` where the answer is not JSON.
    pub(super) body: Value,
}

/// A request that is being made.
pub(super) struct Asking<'a> {
    world: &'a World,
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: String,
    deadline: Option<Timestamp>,
}

pub(super) fn mint() -> Mint {
    Mint::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("mint")).unwrap()
}

impl World {
    /// A world with `user_1` to `user_3` in Clerk, and settings that differ from the usual.
    pub(super) async fn with(settings: &[(&str, &str)]) -> Self {
        let books = Harness::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clerk = local::clerk::start(listener).unwrap();
        clerk.add_users(3);
        let (queue_url, queued) = queue().await;
        let directory = Directory::new(books.client.clone(), books.names.state.clone());
        // Each request comes a millisecond after the one before, so that their order is told.
        let asked = Arc::new(AtomicI64::new(0));
        let passed = Arc::clone(&asked);
        let clock = Clock::from_fn(move || {
            now() + SignedDuration::from_millis(passed.load(Ordering::Relaxed))
        });
        let settings = live_settings(&clock, &clerk.url, settings).await;
        let secret = Secret::parse(local::clerk::SECRET_KEY).unwrap();
        let sqs = crate::harness::startup(&[("AWS_ENDPOINT_URL_SQS", &queue_url)]).sqs();
        let projector = Projector {
            clerk: Clerk::new(books.startup.http.clone(), &clerk.url, secret),
            store: books.store.clone(),
            directory: directory.clone(),
            queue: RetryQueue::new(sqs, format!("{queue_url}/123456789012/retries")),
            rate: 1_000,
            clock: clock.clone(),
        };
        let made = move || {
            let projector = projector.clone();
            async move { Ok::<_, BoxError>(projector) }
        };
        let projector = Cached::load(clock.clone(), made).await.unwrap();
        let (store, directory_of) = (books.store.clone(), directory.clone());
        let deps = AdminDeps { settings, clock, directory: directory_of, store };
        let router = router(AdminAdjust { deps, projector });
        Self { books, clerk, directory, queued, asked, router }
    }

    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> Asking<'_> {
        let token = mint().admin_token(ADMIN, now()).unwrap();
        Asking {
            world: self,
            method,
            path: path.to_owned(),
            headers: vec![(AUTHORIZATION, format!("Bearer {token}"))],
            body: String::new(),
            deadline: None,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).send().await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path).body(body).send().await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path).body(body).send().await
    }

    /// The operations recorded so far, newest first, by the members given.
    pub(super) async fn recorded(&self) -> Vec<Value> {
        let answer = self.get("/api/admin/operations").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["operations"].as_array().unwrap().clone()
    }

    /// Every item of a table, in a fixed order.
    pub(super) async fn dump(&self, table: &str) -> Vec<String> {
        let answer = self.books.client.scan().table_name(table).send().await.unwrap();
        assert!(answer.last_evaluated_key().is_none());
        let sorted =
            |item: &directory::Item| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>());
        let mut items: Vec<String> = answer.items().iter().map(sorted).collect();
        items.sort();
        items
    }
}

impl Asking<'_> {
    pub(super) fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self
    }

    pub(super) fn text(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Adds a header, or replaces the token.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.retain(|(other, _)| *other != name || name != AUTHORIZATION);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn deadline(mut self, at: Timestamp) -> Self {
        self.deadline = Some(at);
        self
    }

    pub(super) fn without_token(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != AUTHORIZATION);
        self
    }

    pub(super) async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, HeaderValue::from_str(&value).unwrap());
        }
        let request = request.extension(Deadline(self.deadline));
        let request = request.body(axum::body::Body::from(self.body)).unwrap();
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        self.world.asked.fetch_add(1, Ordering::Relaxed);
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a refusal.
    pub(super) fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

async fn live_settings(
    clock: &Clock,
    clerk_url: &str,
    changes: &[(&str, &str)],
) -> Cached<Settings> {
    let mint = mint();
    let pem = mint.public_pem().unwrap();
    let usual = [
        ("CLERK_ISSUER", mint.issuer()),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ("CLERK_JWT_KEY", &pem),
        ("CLERK_API_URL", clerk_url),
    ];
    let values = usual.iter().chain(changes);
    let values: BTreeMap<String, String> =
        values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let token = TokenSettings::from_lookup(|name| values.get(name).cloned()).unwrap();
    let no_keys = |_url| async { Err::<_, BoxError>("the key is in the settings".into()) };
    let verifier = Arc::new(TokenVerifier::new(token, no_keys).unwrap());
    let settings = Settings::new(values, verifier).unwrap();
    let read = move || {
        let settings = settings.clone();
        async move { Ok::<_, BoxError>(settings) }
    };
    Cached::load(clock.clone(), read).await.unwrap()
}

/// A queue that keeps what it is sent.
async fn queue() -> (String, Arc<Mutex<Vec<Value>>>) {
    let queued = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&queued);
    let take = move |body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap();
        let entries = request["Entries"].as_array().cloned().unwrap_or_else(|| vec![request]);
        let taken = entries.iter().map(|entry| {
            let text = entry["MessageBody"].as_str().unwrap();
            kept.lock().unwrap().push(serde_json::from_str(text).unwrap());
            json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": ""})
        });
        let taken: Vec<Value> = taken.collect();
        Json(json!({"Successful": taken, "Failed": [], "MessageId": "1", "MD5OfMessageBody": ""}))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, Router::new().fallback(post(take)));
    tokio::spawn(async move { server.await });
    (url, queued)
}

//! `admin-sync` and `retry-worker` in process on the test's books, with a stand-in for Clerk and a
//! queue whose messages are delivered when their time has come, all by one clock that stands still
//! until a test moves it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use admin::{AdminDeps, Settings};
use admin_sync::{AdminSync, router};
use axum::{Json, Router, routing::post};
use clerk::{Clerk, Secret};
use directory::{Directory, Plan};
use http::{HeaderMap, Method, Request};
use http_api::{TokenSettings, TokenVerifier};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use ledger::{AccountId, Credits, command::RollOver};
use local::{
    clerk::{ClerkStandIn, Options, SECRET_KEY, Subscription},
    mint::{AUTHORIZED_PARTY, Mint},
};
use projection::{Projector, RetryQueue};
use retry_worker::{Deps, Later, WorkError, handle};
use serde_json::{Value, json};
use startup::{BoxError, Cached, Clock, SqsMessage};
use sync::Parts;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::harness::{Harness, account, later, now};

pub(super) const SYNC: &str = "/api/admin/users/sync";

pub(super) struct World {
    pub(super) books: Harness,
    pub(super) clerk: ClerkStandIn,
    pub(super) directory: Directory,
    pub(super) queue: Queue,
    pub(super) worker: Deps,
    router: Router,
    values: Arc<Mutex<BTreeMap<String, String>>>,
    time: Arc<Mutex<Timestamp>>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// A message that waits to be delivered.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) due: Timestamp,
    pub(super) body: String,
    pub(super) receives: u32,
}

#[derive(Clone)]
pub(super) struct Queue {
    messages: Arc<Mutex<Vec<Queued>>>,
    time: Arc<Mutex<Timestamp>>,
}

pub(super) fn mint() -> Mint {
    Mint::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("mint")).unwrap()
}

impl World {
    /// A world with so many users in Clerk, who open with 5 credits.
    pub(super) async fn with(users: usize) -> Self {
        let books = Harness::start().await;
        let time = Arc::new(Mutex::new(now()));
        let read = Arc::clone(&time);
        let clock = Clock::from_fn(move || *read.lock().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { clock: clock.clone(), ..Options::default() };
        let clerk = local::clerk::start_with(listener, options).unwrap();
        clerk.add_users(users);
        let queue = Queue { messages: Arc::default(), time: Arc::clone(&time) };
        let queue_url = queue.serve().await;
        let directory = Directory::new(books.client.clone(), books.names.state.clone());
        let values = Arc::new(Mutex::new(usual_settings(&clerk.url)));
        let settings = live_settings(&clock, &values).await;
        let sqs = crate::harness::startup(&[("AWS_ENDPOINT_URL_SQS", &queue_url)]).sqs();
        let projector = Projector {
            clerk: Clerk::new(
                books.startup.http.clone(),
                &clerk.url,
                Secret::parse(SECRET_KEY).unwrap(),
            ),
            store: books.store.clone(),
            directory: directory.clone(),
            queue: RetryQueue::new(sqs, format!("{queue_url}/123456789012/retries")),
            rate: 1_000,
            clock: clock.clone(),
        };
        let parts = Parts { projector, clock: clock.clone() };
        let made = move || {
            let parts = parts.clone();
            async move { Ok::<_, BoxError>(parts) }
        };
        let parts = Cached::load(clock.clone(), made).await.unwrap();
        let deps = AdminDeps {
            settings: settings.clone(),
            clock: clock.clone(),
            directory: directory.clone(),
            store: books.store.clone(),
        };
        let router = router(AdminSync { deps, parts: parts.clone() });
        let later = Later::known(settings, parts);
        let worker = Deps { store: books.store.clone(), clock, later };
        Self { books, clerk, directory, queue, worker, router, values, time }
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.time.lock().unwrap()
    }

    pub(super) fn pass(&self, seconds: i64) {
        *self.time.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// Changes a setting, and lets the time pass after which everybody knows it.
    pub(super) fn set(&self, name: &str, value: &str) {
        self.values.lock().unwrap().insert(name.to_owned(), value.to_owned());
        self.pass(60);
    }

    /// A plan of ours for one of Clerk's.
    pub(super) async fn plan(&self, id: &str, clerk_plan: &str, credits: i64) {
        let plan = Plan {
            id: id.to_owned(),
            name: id.to_owned(),
            description: None,
            credits: Credits::new(credits).unwrap(),
            roll_over: RollOver::None,
            clerk_plans: vec![clerk_plan.to_owned()],
            stripe_prices: Vec::new(),
            public: true,
            active: true,
            revision: 1,
            updated_at: self.now(),
            updated_by: "admin:user_admin".to_owned(),
        };
        self.directory.create_plan(&plan).await.unwrap();
    }

    /// Puts the account on a plan since yesterday, until in 29 days.
    pub(super) fn subscribe(&self, item: &str, account: &str, plan: &str, status: &str) {
        self.clerk.add_subscription(&Subscription {
            item: item.to_owned(),
            account: account.to_owned(),
            plan: plan.to_owned(),
            status: status.to_owned(),
            period_start: later(-86_400),
            period_end: Some(later(29 * 86_400)),
        });
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.ask_with(method, path, body, &[]).await
    }

    pub(super) async fn ask_with(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let token = mint().admin_token("user_admin", self.now()).unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.body(axum::body::Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(super) async fn post(&self, body: &Value) -> Answer {
        self.ask(Method::POST, SYNC, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &Value::Null).await
    }

    /// Starts a run that workers do; returns its id.
    pub(super) async fn queued(&self, body: &Value) -> String {
        let prefer = [("prefer", "respond-async")];
        let answer = self.ask_with(Method::POST, SYNC, body, &prefer).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        let run = answer.body["run"].as_str().unwrap().to_owned();
        assert_eq!(answer.headers["location"], format!("{SYNC}/{run}"));
        run
    }

    pub(super) async fn run(&self, run: &str) -> Value {
        let answer = self.get(&format!("{SYNC}/{run}")).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body
    }

    /// Delivers the message that is due next, at its time. `None` where the queue is empty.
    pub(super) async fn deliver(&self) -> Option<Result<(), WorkError>> {
        let message = self.queue.take()?;
        let ended = handle(sqs(&message), &self.worker).await;
        if ended.is_err() {
            self.queue.put_back(message);
        }
        Some(ended)
    }

    /// Delivers until nothing is left; nothing may fail.
    pub(super) async fn deliver_all(&self) {
        for _ in 0..2_000 {
            match self.deliver().await {
                None => return,
                Some(ended) => ended.unwrap(),
            }
        }
        panic!("it goes on for ever");
    }

    /// Delivers the message that is due next, and kills the worker when it has made so many
    /// requests of the table: its message comes back. Whether there was time to finish.
    pub(super) async fn deliver_and_kill(&self, requests: usize) -> bool {
        let Some(message) = self.queue.take() else { return true };
        self.books.front.reset();
        let finished = tokio::select! {
            biased;
            ended = handle(sqs(&message), &self.worker) => {
                ended.unwrap();
                true
            }
            () = self.until_requests(requests) => false,
        };
        if !finished {
            self.queue.put_back(message);
        }
        finished
    }

    async fn until_requests(&self, requests: usize) {
        while self.books.front.calls().len() <= requests {
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn available(&self, name: &str) -> i64 {
        self.books.available_at(&account(name), self.now()).await
    }

    pub(super) async fn entries(&self, id: &AccountId) -> usize {
        self.books.store.history(id, 1_000, None).await.unwrap().entries.len()
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

impl Queue {
    pub(super) fn messages(&self) -> Vec<Queued> {
        self.messages.lock().unwrap().clone()
    }

    /// Those that ask for a step of a run.
    pub(super) fn steps(&self) -> Vec<Queued> {
        let is_step = |message: &Queued| message.body.contains(r#""kind":"sync""#);
        self.messages().into_iter().filter(is_step).collect()
    }

    pub(super) fn clear(&self) {
        self.messages.lock().unwrap().clear();
    }

    pub(super) fn put(&self, message: Queued) {
        self.messages.lock().unwrap().push(message);
    }

    /// Takes the message that is due first, and moves the clock to its time.
    fn take(&self) -> Option<Queued> {
        let mut messages = self.messages.lock().unwrap();
        let first =
            messages.iter().enumerate().min_by_key(|(place, message)| (message.due, *place));
        let place = first?.0;
        let mut message = messages.remove(place);
        let mut time = self.time.lock().unwrap();
        *time = message.due.max(*time);
        message.receives += 1;
        Some(message)
    }

    /// A message whose handling failed comes back a minute later.
    fn put_back(&self, message: Queued) {
        let due = *self.time.lock().unwrap() + SignedDuration::from_mins(1);
        self.put(Queued { due, ..message });
    }

    fn accept(&self, message: &Value) {
        let delay = message["DelaySeconds"].as_i64().unwrap_or(0);
        let due = *self.time.lock().unwrap() + SignedDuration::from_secs(delay);
        let body = message["MessageBody"].as_str().unwrap().to_owned();
        self.put(Queued { due, body, receives: 0 });
    }

    async fn serve(&self) -> String {
        let queue = self.clone();
        let take = move |body: String| async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let entries = request["Entries"].as_array().cloned().unwrap_or_else(|| vec![request]);
            let taken = entries.iter().map(|entry| {
                queue.accept(entry);
                json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": ""})
            });
            let taken: Vec<Value> = taken.collect();
            Json(json!({
                "Successful": taken, "Failed": [], "MessageId": "1", "MD5OfMessageBody": "",
            }))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = axum::serve(listener, Router::new().fallback(post(take)));
        tokio::spawn(async move { server.await });
        url
    }
}

fn sqs(message: &Queued) -> SqsMessage {
    SqsMessage {
        id: "1".to_owned(),
        body: message.body.clone(),
        receipt_handle: "1".to_owned(),
        receive_count: message.receives,
    }
}

fn usual_settings(clerk_url: &str) -> BTreeMap<String, String> {
    let mint = mint();
    let pem = mint.public_pem().unwrap();
    let usual = [
        ("CLERK_ISSUER", mint.issuer()),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ("CLERK_JWT_KEY", &pem),
        ("CLERK_API_URL", clerk_url),
        ("SIGNUP_CREDITS", "5"),
    ];
    usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn live_settings(
    clock: &Clock,
    values: &Arc<Mutex<BTreeMap<String, String>>>,
) -> Cached<Settings> {
    let values = Arc::clone(values);
    let read = move || {
        let values = values.lock().unwrap().clone();
        async move {
            let token = TokenSettings::from_lookup(|name| values.get(name).cloned())?;
            let no_keys = |_url| async { Err::<_, BoxError>("the key is in the settings".into()) };
            let verifier = Arc::new(TokenVerifier::new(token, no_keys)?);
            Ok::<_, BoxError>(Settings::new(values, verifier)?)
        }
    };
    Cached::load(clock.clone(), read).await.unwrap()
}

/// The five counters that every run answers with.
pub(super) fn counters(run: &Value) -> [u64; 5] {
    let names =
        ["processed", "createdUsers", "createdBalances", "activeSubscriptions", "creditsRefreshed"];
    names.map(|name| run[name].as_u64().unwrap_or_else(|| panic!("no `{name}`: {run}")))
}

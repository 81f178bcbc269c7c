//! Books, a stand-in for Clerk, and a queue whose messages are delivered when their time has come,
//! all by one clock that stands still until a test moves it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, routing::post};
use clerk::{Clerk, Secret};
use directory::Directory;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId,
    command::{Action, Adjustment, Command},
};
use ledger_dynamodb::{Beside, StoreError, Submitted};
use local::clerk::{ClerkStandIn, Options, SECRET_KEY};
use projection::{Project, ProjectionError, Projector, RetryQueue};
use serde_json::{Value, json};
use startup::Clock;
use tokio::net::TcpListener;

use crate::harness::{Harness, admin, credits, now};

pub(super) struct World {
    pub(super) books: Harness,
    pub(super) clerk: ClerkStandIn,
    pub(super) projector: Projector,
    pub(super) queue: Queue,
    time: Arc<Mutex<Timestamp>>,
}

/// What was sent, by when it is due. Whoever fails a message gets it back a minute later.
#[derive(Clone)]
pub(super) struct Queue {
    due: Arc<Mutex<BTreeMap<(Timestamp, u64), String>>>,
    time: Arc<Mutex<Timestamp>>,
}

impl World {
    /// A world with `user_1` in Clerk and in the books, where the account has 100 credits.
    pub(super) async fn start() -> Self {
        let (books, user) = Harness::opened(100).await;
        let time = Arc::new(Mutex::new(now()));
        let read = Arc::clone(&time);
        let clock = Clock::from_fn(move || *read.lock().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { clock: clock.clone(), ..Options::default() };
        let clerk = local::clerk::start_with(listener, options).unwrap();
        clerk.add_user(user.as_str(), &json!({"role": "admin", "theme": {"dark": true}}));
        let due = Arc::default();
        let queue = Queue { due, time: Arc::clone(&time) };
        let queue_url = queue.serve().await;
        let sqs = crate::harness::startup(&[("AWS_ENDPOINT_URL_SQS", &queue_url)]).sqs();
        let http = books.startup.http.clone();
        let projector = Projector {
            clerk: Clerk::new(http, &clerk.url, Secret::parse(SECRET_KEY).unwrap()),
            store: books.store.clone(),
            directory: Directory::new(books.client.clone(), books.names.state.clone()),
            queue: RetryQueue::new(sqs, format!("{queue_url}/123456789012/retries")),
            rate: 1_000,
            clock,
        };
        books.front.reset();
        Self { books, clerk, projector, queue, time }
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.time.lock().unwrap()
    }

    pub(super) fn pass(&self, seconds: i64) {
        *self.time.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// Sets the balance as an admin does, and takes the turn to show it.
    pub(super) async fn adjust(&self, id: &AccountId, to: i64) -> Result<Submitted, StoreError> {
        let now = self.now();
        let adjustment = Adjustment::To(credits(to));
        let action = Action::Adjust { adjustment, reason: None, key: None };
        let command = Command { id: startup::new_ulid(now), actor: admin(), action };
        let beside = Beside { record: None, projection: true };
        self.books.store.submit_beside(id, &command, now, beside).await
    }

    /// The whole of an adjustment: whether it is shown at once.
    pub(super) async fn adjust_and_show(&self, id: &AccountId, to: i64) -> bool {
        let now = self.now();
        let Submitted { receipt, turn, .. } = self.adjust(id, to).await.unwrap();
        self.projector.now(&receipt.account, turn, now).await
    }

    /// Delivers what is due at the next time something is, and moves the clock there. Messages of
    /// one time are delivered together. How each ended; none where the queue is empty.
    pub(super) async fn deliver(&self) -> Vec<Result<(), ProjectionError>> {
        let Some((at, bodies)) = self.queue.next() else { return Vec::new() };
        {
            let mut time = self.time.lock().unwrap();
            *time = at.max(*time);
        }
        let finishing = bodies.iter().map(|body| async {
            let message = Project::parse(body).unwrap();
            let ended = self.projector.finish(&message, self.now()).await;
            if ended.is_err() {
                self.queue.put(body.clone(), SignedDuration::from_mins(1));
            }
            ended
        });
        join_all(finishing).await
    }

    /// Delivers until nothing is left.
    pub(super) async fn deliver_all(&self) {
        let mut rounds = 0;
        loop {
            let ended = self.deliver().await;
            if ended.is_empty() {
                return;
            }
            for one in ended {
                one.unwrap();
            }
            rounds += 1;
            assert!(rounds < 100, "it goes on for ever");
        }
    }

    /// The public metadata of a user in Clerk.
    pub(super) fn shown(&self, id: &AccountId) -> Value {
        self.clerk.user(id.as_str())["public_metadata"].clone()
    }
}

impl Queue {
    /// The bodies in the queue, with the time each is due, soonest first.
    pub(super) fn messages(&self) -> Vec<(Timestamp, Value)> {
        let due = self.due.lock().unwrap();
        let read = |body: &String| serde_json::from_str(body).unwrap();
        due.iter().map(|((at, _), body)| (*at, read(body))).collect()
    }

    /// Takes everything that is due next.
    fn next(&self) -> Option<(Timestamp, Vec<String>)> {
        let mut due = self.due.lock().unwrap();
        let at = due.keys().next()?.0;
        let later = due.split_off(&(at + Duration::from_nanos(1), 0));
        let bodies = std::mem::replace(&mut *due, later).into_values().collect();
        Some((at, bodies))
    }

    fn put(&self, body: String, delay: SignedDuration) {
        let mut due = self.due.lock().unwrap();
        let number = u64::try_from(due.len()).unwrap();
        let at = *self.time.lock().unwrap() + delay;
        let free = (number..u64::MAX).find(|number| !due.contains_key(&(at, *number))).unwrap();
        due.insert((at, free), body);
    }

    fn take(&self, message: &Value) {
        let delay = message["DelaySeconds"].as_i64().unwrap_or(0);
        assert!((0..=900).contains(&delay), "{message}");
        let body = message["MessageBody"].as_str().unwrap().to_owned();
        self.put(body, SignedDuration::from_secs(delay));
    }

    async fn serve(&self) -> String {
        let queue = self.clone();
        let take = move |body: String| async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let Some(entries) = request["Entries"].as_array() else {
                queue.take(&request);
                return Json(json!({"MessageId": "1", "MD5OfMessageBody": ""}));
            };
            assert!(entries.len() <= 10);
            let taken = entries.iter().map(|entry| {
                queue.take(entry);
                json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": ""})
            });
            Json(json!({"Successful": taken.collect::<Vec<_>>(), "Failed": []}))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = axum::serve(listener, Router::new().fallback(post(take)));
        tokio::spawn(async move { server.await });
        url
    }
}

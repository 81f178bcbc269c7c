//! Calls with an `Idempotency-Key`, sent again and again over a table that loses its replies.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use ledger::entry::Cause;
use local::fault::{Fault, Rule};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use super::town::{Client, Reply, Town, wall_clock};
use crate::harness::account;

/// So many keys, each sent by three clients at once.
const KEYS: usize = 1_000;
const CLIENTS: usize = 3;

/// Users they belong to, so that no balance is the bottleneck.
const USERS: usize = 20;

/// Keys under way at a time.
const AT_ONCE: usize = 40;

/// How long a client waits for an answer before it sends the call again.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a client sends a call: far more often than any needs to.
const TRIES_MAX: u32 = 40;

/// What a key stands for: a chat, a streamed chat or a picture, in turn.
#[derive(Clone, Copy)]
enum Kind {
    Chat,
    Stream,
    Image,
}

impl Kind {
    fn of(number: usize) -> Self {
        [Self::Chat, Self::Stream, Self::Image][number % 3]
    }

    /// What it costs, in credits.
    fn price(self) -> i64 {
        match self {
            Self::Chat | Self::Stream => 1,
            Self::Image => 5,
        }
    }

    /// Where it is sent. A chat takes both of its paths in turn: they are one route.
    fn url(self, client: &Client, attempt: u32) -> String {
        match self {
            Self::Chat if attempt.is_multiple_of(2) => format!("{}/api/ai/chat", client.api),
            Self::Chat => format!("{}/v1/chat/completions", client.api),
            Self::Stream => format!("{}/v1/chat/completions", client.streaming),
            Self::Image => format!("{}/api/ai/image", client.api),
        }
    }

    fn body(self, number: usize) -> Value {
        let words = format!("call number {number}");
        let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": words }] });
        match self {
            Self::Chat => chat,
            Self::Stream => {
                let mut chat = chat;
                chat["stream"] = json!(true);
                chat
            }
            Self::Image => json!({ "model": "m", "prompt": words, "n": 1 }),
        }
    }
}

/// One client: sends the call until it is answered. The first of them is impatient once.
async fn answered(client: &Client, number: usize, which: usize) -> Reply {
    let kind = Kind::of(number);
    let (key, body) = (format!("call-{number}"), kind.body(number));
    for attempt in 0..TRIES_MAX {
        let is_impatient = which == 0 && attempt == 0 && number.is_multiple_of(7);
        let patience = if is_impatient { Duration::from_millis(30) } else { PATIENCE };
        let url = kind.url(client, attempt);
        let Ok(reply) = timeout(patience, client.keyed(&url, &body, &key)).await else {
            continue;
        };
        match reply.status.as_u16() {
            409 => assert_eq!(reply.json()["code"], "idempotency_in_flight", "{}", reply.text),
            429 | 503 => {}
            _ => return reply,
        }
        assert_eq!(reply.header("retry-after"), "1", "{}", reply.text);
        sleep(Duration::from_secs(1)).await;
    }
    panic!("call {number} was never answered");
}

/// What the caller asked for: of a stream everything up to its end.
fn asked_for(reply: &Reply) -> String {
    match reply.text.split_once("event: credits") {
        Some((events, _)) => events.to_owned(),
        None => reply.text.clone(),
    }
}

/// What the answer says that the call has cost.
fn charged(reply: &Reply) -> String {
    match reply.text.split_once("event: credits\ndata: ") {
        Some((_, event)) => {
            let event: Value = serde_json::from_str(event.trim()).unwrap();
            event["charged"].to_string()
        }
        None => reply.header("x-credits-charged").to_owned(),
    }
}

/// One call by three clients at once: all of them get the same.
async fn three_times(client: Client, number: usize) {
    let clients = (0..CLIENTS).map(|which| {
        let client = client.clone();
        tokio::spawn(async move { answered(&client, number, which).await })
    });
    let clients: Vec<_> = clients.collect();
    let mut replies = Vec::new();
    for client in clients {
        replies.push(client.await.unwrap());
    }
    for reply in &replies {
        assert_eq!(reply.status.as_u16(), 200, "call {number}: {}", reply.text);
        assert_eq!(asked_for(reply), asked_for(&replies[0]), "call {number}");
        assert_eq!(charged(reply), Kind::of(number).price().to_string(), "call {number}");
    }
}

fn user_of(number: usize) -> String {
    format!("user_{}", number % USERS)
}

/// Waits until every hold of the user has ended: some are given back by the queue.
async fn settled(town: &Town, user: &str) {
    let (account, began) = (account(user), Instant::now());
    while !town.store.open_holds(&account, wall_clock()).await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_mins(1), "holds of {user} stay open");
        sleep(Duration::from_millis(200)).await;
    }
}

/// How many calls of the user were charged, and how much in all.
async fn charges(town: &Town, user: &str) -> (usize, i64) {
    let page = town.store.history(&account(user), 1_000, None).await.unwrap();
    assert_eq!(page.next, None);
    let charges = page.entries.iter().map(|entry| match &entry.cause {
        Cause::Outcome { ending, .. } => ending.charged().get(),
        Cause::Charge { .. } => -entry.amount.get(),
        _ => 0,
    });
    let charges: Vec<i64> = charges.filter(|charged| *charged > 0).collect();
    (charges.len(), charges.iter().sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_keys_sent_three_times_at_once_are_each_charged_once_with_half_the_replies_lost()
{
    let town = Town::with(|options| {
        options.settings.insert("SIGNUP_CREDITS".to_owned(), "1000".to_owned());
        options.processes = 24;
        options.visibility_seconds.insert("SettleQueue".to_owned(), 2);
    })
    .await;
    let began: Timestamp = wall_clock();
    town.front().rules([Rule::any(Fault::LostReply, 500)]);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = Vec::new();
    for number in 0..KEYS {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let client = town.client_of(&user_of(number));
        calls.push(tokio::spawn(async move {
            three_times(client, number).await;
            drop(place);
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    town.front().reset();
    eprintln!("{KEYS} keys took {}", wall_clock().duration_since(began));
    for user in 0..USERS {
        let numbers = (0..KEYS).filter(|number| number % USERS == user);
        let expected: i64 = numbers.clone().map(|number| Kind::of(number).price()).sum();
        let user = format!("user_{user}");
        settled(&town, &user).await;
        assert_eq!(charges(&town, &user).await, (numbers.count(), expected), "{user}");
        assert_eq!(town.books_of(&user).await, 1_000 - expected, "{user}");
    }
}

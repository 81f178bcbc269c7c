//! The split API: back ends hold credits for a call of their own and end the hold themselves.

mod arbitrary;
mod ended;
mod faults;
mod keys;
mod modes;
mod once;
mod refused;

use aws_sdk_dynamodb::types::AttributeValue;
use http::{HeaderValue, header::AUTHORIZATION};
use http_body_util::BodyExt;
use jiff::Timestamp;
use ledger::{
    Credits,
    entry::Actor,
    hold::Hold,
    price::{Price, Tariff},
};
use local::service_key::{SCOPES, ServiceKey};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::world::{Answer, World};
use crate::harness::{grant, hold, now};

const PLACE: &str = include_str!("../../../events/ai-guard-hold.json");
const SETTLE: &str = include_str!("../../../events/ai-guard-settle.json");
const RELEASE: &str = include_str!("../../../events/ai-guard-release.json");

/// The id in the events, which each test replaces by one that is there.
const ID: &str = "user_1.01KAGJYM0D1VNQ7R2M3X4Y5Z6A";

/// A world with a back end that has a service key.
struct Shop {
    world: World,
    key: ServiceKey,
}

impl Shop {
    async fn open() -> Self {
        Self::with(&[]).await
    }

    async fn with(changes: &[(&str, &str)]) -> Self {
        let key = new_key("backend", &SCOPES);
        let list = key.list();
        let changes: Vec<_> = changes.iter().copied().chain([("SERVICE_KEYS", &*list)]).collect();
        Self { world: World::start(&changes).await, key }
    }

    /// A shop with the prices of [`write_book`], and so many credits for `user_1`.
    async fn by_tokens(credits: i64) -> Self {
        let shop = Self::open().await;
        write_book(&shop.world).await;
        shop.world.books.submit(&shop.world.user, grant(credits - 10, None)).await.unwrap();
        shop.restarted(&[], now()).await
    }

    /// The same with a guard that has read settings and prices anew.
    async fn restarted(self, changes: &[(&str, &str)], at: Timestamp) -> Self {
        let list = self.key.list();
        let changes: Vec<_> = changes.iter().copied().chain([("SERVICE_KEYS", &*list)]).collect();
        Self { world: self.world.restarted(&changes, at).await, key: self.key }
    }

    async fn place(&self, changes: Value) -> Answer {
        let mut body = json!({"account": "user_1", "feature": "ai_image_generation"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.ask(PLACE, "", &body, &[]).await
    }

    /// The id of a hold that is placed.
    async fn placed(&self, changes: Value) -> String {
        let answer = self.place(changes).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn settle(&self, id: &str, body: Value) -> Answer {
        self.ask(SETTLE, id, &body, &[]).await
    }

    async fn release(&self, id: &str) -> Answer {
        self.ask(RELEASE, id, &json!({}), &[]).await
    }

    async fn ask(&self, event: &str, id: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        send(&self.world, &self.key.key, event, id, body, headers).await
    }

    async fn available(&self) -> i64 {
        self.world.available().await
    }
}

fn new_key(name: &str, scopes: &[&str]) -> ServiceKey {
    ServiceKey::new(name, scopes).unwrap()
}

async fn send(
    world: &World,
    bearer: &str,
    event: &str,
    id: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Answer {
    let mut event: Value = serde_json::from_str(&event.replace(ID, id)).unwrap();
    event["body"] = json!(body.to_string());
    let mut request = startup::request_from_event(&event.to_string(), now(), None).unwrap();
    let bearer = HeaderValue::from_str(&format!("Bearer {bearer}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, bearer);
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    let response = world.router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// Version 2: images cost 3, and chats with `by-tokens` by their tokens.
async fn write_book(world: &World) {
    let number = |value: &str| AttributeValue::N(value.to_owned());
    let map = |rows: Vec<(&str, AttributeValue)>| {
        AttributeValue::M(rows.into_iter().map(|(name, row)| (name.to_owned(), row)).collect())
    };
    let rates =
        vec![("input", number("1000")), ("output", number("2000")), ("minimum", number("2"))];
    let models = map(vec![("by-tokens", map(rates))]);
    let writing = world.books.client.put_item().table_name(&world.books.names.state);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let writing = writing
        .item("pk", text("PRICE_BOOK"))
        .item("sk", text("ONLY"))
        .item("version", number("2"))
        .item("fixed", map(vec![("ai_image_generation", number("3"))]))
        .item("tokens", map(vec![("ai_text_chat", models)]));
    writing.send().await.unwrap();
}

/// A hold that a back end has placed, with a price of its own.
async fn hold_priced(world: &World, amount: u32, price: i64, quantity: u32) -> Hold {
    let mut hold = hold(&world.user, amount);
    hold.actor = Actor::Service("backend".to_owned());
    hold.terms.tariff = Tariff::Fixed(Price::new(price).unwrap());
    hold.terms.quantity = quantity;
    world.books.store.hold(&hold, Credits::ZERO).await.unwrap();
    hold
}

fn public(hold: &Hold) -> String {
    format!("{}.{}", hold.account, hold.id)
}

//! The stand-in over its wire, where Clerk's own SDKs do not go: the rules of lists, the limits by
//! a clock that is moved by hand, the controls, and how many users it holds.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use startup::Clock;
use tokio::net::TcpListener;

use super::{ClerkStandIn, Options, Outage, SECRET_KEY, start_with};

struct Sdk {
    clerk: ClerkStandIn,
    client: Client<HttpConnector, Full<Bytes>>,
    time: Arc<Mutex<Timestamp>>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let users = self.json();
        let ids = users.as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().into());
        ids.collect()
    }
}

impl Sdk {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let time = Arc::new(Mutex::new("2026-11-20T12:00:00Z".parse().unwrap()));
        let read = Arc::clone(&time);
        let clock = Clock::from_fn(move || *read.lock().unwrap());
        let clerk = start_with(listener, Options { clock, ..Options::default() }).unwrap();
        Self { clerk, client: Client::builder(TokioExecutor::new()).build_http(), time }
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.clerk.url))
            .header("authorization", format!("Bearer {SECRET_KEY}"))
            .body(Full::new(body.to_string().into()))
            .unwrap();
        let (head, body) = self.client.request(request).await.ok()?.into_parts();
        let text = body.collect().await.ok()?.to_bytes();
        let text = String::from_utf8(text.into()).unwrap();
        Some(Answer { status: head.status, headers: head.headers, text })
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null).await.unwrap()
    }

    async fn write(&self, user: &str, metadata: &Value) -> Answer {
        let path = format!("/v1/users/{user}/metadata");
        self.send("PATCH", &path, &json!({"public_metadata": metadata})).await.unwrap()
    }

    fn pass(&self, milliseconds: i64) {
        *self.time.lock().unwrap() += SignedDuration::from_millis(milliseconds);
    }
}

#[tokio::test]
async fn a_list_is_in_the_order_asked_for_from_an_offset_or_after_a_user() {
    let sdk = Sdk::new().await;
    sdk.clerk.add_users(4);
    sdk.clerk.set_email("user_2", "zoe@example.com");
    for (query, expected) in [
        ("", ["user_4", "user_3", "user_2", "user_1"].as_slice()),
        ("?order_by=created_at", &["user_1", "user_2", "user_3", "user_4"]),
        ("?order_by=%2Bcreated_at&limit=2", &["user_1", "user_2"]),
        ("?order_by=created_at&order_by=-created_at&limit=1", &["user_1"]),
        ("?order_by=created_at&offset=3", &["user_4"]),
        ("?order_by=created_at&starting_after=user_2", &["user_3", "user_4"]),
        ("?starting_after=user_2", &["user_1"]),
        ("?order_by=created_at&starting_after=user_4", &[]),
        ("?order_by=-email_address&limit=1", &["user_2"]),
        ("?order_by=-updated_at&limit=1", &["user_2"]),
        ("?user_id=user_3&user_id=user_9", &["user_3"]),
    ] {
        let answer = sdk.get(&format!("/v1/users{query}")).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.ids(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_list_that_clerk_would_not_give_is_refused_by_the_name_of_the_parameter() {
    let sdk = Sdk::new().await;
    sdk.clerk.add_users(4);
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("offset=-1", "offset"),
        ("order_by=shoe_size", "order_by"),
        ("starting_after=user_1&offset=1", "starting_after"),
        ("starting_after=user_1&order_by=email_address", "starting_after"),
        ("starting_after=user_9", "starting_after"),
        ("made_up=1", "made_up"),
    ] {
        let answer = sdk.get(&format!("/v1/users?{query}")).await;
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.json()["errors"][0]["meta"]["param_name"], parameter, "{query}");
    }
}

#[tokio::test]
async fn fields_of_metadata_are_written_all_or_none_and_each_on_its_own() {
    let sdk = Sdk::new().await;
    sdk.clerk.add_users(1);
    let path = "/v1/users/user_1/metadata";
    let body = json!({"public_metadata": {"a": 1}, "private_metadata": {"b": {"c": 1}}});
    sdk.send("PATCH", path, &body).await.unwrap();
    let body = json!({"private_metadata": {"b": {"d": 2}}, "public_metadata": null});
    let merged = sdk.send("PATCH", path, &body).await.unwrap().json();
    assert_eq!(merged["public_metadata"], json!({"a": 1}));
    assert_eq!(merged["private_metadata"], json!({"b": {"c": 1, "d": 2}}));
    for bad in [json!("text"), json!({"a": "x".repeat(8_192)})] {
        let body = json!({"public_metadata": {"z": 1}, "private_metadata": bad});
        let answer = sdk.send("PATCH", path, &body).await.unwrap();
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()["errors"][0]["meta"]["param_name"], "private_metadata");
    }
    assert_eq!(sdk.clerk.user("user_1")["public_metadata"], json!({"a": 1}));
    let replaced = sdk.send("PUT", path, &json!({"private_metadata": {"e": 3}})).await.unwrap();
    assert_eq!(replaced.json()["private_metadata"], json!({"e": 3}));
    let none = sdk.send("PATCH", path, &json!([])).await.unwrap();
    assert_eq!(none.status, 400);
}

#[tokio::test]
async fn a_user_gets_ten_writes_in_any_ten_seconds_and_is_told_how_long_to_wait() {
    let sdk = Sdk::new().await;
    sdk.clerk.add_users(2);
    for n in 0..10 {
        assert_eq!(sdk.write("user_1", &json!({"n": n})).await.status, 200);
        sdk.pass(500);
    }
    let refused = sdk.write("user_1", &json!({"n": 10})).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "5");
    assert_eq!(refused.json()["errors"][0]["code"], "too_many_requests");
    assert_eq!(sdk.write("user_2", &json!({})).await.status, 200);
    sdk.pass(4_999);
    assert_eq!(sdk.write("user_1", &json!({"n": 10})).await.headers["retry-after"], "1");
    sdk.pass(1);
    assert_eq!(sdk.write("user_1", &json!({"n": 10})).await.status, 200);
    assert_eq!(sdk.write("user_1", &json!({"n": 11})).await.status, 429);
}

#[tokio::test]
async fn the_instance_has_a_limit_for_everything_but_its_keys() {
    let sdk = Sdk::new().await;
    sdk.clerk.set_limits(3, 10);
    for status in [200, 200, 200, 429] {
        assert_eq!(sdk.get("/v1/users/count").await.status, status);
    }
    assert_eq!(sdk.get("/v1/jwks").await.json(), json!({"keys": []}));
    sdk.pass(10_000);
    assert_eq!(sdk.get("/v1/users/count").await.status, 200);
}

#[tokio::test]
async fn whatever_can_be_controlled_in_process_can_be_over_http_in_an_outage_too() {
    let sdk = Sdk::new().await;
    let control = async |method: &str, path: &str, body: Value| {
        let answer = sdk.send(method, &format!("/_stand-in/{path}"), &body).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    };
    control("PUT", "outage", json!({"mode": "drop"})).await;
    assert!(sdk.send("GET", "/v1/users/count", &Value::Null).await.is_none());
    control("PUT", "outage", json!({"mode": "503"})).await;
    assert_eq!(sdk.get("/v1/users/count").await.status, 503);
    control("POST", "users", json!({"count": 2})).await;
    let ada =
        json!({"id": "user_ada", "email": "ada@example.com", "publicMetadata": {"role": "x"}});
    control("POST", "users", ada).await;
    control("POST", "organizations", json!({"id": "org_1"})).await;
    control("POST", "plans", json!({"id": "cplan_X", "slug": "x", "amountCents": 900})).await;
    let (start, end) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    let item = json!({"item": "csub_item_1", "account": "user_ada", "plan": "cplan_X",
                      "status": "active", "periodStart": start, "periodEnd": end});
    control("POST", "subscriptions", item).await;
    control("PUT", "slow", json!({"ms": 5})).await;
    let limits = json!({"all": 7, "user": 2});
    let after = control("PUT", "limits", limits.clone()).await;
    let expected = json!({"users": 3, "organizations": 1, "outage": "503", "slowMs": 5,
                          "limits": limits});
    assert_eq!(after, expected);
    control("PUT", "outage", json!({"mode": "none"})).await;
    let ada = control("GET", "users/user_ada", Value::Null).await;
    assert_eq!(ada["email_addresses"][0]["email_address"], "ada@example.com");
    let subscription = sdk.get("/v1/users/user_ada/billing/subscription").await.json();
    assert_eq!(subscription["subscription_items"][0]["plan"]["name"], "X");
    control("DELETE", "users/user_ada", Value::Null).await;
    assert_eq!(sdk.get("/v1/users/user_ada").await.status, 404);
    let calls = control("GET", "calls", Value::Null).await;
    assert_eq!(calls["count"], 4);
    assert_eq!(calls["calls"][0]["status"], json!(null));
    assert_eq!(calls["calls"][3]["status"], 404);
}

#[tokio::test]
async fn a_call_without_the_key_is_refused_and_one_to_nowhere_is_not_clerks() {
    let sdk = Sdk::new().await;
    let request = Request::get(format!("{}/v1/users/count", sdk.clerk.url));
    let answer = sdk.client.request(request.body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 401);
    let nowhere = sdk.get("/v1/nowhere").await;
    assert_eq!((nowhere.status.as_u16(), nowhere.text.as_str()), (404, "404 page not found"));
}

#[tokio::test]
async fn a_hundred_thousand_users_are_there_at_once_and_walked_by_pages() {
    let sdk = Sdk::new().await;
    let began = Instant::now();
    sdk.clerk.add_users(100_000);
    sdk.clerk.set_outage_mode(Outage::None);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    let path = "/v1/users?order_by=created_at&limit=500&starting_after=user_99400";
    let page = sdk.get(path).await.ids();
    assert_eq!((page.len(), page[0].as_str()), (500, "user_99401"));
    assert_eq!(sdk.get("/v1/users/count").await.json()["total_count"], 100_000);
}

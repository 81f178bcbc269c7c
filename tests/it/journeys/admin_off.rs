//! What an admin does while credits are off: nothing of it reaches the Ledger, and what is not
//! about credits works as ever.

use std::{collections::BTreeSet, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::town::{Client, Town, chat};

/// A change of a setting reaches every call within this.
const REACHES: Duration = Duration::from_mins(1);

/// The whole of the Ledger table, item by item.
async fn ledger(town: &Town) -> BTreeSet<String> {
    let table = town.stack.table("LedgerTable").unwrap();
    let scan = town.startup.dynamodb().scan().table_name(table).consistent_read(true);
    let pages = scan.into_paginator().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let items = pages.into_iter().flat_map(|page| page.items.unwrap_or_default());
    let line = |item: std::collections::HashMap<_, _>| {
        let sorted: std::collections::BTreeMap<_, _> = item.into_iter().collect();
        format!("{sorted:?}")
    };
    items.map(line).collect()
}

/// Every route that moves credits, each with a body that does move some when they are on.
fn movements(entry: &str) -> Vec<(&'static str, String, Value)> {
    let account = "/api/admin/accounts/user_1";
    let grant = json!({"credits": 5, "source": "manual", "reference": "pix:E2"});
    let sync = |body: Value| ("POST", "/api/admin/users/sync".to_owned(), body);
    vec![
        ("PUT", "/api/admin/users/user_1/credits".to_owned(), json!({"credits": 7})),
        ("PUT", "/api/admin/users/user_1/credits".to_owned(), json!({"adjustment": -3})),
        ("PUT", "/api/admin/credits/user_1".to_owned(), json!({"credits": 9})),
        // One without an account: nothing is opened.
        ("PUT", "/api/admin/users/user_2/credits".to_owned(), json!({"credits": 7})),
        ("POST", format!("{account}/grants"), grant),
        ("POST", format!("{account}/entries/{entry}/refund"), json!({})),
        sync(json!({"syncUsers": true, "syncPlans": true, "setCredits": true})),
        sync(json!({"syncUsers": true, "overrideCredits": 3})),
    ]
}

async fn sent(client: &Client, method: &str, path: &str, body: &Value) -> Value {
    let reply = match method {
        "PUT" => client.put(path, body).await,
        _ => client.post(path, body).await,
    };
    assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
    reply.json()
}

/// Waits until every one of these says that credits are on or off, and says how long it took.
async fn reaches(town: &Town, on: bool) -> Duration {
    let began = Instant::now();
    loop {
        let settings = town.client.get("/api/credits/settings").await.json();
        let reply = town.client.post("/api/ai/chat", &chat("gpt-4o-mini")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        let is_on = [settings["creditsEnabled"] == true, reply.header("x-credits-charged") == "1"];
        if is_on == [on; 2] {
            return began.elapsed();
        }
        assert!(began.elapsed() < 2 * REACHES, "credits do not come to be {on}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn nothing_an_admin_does_while_credits_are_off_changes_a_byte_of_the_ledger() {
    let folder = super::town::fresh_folder();
    let keep = |options: &mut local::stack::Options| {
        options.storage = local::Storage::File(options.logs.with_file_name("saldo.db"));
    };
    let town = Town::in_folder(folder.clone(), keep).await;
    town.clerk.add_user("user_1", &json!({}));
    assert_eq!(town.client.chat("gpt-4o-mini").await.status, StatusCode::OK);
    let history = town.client.get("/api/credits/history").await.json();
    let hold = history["entries"].as_array().unwrap().iter().find(|it| it["kind"] == "hold");
    let hold = hold.unwrap()["id"].as_str().unwrap().to_owned();
    let before = ledger(&town).await;
    assert!(before.len() >= 3, "{before:?}");
    drop(town);

    let town = Town::in_folder(folder, |options| {
        keep(options);
        options.settings.insert("CREDITS_ENABLED".to_owned(), "off".to_owned());
    })
    .await;
    town.clerk.add_users(5);
    // Each function has said hello by then.
    let (admin, calls) = (town.admin(), town.clerk.call_count());
    for (method, path, body) in movements(&hold) {
        let answer = sent(&admin, method, &path, &body).await;
        assert_eq!(answer["creditsDisabled"], true, "{path}: {answer}");
        assert!(answer["message"].is_string(), "{path}: {answer}");
    }
    assert_eq!(ledger(&town).await, before);
    assert_eq!(town.clerk.call_count(), calls, "nothing of it is asked or told Clerk");
    for (function, lines) in [("admin-adjust", 6), ("admin-sync", 2)] {
        let log = town.stack.logs.join(format!("{function}.log"));
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.matches("credits are off: nothing is done").count(), lines, "{log}");
    }
    // What moves no credits works as ever.
    let plan = json!({"id": "pro", "name": "Pro", "credits": 1_000});
    assert_eq!(admin.post("/api/admin/plans", &plan).await.status, StatusCode::CREATED);
    for path in ["plans", "price-book", "reports", "settings", "operations", "users"] {
        let reply = admin.get(&format!("/api/admin/{path}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
    }
    assert_eq!(ledger(&town).await, before);
}

#[tokio::test]
async fn a_mode_an_admin_sets_reaches_calls_and_settings_within_a_minute_both_ways() {
    let town = Town::with(|options| {
        options.settings.insert("SIGNUP_CREDITS".to_owned(), "1000000".to_owned());
    })
    .await;
    let admin = town.admin();
    assert!(reaches(&town, true).await < REACHES);
    for (value, on) in [("off", false), ("on", true)] {
        let path = "/api/admin/settings/CREDITS_ENABLED";
        let current = admin.get(path).await;
        assert_eq!(current.status, StatusCode::OK, "{}", current.text);
        let version = current.header("etag").to_owned();
        let changed = admin.put_if(path, &json!({"value": value}), &version).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let stale = admin.put_if(path, &json!({"value": "shadow"}), &version).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{}", stale.text);
        let took = reaches(&town, on).await;
        assert!(took < REACHES, "`{value}` took {} s", took.as_secs());
    }
}

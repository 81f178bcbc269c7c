//! An admin sets a balance while its owner spends it: no entry is lost, and each says what moved.

use std::collections::BTreeMap;

use http::StatusCode;
use ledger::entry::{Cause, Entry};
use local::fault::{Fault, Rule};
use serde_json::{Value, json};

use super::town::{Client, Reply, Town};
use crate::harness::account;

/// Calls made at once, and how often the balance is set meanwhile.
const CALLS: usize = 200;
const SETS: i64 = 50;

/// How often somebody tries again who is told to: a machine under load needs it a few times.
const TRIES_MAX: usize = 60;

/// One guarded call, made until it is not told to come back: such an answer has held nothing.
async fn call(client: &Client) -> Reply {
    for _ in 0..TRIES_MAX {
        let reply = client.chat("gpt-4o-mini").await;
        if reply.status != StatusCode::TOO_MANY_REQUESTS {
            return reply;
        }
    }
    panic!("a call was told to wait {TRIES_MAX} times");
}

/// What came of setting the balance: the entry's name and amount, if it moved; none if it was busy.
async fn set(admin: &Client, credits: i64, loses_replies: bool) -> Option<(Option<String>, i64)> {
    let body = json!({"credits": credits, "reason": "counted by hand"});
    let reply = admin.put("/api/admin/users/user_1/credits", &body).await;
    let answer = reply.json();
    if reply.status == StatusCode::CONFLICT {
        assert_eq!(answer["code"], "busy", "{}", reply.text);
        return None;
    }
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    // Where the reply of the table was lost, calls may have spent some until it was read again.
    let remaining = answer["creditsRemaining"].as_i64().unwrap();
    assert!(remaining == credits || (loses_replies && remaining < credits), "{credits}: {answer}");
    let entry = &answer["entry"];
    Some((entry["id"].as_str().map(str::to_owned), entry["credits"].as_i64().unwrap_or_default()))
}

async fn entries(town: &Town) -> Vec<Entry> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let page = town.store.history(&account("user_1"), 1_000, after).await.unwrap();
        entries.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return entries;
        }
    }
}

/// Two hundred calls and fifty sets at once, over a table that behaves like this meanwhile.
async fn set_fifty_times(rules: &[Rule], loses_replies: bool) {
    let town = Town::with(|options| {
        options.settings.insert("SIGNUP_CREDITS".to_owned(), "1000".to_owned());
    })
    .await;
    town.clerk.add_user("user_1", &json!({}));
    town.front().rules(rules);
    let calls = (0..CALLS).map(|_| {
        let client = town.client.clone();
        tokio::spawn(async move { call(&client).await })
    });
    let calls: Vec<_> = calls.collect();
    let admin = town.admin();
    let sets = tokio::spawn(async move {
        let mut done: Vec<Option<(Option<String>, i64)>> = Vec::new();
        for number in 0..SETS {
            done.push(set(&admin, 500 + number * 7 % 50, loses_replies).await);
        }
        done
    });
    for call in calls {
        let reply = call.await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }
    let sets = sets.await.unwrap();
    town.front().reset();
    let busy = sets.iter().filter(|set| set.is_none()).count();
    eprintln!("{busy} of {SETS} sets were told that the account is busy");

    // Every rule of the books holds, the sum of the entries among them.
    let balance = town.books_of("user_1").await;
    let entries = entries(&town).await;
    assert_eq!(entries.iter().map(|entry| entry.amount.get()).sum::<i64>(), balance);
    let of_kind = |kind: &str| entries.iter().filter(|it| it.cause.kind().as_str() == kind).count();
    assert_eq!((of_kind("hold"), of_kind("outcome"), of_kind("charge")), (CALLS, CALLS, 0));

    let adjusted: BTreeMap<String, i64> = entries
        .iter()
        .filter(|entry| matches!(entry.cause, Cause::Adjustment { .. }))
        .map(|entry| (entry.id.to_string(), entry.amount.get()))
        .collect();
    let told: BTreeMap<String, i64> =
        sets.into_iter().flatten().filter_map(|(id, moved)| Some((id?, moved))).collect();
    assert_eq!(adjusted, told, "each adjustment moved what its answer said, and there is no other");
    // Nothing else moved anything: what was granted, less what was charged, more what was set.
    let charged = i64::try_from(CALLS).unwrap();
    assert_eq!(balance, 1_000 - charged + told.values().sum::<i64>());
    let operations = recorded(&town).await;
    assert_eq!(operations.len(), usize::try_from(SETS).unwrap(), "done or refused, it is recorded");
    assert_eq!(operations.iter().filter(|it| it["error"] == "busy").count(), busy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_at_once_lose_no_entry_while_an_admin_sets_the_balance_fifty_times() {
    set_fifty_times(&[], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_lose_none_with_a_third_of_all_table_replies_lost() {
    set_fifty_times(&[Rule::any(Fault::LostReply, 300)], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_lose_none_with_a_fifth_of_all_transactions_in_conflict() {
    set_fifty_times(&[Rule::of("TransactWriteItems", Fault::Conflict, 200)], false).await;
}

/// Every operation that was recorded.
async fn recorded(town: &Town) -> Vec<Value> {
    let (admin, mut found, mut cursor) = (town.admin(), Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/admin/operations?limit=100{cursor}")).await.json();
        found.extend(page["operations"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

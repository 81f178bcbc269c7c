//! What was done, by whom and on whom, is found again.

use std::time::Duration;

use local::fault::Fault;
use serde_json::{Value, json};

use super::world::{ADMIN, World};
use crate::harness::account;

#[tokio::test]
async fn an_operation_tells_who_did_what_on_whom_and_what_came_of_it() {
    let world = World::start().await;
    world.books.open(&account("user_1"), 30).await;
    let body = json!({"adjustment": -50, "clamp": true, "reason": "chargeback"});
    let answer = world.put("/api/admin/credits/user_1", &body).await;
    let recorded = world.recorded().await;
    let expected = json!([{
        "id": answer.body["entry"]["id"],
        "at": "2026-11-20T12:00:00Z",
        "actor": format!("admin:{ADMIN}"),
        "function": "admin-adjust",
        "action": "adjust",
        "target": "user_1",
        "result": "done",
        "error": null,
        "details": {
            "asked": "by -50 at most",
            "moved": "-30",
            "entry": answer.body["entry"]["id"],
            "before": "30",
            "after": "0",
            "reason": "chargeback",
        },
    }]);
    assert_eq!(Value::from(recorded), expected);
}

#[tokio::test]
async fn a_movement_without_its_record_is_impossible() {
    let world = World::start().await;
    world.books.open(&account("user_1"), 30).await;
    world.books.front.reset();
    world.put("/api/admin/credits/user_1", &json!({"credits": 5})).await;
    // Both were one transaction: there is no other write.
    assert_eq!(world.books.operations(), ["TransactGetItems", "TransactWriteItems"]);
    assert_eq!(world.recorded().await.len(), 1);
}

#[tokio::test]
async fn operations_are_filtered_and_paged() {
    let world = World::start().await;
    for user in ["user_1", "user_2"] {
        world.books.open(&account(user), 10).await;
        let path = format!("/api/admin/credits/{user}");
        world.put(&path, &json!({"adjustment": 1})).await;
        world.put(&path, &json!({"adjustment": -100})).await;
        let freeze = format!("/api/admin/accounts/{user}/freeze");
        world.post(&freeze, &json!({"reason": "test"})).await;
    }
    for (query, count) in [
        ("", 6),
        ("target=user_1", 3),
        ("action=adjust", 4),
        ("action=adjust&result=done", 2),
        ("result=refused&target=user_2", 1),
        ("actor=admin:user_admin", 6),
        ("actor=admin:user_other", 0),
        ("since=2026-11-20T12:00:00Z", 6),
        ("until=2026-11-20T12:00:00Z", 0),
    ] {
        let (mut found, mut cursor) = (0, String::new());
        loop {
            let path = format!("/api/admin/operations?limit=2&{query}{cursor}");
            let answer = world.get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            found += answer.body["operations"].as_array().unwrap().len();
            let Some(next) = answer.body["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, count, "{query}");
    }
    for (query, field) in [("result=lost", "result"), ("who=me", "who"), ("limit=0", "limit")] {
        let answer = world.get(&format!("/api/admin/operations?{query}")).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_never_recorded_as_failed_alone() {
    let world = World::start().await;
    world.books.open(&account("user_1"), 30).await;
    let front = &world.books.front;
    // The transaction is applied and nothing of it comes back; then the table cannot be read.
    front.next("TransactGetItems", Fault::Delay(Duration::ZERO));
    front.next_n(1_000, "TransactGetItems", Fault::LostRequest);
    front.next_n(1_000, "TransactWriteItems", Fault::LostReply);
    let answer = world.put("/api/admin/credits/user_1", &json!({"credits": 5})).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable"));
    front.reset();
    assert_eq!(world.books.available(&account("user_1")).await, 5);
    let mut results: Vec<Value> =
        world.recorded().await.into_iter().map(|one| one["result"].clone()).collect();
    results.sort_by_key(ToString::to_string);
    assert_eq!(results, ["done", "failed"]);
}

#[tokio::test]
async fn a_refusal_is_recorded_with_what_was_asked() {
    let world = World::start().await;
    world.books.open(&account("user_1"), 30).await;
    world.put("/api/admin/credits/user_1", &json!({"adjustment": -50, "reason": "why"})).await;
    let recorded = world.recorded().await;
    assert_eq!(recorded[0]["error"], "insufficient_credits");
    assert_eq!(recorded[0]["details"], json!({"asked": "by -50", "reason": "why"}));
}

//! Credits granted by reference: once for each account, whatever comes again.

use serde_json::{Value, json};

use super::world::World;
use crate::harness::account;

const GRANTS: &str = "/api/admin/accounts/user_1/grants";

async fn opened(credits: u32) -> World {
    let world = World::start().await;
    world.books.open(&account("user_1"), credits).await;
    world.books.front.reset();
    world
}

#[tokio::test]
async fn a_payment_from_elsewhere_is_granted_once_by_its_reference() {
    let world = opened(0).await;
    let pix = json!({"credits": 500, "source": "pack", "reference": "pix:E1", "note": "Pix",
                     "expiresAt": "2027-11-20T12:00:00Z"});
    let first = world.post(GRANTS, &pix).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(world.books.operations(), ["TransactGetItems", "TransactWriteItems"]);
    let entry = &first.body["entry"];
    assert_eq!(entry["kind"], "grant");
    assert_eq!(entry["credits"], 500);
    assert_eq!(entry["source"], "pack");
    assert_eq!(entry["key"], "manual:user_1:pix:E1");
    assert_eq!(entry["expiresAt"], "2027-11-20T12:00:00Z");
    assert_eq!(entry["note"], "Pix");
    for _ in 0..3 {
        let again = world.post(GRANTS, &pix).await;
        assert_eq!((again.status, &again.body["replayed"]), (200, &json!(true)));
        assert_eq!(again.body["entry"], *entry);
    }
    assert_eq!(world.books.available(&account("user_1")).await, 500);
}

#[tokio::test]
async fn the_same_reference_with_other_credits_is_a_conflict_and_nothing_moves() {
    let world = opened(0).await;
    world.post(GRANTS, &json!({"credits": 500, "reference": "inv-7"})).await;
    let other = world.post(GRANTS, &json!({"credits": 501, "reference": "inv-7"})).await;
    assert_eq!(other.refusal(), (409, "grant_key_conflict"));
    assert_eq!(world.books.available(&account("user_1")).await, 500);
    // A reference is an account's own.
    let theirs = "/api/admin/accounts/user_2/grants";
    let answer = world.post(theirs, &json!({"credits": 1, "reference": "inv-7"})).await;
    assert_eq!((answer.status, &answer.body["replayed"]), (200, &json!(false)));
    let recorded = world.recorded().await;
    let told = |index: usize| (&recorded[index]["result"], &recorded[index]["error"]);
    assert_eq!(told(1), (&json!("refused"), &json!("grant_key_conflict")));
    assert_eq!(recorded[2]["details"]["reference"], "inv-7");
}

#[tokio::test]
async fn at_once_one_reference_is_granted_once() {
    let world = opened(0).await;
    let grant = json!({"credits": 10, "reference": "once"});
    let asked = (0..8).map(|_| world.post(GRANTS, &grant));
    let answers = futures_util::future::join_all(asked).await;
    let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    let first: Vec<_> = done.iter().filter(|answer| answer.body["replayed"] == false).collect();
    assert_eq!(first.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.refusal() == (409, "busy")));
    assert_eq!(world.books.available(&account("user_1")).await, 10);
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused_by_name() {
    let world = opened(0).await;
    let long = "r".repeat(201);
    for (body, code, field) in [
        (json!({"credits": 5}), "invalid_field", json!("reference")),
        (json!({"credits": 5, "reference": long}), "invalid_field", json!("reference")),
        (
            json!({"credits": 5, "reference": "1", "source": "plan"}),
            "invalid_field",
            json!("source"),
        ),
        (json!({"credits": 0, "reference": "1"}), "amount_not_positive", Value::Null),
        (json!({"credits": -5, "reference": "1"}), "amount_not_positive", Value::Null),
        (
            json!({"credits": 5, "reference": "1", "expiresAt": "2026-11-20T12:00:00Z"}),
            "expiry_not_in_future",
            Value::Null,
        ),
    ] {
        let answer = world.post(GRANTS, &body).await;
        assert_eq!(answer.refusal(), (400, code), "{body}");
        assert_eq!(answer.body.get("field").cloned().unwrap_or_default(), field, "{body}");
    }
    assert_eq!(world.books.available(&account("user_1")).await, 0);
}

//! An account stopped by an admin, and let go on.

use ledger::{Rejection, balance::FreezeReason, command::Action};
use ledger_dynamodb::StoreError;
use serde_json::{Value, json};

use super::world::World;
use crate::harness::{account, credits, hold, settled};

const FREEZE: &str = "/api/admin/accounts/user_1/freeze";
const UNFREEZE: &str = "/api/admin/accounts/user_1/unfreeze";

#[tokio::test]
async fn a_frozen_account_places_no_holds_and_running_calls_end_as_ever() {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 20).await;
    let running = hold(&user, 5);
    world.books.store.hold(&running, credits(0)).await.unwrap();
    let answer = world.post(FREEZE, &json!({"reason": "stolen card"})).await;
    assert_eq!(
        (answer.status, &answer.body["frozen"]),
        (200, &json!(["admin"])),
        "{}",
        answer.text
    );
    assert_eq!((&answer.body["entry"], &answer.body["replayed"]), (&Value::Null, &json!(false)));
    let refused = world.books.store.hold(&hold(&user, 1), credits(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Rejected(Rejection::AccountFrozen { .. })));
    world.books.store.end(&running, &settled(5)).await.unwrap();
    world.put("/api/admin/credits/user_1", &json!({"adjustment": 1})).await;
    let answer = world.post(UNFREEZE, &json!({"reason": "it was hers"})).await;
    assert_eq!((answer.status, &answer.body["frozen"]), (200, &json!([])));
    world.books.store.hold(&hold(&user, 1), credits(0)).await.unwrap();
    let recorded = world.recorded().await;
    assert_eq!(recorded[0]["action"], "unfreeze");
    assert_eq!(recorded[2]["details"]["reason"], "stolen card");
    assert_eq!(recorded[2]["result"], "done");
}

#[tokio::test]
async fn an_admin_lifts_a_quarantine_by_name_and_nothing_else_with_it() {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 20).await;
    for reason in [FreezeReason::Quarantine, FreezeReason::Dispute, FreezeReason::Admin] {
        world.books.submit(&user, Action::Freeze(reason)).await.unwrap();
    }
    let lift = async |body: Value| {
        let answer = world.post(UNFREEZE, &body).await;
        (answer.status, answer.body["frozen"].clone())
    };
    let by_default = lift(json!({"reason": "ok"})).await;
    assert_eq!(by_default, (200, json!(["dispute", "quarantine"])));
    let named = lift(json!({"reason": "books are right", "of": "quarantine"})).await;
    assert_eq!(named, (200, json!(["dispute"])));
    let (status, _) = lift(json!({"reason": "please", "of": "dispute"})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn freezing_wants_a_reason_and_twice_is_once() {
    let world = World::start().await;
    world.books.open(&account("user_1"), 20).await;
    for body in [json!({}), json!({"reason": " "}), json!({"reason": "r".repeat(501)})] {
        let answer = world.post(FREEZE, &body).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!("reason")), "{body}");
    }
    for result in ["done", "unchanged"] {
        let answer = world.post(FREEZE, &json!({"reason": "twice"})).await;
        assert_eq!((answer.status, &answer.body["frozen"]), (200, &json!(["admin"])));
        assert_eq!(world.recorded().await[0]["result"], result);
    }
}

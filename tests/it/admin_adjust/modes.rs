//! While credits are off nothing is moved; while they are only measured everything works.

use serde_json::json;

use super::world::World;
use crate::harness::{account, credits, hold, settled};

const HOLD: &str = "01JD3Q7Z8M0000000000000000";

#[tokio::test]
async fn off_moves_nothing_and_leaves_the_ledger_as_it_was_byte_for_byte() {
    let world = World::with(&[("CREDITS_ENABLED", "off"), ("SIGNUP_CREDITS", "5")]).await;
    let user = account("user_1");
    world.books.open(&user, 20).await;
    let call = hold(&user, 5);
    world.books.store.hold(&call, credits(0)).await.unwrap();
    world.books.store.end(&call, &settled(5)).await.unwrap();
    let ledger = world.dump(&world.books.names.ledger).await;
    let balance = world.books.store.account(&user).await.unwrap();
    let refund = format!("/api/admin/accounts/user_1/entries/{}/refund", call.id);
    let refund_of_none = format!("/api/admin/accounts/user_1/entries/{HOLD}/refund");
    let reason = json!({"reason": "test"});
    let answers = [
        world.put("/api/admin/users/user_1/credits", &json!({"credits": 5})).await,
        world.put("/api/admin/credits/user_2", &json!({"adjustment": 5})).await,
        world.put("/api/admin/credits/user_404", &json!({"adjustment": 5})).await,
        world
            .post("/api/admin/accounts/user_1/grants", &json!({"credits": 5, "reference": "1"}))
            .await,
        world.post(&refund, &json!({})).await,
        world.post(&refund_of_none, &json!({})).await,
        world.post("/api/admin/accounts/user_1/freeze", &reason).await,
        world.post("/api/admin/accounts/user_1/unfreeze", &reason).await,
    ];
    for answer in &answers {
        assert_eq!((answer.status, &answer.body["creditsDisabled"]), (200, &json!(true)));
        assert!(answer.body["message"].is_string());
    }
    assert_eq!(world.dump(&world.books.names.ledger).await, ledger);
    assert_eq!(world.books.store.account(&user).await.unwrap(), balance);
    assert_eq!(world.clerk.call_count(), 0);
    let recorded = world.recorded().await;
    assert_eq!(recorded.len(), answers.len());
    assert!(recorded.iter().all(|done| done["result"] == "credits_disabled"));
}

#[tokio::test]
async fn off_still_shows_everything_and_tells_a_slip() {
    let world = World::with(&[("CREDITS_ENABLED", "off")]).await;
    world.books.open(&account("user_1"), 20).await;
    for path in [
        "/api/admin/users",
        "/api/admin/users/user_1",
        "/api/admin/accounts/user_1",
        "/api/admin/accounts/user_1/entries",
        "/api/admin/operations",
    ] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    let slip = world.put("/api/admin/credits/user_1", &json!({"credit": 5})).await;
    assert_eq!((slip.refusal(), &slip.body["field"]), ((400, "invalid_field"), &json!("credit")));
}

#[tokio::test]
async fn in_shadow_an_admin_moves_credits_as_ever() {
    let world = World::with(&[("CREDITS_ENABLED", "shadow")]).await;
    let user = account("user_1");
    world.books.open(&user, 20).await;
    let answer = world.put("/api/admin/credits/user_1", &json!({"adjustment": 5})).await;
    assert_eq!((answer.status, &answer.body["creditsRemaining"]), (200, &json!(25)));
    assert_eq!(world.books.available(&user).await, 25);
}

//! One user or account with all that is known.

use directory::{Plan, Subscription};
use ledger::command::RollOver;
use serde_json::{Value, json};

use super::world::World;
use crate::harness::{account, credits, hold, later, now, settled};

fn pro_plan() -> Plan {
    Plan {
        id: "pro".to_owned(),
        name: "Pro".to_owned(),
        description: None,
        credits: credits(1_000),
        roll_over: RollOver::None,
        clerk_plans: vec!["pro-monthly".to_owned()],
        stripe_prices: Vec::new(),
        public: true,
        active: true,
        revision: 1,
        updated_at: now(),
        updated_by: "admin:user_admin".to_owned(),
    }
}

#[tokio::test]
async fn a_user_is_shown_with_profile_plan_buckets_holds_and_entries() {
    let world = World::start().await;
    let user = account("user_1");
    let facts = directory::UserFacts {
        id: user.clone(),
        email: Some("ada@example.com".to_owned()),
        name: None,
        created_at: later(-1_000),
        updated_at: later(-500),
    };
    world.directory.upsert_user(&facts, None, false).await.unwrap();
    let plan = pro_plan();
    assert_eq!(world.directory.create_plan(&plan).await.unwrap(), directory::Created::Done);
    for (item, slug) in [("clerk:subi_1", "pro-monthly"), ("clerk:subi_2", "unheard-of")] {
        let subscription = Subscription {
            account: user.clone(),
            item: item.to_owned(),
            plan: "cplan_1".to_owned(),
            plan_slug: Some(slug.to_owned()),
            status: "active".to_owned(),
            period_start: Some(later(-1_000)),
            period_end: None,
            updated_at: now(),
        };
        assert!(world.directory.upsert_subscription(&subscription).await.unwrap());
    }
    world.books.open(&user, 20).await;
    let call = hold(&user, 5);
    world.books.store.hold(&call, credits(0)).await.unwrap();
    let body = world.get("/api/admin/users/user_1").await.body;
    let profile = json!({
        "email": "ada@example.com",
        "name": null,
        "createdAt": "2026-11-20T11:43:20Z",
        "updatedAt": "2026-11-20T11:51:40Z",
        "deletedAt": null,
    });
    assert_eq!(body["profile"], profile);
    assert_eq!((&body["opened"], &body["creditsRemaining"]), (&json!(true), &json!(15)));
    assert_eq!(body["buckets"][0]["source"], "signup");
    assert_eq!(body["buckets"][0]["remaining"], 15);
    assert_eq!(body["openHolds"][0]["id"], call.id.to_string());
    assert_eq!(body["entries"][0]["kind"], "hold");
    assert_eq!(body["entries"][1]["kind"], "grant");
    let mapped = json!({"id": "pro", "name": "Pro", "credits": 1_000});
    assert_eq!(body["subscriptions"][0]["plan"], mapped);
    assert_eq!(body["subscriptions"][0]["providerPlan"], "cplan_1");
    assert_eq!(body["subscriptions"][1]["plan"], Value::Null);
    let never = json!({
        "metadataSynced": false, "version": null, "projectedAt": null, "queuedAt": null,
    });
    assert_eq!(body["sync"], never);
    world.books.store.end(&call, &settled(5)).await.unwrap();
    world.put("/api/admin/credits/user_1", &json!({"adjustment": 1})).await;
    let mut shown = world.get("/api/admin/accounts/user_1").await.body;
    assert_eq!(shown["sync"]["metadataSynced"], true);
    assert_eq!(shown["sync"]["version"], shown["creditsVersion"]);
    assert_eq!(shown["openHolds"], json!([]));
    // The account is the user without the profile.
    let mut user = world.get("/api/admin/users/user_1").await.body;
    assert!(user.as_object_mut().unwrap().remove("profile").is_some());
    assert_eq!(user, shown.take());
}

#[tokio::test]
async fn twenty_entries_are_shown_with_an_account() {
    let world = World::start().await;
    world.books.open(&account("user_1"), 0).await;
    for credits in 1..=22 {
        world.put("/api/admin/credits/user_1", &json!({"credits": credits})).await;
    }
    let body = world.get("/api/admin/accounts/user_1").await.body;
    assert_eq!(body["entries"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_user_without_an_account_is_shown_and_an_unknown_one_is_not() {
    let world = World::start().await;
    let facts = directory::UserFacts {
        id: account("user_1"),
        email: None,
        name: None,
        created_at: now(),
        updated_at: now(),
    };
    world.directory.upsert_user(&facts, None, false).await.unwrap();
    world.books.open(&account("user_2"), 5).await;
    let known = world.get("/api/admin/users/user_1").await;
    assert_eq!((known.status, &known.body["opened"]), (200, &json!(false)));
    assert_eq!(known.body["creditsRemaining"], 0);
    let opened = world.get("/api/admin/users/user_2").await;
    assert_eq!((opened.status, &opened.body["profile"]), (200, &Value::Null));
    assert_eq!(world.get("/api/admin/users/user_404").await.refusal(), (404, "unknown_user"));
    assert_eq!(world.get("/api/admin/accounts/user_1").await.refusal(), (404, "no_account"));
    for path in ["/api/admin/users/org_1", "/api/admin/accounts/ada", "/api/admin/users/%ff"] {
        assert_eq!(world.get(path).await.refusal(), (400, "invalid_field"), "{path}");
    }
    assert_eq!(world.clerk.call_count(), 0);
}

//! What a sync does to balances, and what it never does.

use ledger::{
    command::{Action, PlanGrant, RollOver},
    entry::GrantKey,
};
use serde_json::json;

use super::world::{World, counters};
use crate::harness::{account, credits, grant, later};

/// Three users; the first two are on a plan of 100 credits.
async fn town() -> World {
    let world = World::with(3).await;
    world.plan("pro", "cplan_PRO", 100).await;
    world.subscribe("subi_1", "user_1", "cplan_PRO", "active");
    world.subscribe("subi_2", "user_2", "cplan_PRO", "canceled");
    world
}

#[tokio::test]
async fn a_sync_run_a_second_time_moves_nothing() {
    let world = town().await;
    let first = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(counters(&first), [3, 3, 3, 2, 2]);
    world.deliver_all().await;
    let (ledger, calls) = (world.dump(&world.books.names.ledger).await, world.clerk.call_count());
    let second = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(counters(&second), [3, 0, 0, 2, 0]);
    assert_eq!(world.dump(&world.books.names.ledger).await, ledger);
    world.deliver_all().await;
    assert_eq!(world.clerk.call_count(), calls + 3, "a count and two pages: nothing to show");
}

#[tokio::test]
async fn credits_that_a_webhook_has_granted_before_are_not_granted_again() {
    let world = town().await;
    let user = account("user_1");
    world.books.open(&user, 5).await;
    let start = later(-86_400);
    let by_webhook = Action::GrantPlan(PlanGrant {
        key: GrantKey::plan("clerk:subi_1", start, "cplan_PRO").unwrap(),
        subscription: "clerk:subi_1".to_owned(),
        period_start: start,
        credits: credits(100),
        expires_at: Some(later(32 * 86_400)),
        roll_over: RollOver::None,
    });
    world.books.submit(&user, by_webhook).await.unwrap();
    let entries = world.entries(&user).await;
    let run = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(counters(&run), [3, 3, 2, 2, 1], "{run}");
    assert_eq!((world.entries(&user).await, world.available("user_1").await), (entries, 105));
    assert_eq!(world.available("user_2").await, 105);
}

#[tokio::test]
async fn a_sync_never_lowers_a_balance_and_leaves_packs_alone() {
    let world = town().await;
    let user = account("user_1");
    world.books.open(&user, 900).await;
    world.books.submit(&user, grant(5_000, None)).await.unwrap();
    let run = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(run["errors"], json!([]));
    assert_eq!(world.available("user_1").await, 6_000);
    let held = world.books.store.account(&user).await.unwrap().unwrap();
    let left: Vec<i64> = held.buckets.iter().map(|bucket| bucket.left.get()).collect();
    assert!(left.contains(&5_000) && left.contains(&900) && left.contains(&100), "{left:?}");
    let end = held.buckets.iter().find_map(|bucket| bucket.expires_at);
    assert_eq!(end, Some(later((29 + 3) * 86_400)), "the period's end and the renewal grace");
}

#[tokio::test]
async fn a_user_who_was_deleted_is_never_brought_back() {
    let world = town().await;
    let user = account("user_1");
    world.directory.tombstone(&user, world.now()).await.unwrap();
    for body in [json!({"setCredits": true}), json!({"overrideCredits": 50})] {
        let run = world.post(&body).await.body;
        assert_eq!((run["state"].as_str(), &run["errors"]), (Some("done"), &json!([])), "{run}");
    }
    let known = world.directory.user(&user).await.unwrap().unwrap();
    assert!(known.deleted_at.is_some() && known.email.is_none());
    assert_eq!(world.books.store.balance(&user).await.unwrap(), None);
    assert_eq!(world.directory.subscriptions(&user).await.unwrap(), []);
    assert_eq!(world.available("user_2").await, 50);
}

#[tokio::test]
async fn an_older_version_of_a_user_does_not_win() {
    let world = World::with(1).await;
    let user = account("user_1");
    let newer = directory::UserFacts {
        id: user.clone(),
        email: Some("newer@example.test".to_owned()),
        name: None,
        created_at: later(0),
        updated_at: later(3_600),
    };
    world.directory.upsert_user(&newer, None, false).await.unwrap();
    let run = world.post(&json!({})).await.body;
    assert_eq!(counters(&run), [1, 0, 1, 0, 0]);
    let known = world.directory.user(&user).await.unwrap().unwrap();
    assert_eq!(known.email, newer.email);
}

#[tokio::test]
async fn setting_everyones_balance_is_an_adjustment_that_says_what_moved() {
    let world = World::with(3).await;
    world.books.open(&account("user_1"), 80).await;
    world.books.open(&account("user_2"), 50).await;
    let run = world.post(&json!({"overrideCredits": 50})).await.body;
    assert_eq!(counters(&run), [3, 3, 1, 0, 2], "{run}");
    let page = world.books.store.history(&account("user_1"), 10, None).await.unwrap();
    let newest = page.entries.iter().max_by_key(|entry| entry.at).unwrap();
    assert_eq!((newest.cause.kind().as_str(), newest.amount.get()), ("adjustment", -30));
    assert_eq!(newest.actor.to_string(), "admin:user_admin");
    assert_eq!(world.books.kinds(&account("user_2")).await, ["grant"], "nothing to move");
    for user in ["user_1", "user_2", "user_3"] {
        assert_eq!(world.available(user).await, 50);
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    let world = town().await;
    world.books.open(&account("user_1"), 80).await;
    let ledger = world.dump(&world.books.names.ledger).await;
    let rows = world.dump(&world.books.names.state).await.len();
    let run = world.post(&json!({"setCredits": true, "dryRun": true})).await.body;
    let second = world.post(&json!({"overrideCredits": 50, "dryRun": true})).await.body;
    assert_eq!(world.dump(&world.books.names.ledger).await, ledger);
    // Two runs, two operations.
    assert_eq!(world.dump(&world.books.names.state).await.len(), rows + 4);
    world.deliver_all().await;
    assert_eq!(world.clerk.user("user_1")["public_metadata"], json!({}));
    assert_eq!(counters(&run), [3, 3, 2, 2, 2], "{run}");
    assert_eq!(counters(&second), [3, 3, 2, 2, 3], "{second}");
    let changes = run["changes"].as_array().unwrap();
    let of = |change: &str| {
        let found = changes.iter().filter(|c| c["change"] == change);
        found.map(|c| (c["account"].as_str().unwrap(), c["credits"].as_i64())).collect::<Vec<_>>()
    };
    assert_eq!(of("create_user").len(), 3);
    assert_eq!(of("open"), [("user_2", Some(5)), ("user_3", Some(5))]);
    assert_eq!(of("grant"), [("user_1", Some(100)), ("user_2", Some(100))]);
    let by: Vec<_> = second["changes"].as_array().unwrap().iter().collect();
    let overrides = by.iter().filter(|c| c["change"] == "override");
    let moved: Vec<_> = overrides.map(|c| c["credits"].as_i64().unwrap()).collect();
    assert_eq!(moved, [-30, 45, 45]);
    // And then it does what it told.
    let real = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(counters(&real), counters(&run));
}

#[tokio::test]
async fn plans_that_nobody_mapped_are_reported_and_free_ones_are_not() {
    let world = World::with(3).await;
    let plan = |id: &str, slug: &str, amount_cents| local::clerk::Plan {
        id: id.to_owned(),
        slug: slug.to_owned(),
        amount_cents,
    };
    world.clerk.add_plan(plan("cplan_TEAM", "team", 9_900));
    world.clerk.add_plan(plan("cplan_OLD", "old", 100));
    // By slug this time.
    world.plan("pro", "pro", 100).await;
    world.subscribe("subi_1", "user_1", "cplan_PRO", "active");
    world.subscribe("subi_2", "user_2", "cplan_TEAM", "active");
    world.subscribe("subi_3", "user_3", "cplan_FREE", "active");
    world.subscribe("subi_4", "user_3", "cplan_OLD", "ended");
    world.subscribe("subi_5", "user_3", "cplan_PRO", "past_due");
    world.subscribe("subi_6", "user_3", "cplan_PRO", "upcoming");
    let run = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(run["unmappedPlans"], json!(["cplan_TEAM"]));
    assert_eq!(counters(&run), [3, 3, 3, 2, 1], "{run}");
    assert_eq!(run["subscriptionItems"], json!(6));
    assert_eq!(world.available("user_3").await, 5);
}

#[tokio::test]
async fn one_account_that_cannot_be_done_keeps_nobody_else_from_it() {
    let world = town().await;
    let user = account("user_1");
    world.books.open(&user, 5).await;
    for _ in 0..60 {
        let expires = Some(later(40 * 86_400));
        if world.books.submit(&user, grant(1, expires)).await.is_err() {
            break;
        }
    }
    let before = world.available("user_1").await;
    let run = world.post(&json!({"setCredits": true})).await.body;
    assert_eq!(run["state"], json!("done"));
    assert_eq!(run["errorCount"], json!(1));
    assert_eq!(run["errors"][0]["account"], json!("user_1"));
    assert_eq!(run["errors"][0]["code"], json!("too_many_buckets"));
    assert_eq!((world.available("user_1").await, world.available("user_2").await), (before, 105));
}

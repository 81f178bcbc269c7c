//! What the playbook asks of an administrator: adjust one user, take all users over from the
//! identity provider, and adjust while that is out of reach.

use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use local::clerk::Subscription;
use serde_json::{Value, json};

use super::town::{Client, Town, wall_clock};
use crate::harness::account;

/// Far more than what is queued takes to be done.
const PATIENCE: Duration = Duration::from_mins(1);

/// What Clerk has of a user's credits.
fn shown(town: &Town, user: &str) -> Value {
    let metadata = &town.clerk.user(user)["public_metadata"];
    json!([metadata["creditsRemaining"], metadata["creditsTotal"], metadata["creditsVersion"]])
}

async fn adjust(admin: &Client, user: &str, body: &Value) -> Value {
    let reply = admin.put(&format!("/api/admin/users/{user}/credits"), body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

/// The only line of the function's log with these words.
fn line_with(town: &Town, function: &str, words: &str) -> String {
    let log = std::fs::read_to_string(town.stack.logs.join(format!("{function}.log"))).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(words)).collect();
    assert_eq!(lines.len(), 1, "`{words}` in:\n{log}");
    lines[0].to_owned()
}

/// The n-th user's stay on the plan `pro`, in the middle of its period.
fn subscription(number: usize) -> Subscription {
    let half = SignedDuration::from_hours(15 * 24);
    Subscription {
        item: format!("csub_item_{number}"),
        account: format!("user_{number}"),
        plan: "cplan_PRO".to_owned(),
        status: "active".to_owned(),
        period_start: wall_clock() - half,
        period_end: Some(wall_clock() + half),
    }
}

/// Waits until `look` says so; bounded by far more than it can take.
pub(super) async fn until(what: &str, look: impl AsyncFn() -> bool) {
    let found = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("{what} did not come"));
}

#[tokio::test]
async fn an_admin_adjusts_one_user_and_the_user_and_clerk_see_it() {
    let town = Town::start().await;
    let profile = json!({"role": "editor", "team": {"name": "blue", "size": 3}});
    town.clerk.add_user("user_1", &profile);
    let admin = town.admin();

    let set = adjust(&admin, "user_1", &json!({"credits": 250, "reason": "a gift"})).await;
    assert_eq!(
        (&set["account"], &set["creditsRemaining"], &set["metadataSynced"]),
        (&json!("user_1"), &json!(250), &json!(true))
    );
    // The account was opened with its sign-up credits first; what moved is told, not what was set.
    assert_eq!(set["entry"]["credits"], 150, "{set}");
    let metadata = town.clerk.user("user_1")["public_metadata"].clone();
    assert_eq!((&metadata["role"], &metadata["team"]), (&profile["role"], &profile["team"]));
    assert_eq!(metadata["creditsRemaining"], 250, "{metadata}");
    assert_eq!(metadata["creditsVersion"], set["creditsVersion"], "{metadata}");
    line_with(&town, "admin-adjust", "updated user user_1 credits to 250");

    let taken = adjust(&admin, "user_1", &json!({"adjustment": -50})).await;
    assert_eq!(
        (&taken["entry"]["credits"], &taken["creditsRemaining"]),
        (&json!(-50), &json!(200))
    );
    let short = json!({"adjustment": -500, "reason": "too much"});
    let refused = admin.put("/api/admin/users/user_1/credits", &short).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert_eq!(refused.json()["available"], 200, "{}", refused.text);
    let clamped = json!({"adjustment": -500, "clamp": true});
    let clamped = adjust(&admin, "user_1", &clamped).await;
    assert_eq!(clamped["entry"]["credits"], -200, "the entry says what moved");

    let me = town.client.get("/api/credits/me").await.json();
    assert_eq!(me["creditsRemaining"], 0, "{me}");
    assert_eq!(town.books_of("user_1").await, 0);
    let operations = admin.get("/api/admin/operations").await.json();
    let results: Vec<&Value> =
        operations["operations"].as_array().unwrap().iter().map(|it| &it["result"]).collect();
    assert_eq!(results, ["done", "refused", "done", "done"], "{operations}");
}

#[tokio::test]
async fn only_an_admin_adjusts() {
    let town = Town::start().await;
    // Each function has said hello by then.
    let calls = town.clerk.call_count();
    let body = json!({"credits": 1_000_000});
    let reply = town.client.put("/api/admin/users/user_1/credits", &body).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (StatusCode::FORBIDDEN, &json!("admin_required"))
    );
    assert_eq!(town.store.accounts().await.unwrap(), []);
    assert_eq!(town.clerk.call_count(), calls);
}

#[tokio::test]
async fn an_adjustment_stands_while_clerk_is_out_of_reach_and_is_shown_once_it_is_back() {
    let town = Town::start().await;
    town.clerk.add_user("user_1", &json!({}));
    // The call opens the account; while Clerk is away nobody knows who may have one.
    town.client.chat("gpt-4o-mini").await;

    town.clerk.set_outage(true);
    let reply = adjust(&town.admin(), "user_1", &json!({"credits": 80})).await;
    assert_eq!((&reply["creditsRemaining"], &reply["metadataSynced"]), (&json!(80), &json!(false)));
    assert_eq!(town.books_of("user_1").await, 80, "the adjustment stands");
    line_with(&town, "admin-adjust", "failed to sync Clerk credits metadata for admin adjustment");
    assert_eq!(shown(&town, "user_1")[0], Value::Null);

    town.clerk.set_outage(false);
    until("the projection", async || shown(&town, "user_1")[0] == 80).await;
    assert_eq!(shown(&town, "user_1")[2], reply["creditsVersion"]);
    assert_eq!(town.count(&account("user_1"), "adjustment").await, 1);
    line_with(&town, "retry-worker", "updated user user_1 credits to 80");
}

#[tokio::test]
async fn all_users_are_taken_over_and_their_plans_are_granted_once() {
    let town = Town::start().await;
    town.clerk.add_users(30);
    let admin = town.admin();
    let plan = json!({"id": "pro", "name": "Pro", "credits": 1_000, "clerkPlans": ["pro"]});
    assert_eq!(admin.post("/api/admin/plans", &plan).await.status, StatusCode::CREATED);
    for number in 1..=10 {
        town.clerk.add_subscription(&subscription(number));
    }

    let all = json!({"syncUsers": true, "syncPlans": true, "setCredits": true});
    let counters = |reply: &Value| {
        ["processed", "createdUsers", "createdBalances", "activeSubscriptions", "creditsRefreshed"]
            .map(|name| reply[name].as_u64().unwrap())
    };
    let first = admin.post("/api/admin/users/sync", &all).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let first = first.json();
    assert_eq!(counters(&first), [30, 30, 30, 10, 10], "{first}");
    assert_eq!((&first["complete"], &first["nextCursor"]), (&json!(true), &Value::Null));
    assert_eq!(town.books_of("user_1").await, 1_100, "a plan's credits beside those of the start");
    assert_eq!(town.books_of("user_30").await, 100);
    until("the projections", async || {
        shown(&town, "user_1")[0] == 1_100 && shown(&town, "user_30")[0] == 100
    })
    .await;

    let page = admin.get("/api/admin/users?limit=50").await.json();
    assert_eq!(page["users"].as_array().unwrap().len(), 30, "{page}");
    let again = admin.post("/api/admin/users/sync", &all).await.json();
    assert_eq!(counters(&again), [30, 0, 0, 10, 0], "{again}");
    assert_eq!(town.books_of("user_1").await, 1_100, "the same plan is granted once");

    let runs = admin.get("/api/admin/users/sync").await.json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2, "{runs}");
    let run = admin.get(&format!("/api/admin/users/sync/{}", first["run"].as_str().unwrap())).await;
    assert_eq!(run.json()["state"], "done", "{}", run.text);
}

//! A bulk sync of thousands of users through the queue, by workers that keep being killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use directory::{
    Directory,
    runs::{Run, RunState},
};
use http::StatusCode;
use jiff::SignedDuration;
use ledger::{AccountId, entry::Kind};
use local::clerk::Subscription;
use serde_json::json;
use ulid::Ulid;

use super::town::{Town, wall_clock};

const USERS: usize = 5_000;

/// Every tenth user is on a plan.
const SUBSCRIBED: usize = USERS / 10;

const KILLS: u32 = 20;

/// Far more than the run takes on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Draws the moments of the kills, the same ones each time as far as processes allow.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

async fn town() -> (Town, Directory) {
    let town = Town::with(|options| {
        options.processes = 3;
        // What was in the hands of a worker that is killed comes back soon, and what is still being
        // worked on, by the slowest machine, does not.
        options.visibility_seconds.insert("RetryQueue".to_owned(), 3);
    })
    .await;
    // Showing so many balances is another journey: here Clerk has versions that are newer.
    for number in 1..=USERS {
        town.clerk.add_user(&format!("user_{number}"), &json!({"creditsVersion": 9}));
    }
    for number in (10..=USERS).step_by(10) {
        town.clerk.add_subscription(&Subscription {
            item: format!("csub_item_{number}"),
            account: format!("user_{number}"),
            plan: "cplan_PRO".to_owned(),
            status: "active".to_owned(),
            period_start: wall_clock() - SignedDuration::from_hours(24),
            period_end: Some(wall_clock() + SignedDuration::from_hours(24 * 29)),
        });
    }
    let state = town.stack.table("StateTable").unwrap().to_owned();
    let directory = Directory::new(town.startup.dynamodb(), state);
    (town, directory)
}

/// Waits until the run is past this step, or has ended.
async fn past(directory: &Directory, id: Ulid, step: u32) -> Run {
    loop {
        let run = directory.run(id).await.unwrap().unwrap();
        if run.step > step || run.state != RunState::Running {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn five_thousand_users_are_each_taken_over_once_however_often_the_workers_are_killed() {
    let (town, directory) = town().await;
    let admin = town.admin();
    let plan = json!({"id": "pro", "name": "Pro", "credits": 1_000, "clerkPlans": ["cplan_PRO"]});
    let made = admin.post("/api/admin/plans", &plan).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let asked = json!({"setCredits": true, "pageSize": 50});
    let started = admin.post("/api/admin/users/sync", &asked).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    let id = Ulid::from_string(started.json()["run"].as_str().unwrap()).unwrap();

    let mut random = Random(7);
    let mut step = 0;
    let killing = async {
        for _ in 0..KILLS {
            step = past(&directory, id, step).await.step;
            tokio::time::sleep(Duration::from_millis(random.below(250))).await;
            town.stack.kill_function("retry-worker").await;
        }
        past(&directory, id, u32::MAX - 1).await
    };
    let run = tokio::time::timeout(PATIENCE, killing).await.expect("the run does not end");

    assert_eq!((run.state, run.progress.complete), (RunState::Done, true), "{run:?}");
    assert_eq!(run.progress.troubles, []);
    let counters = run.progress.counters;
    let (users, subscribed) = (USERS as u64, SUBSCRIBED as u64);
    assert_eq!(
        (counters.processed, counters.created_users, counters.created_balances),
        (users, users, users)
    );
    assert_eq!(
        (counters.active_subscriptions, counters.credits_refreshed),
        (subscribed, subscribed)
    );
    everyone_is_there_once(&town, &directory).await;
}

/// Every user has a row, a balance, its sign-up grant and, where it is on the plan, the plan's.
async fn everyone_is_there_once(town: &Town, directory: &Directory) {
    let expected: BTreeMap<String, (i64, usize)> = (1..=USERS)
        .map(|number| {
            let is_subscribed = number % 10 == 0;
            let credits = if is_subscribed { 1_100 } else { 100 };
            (format!("user_{number}"), (credits, if is_subscribed { 2 } else { 1 }))
        })
        .collect();
    let ids: Vec<AccountId> = expected.keys().map(|id| AccountId::parse(id).unwrap()).collect();
    let known = directory.users(&ids).await.unwrap();
    assert_eq!(known.len(), USERS);

    let mut found = BTreeMap::new();
    let mut after = None;
    loop {
        let page = town.store.scan_balances(1_000, after.as_deref()).await.unwrap();
        assert_eq!(page.unreadable, [""; 0]);
        for (account, balance) in page.balances {
            found.insert(account.to_string(), balance.available.get());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let balances = expected.iter().map(|(id, (credits, _))| (id.clone(), *credits));
    assert_eq!(found, balances.collect());

    // The entries of some of them, one by one, and that their books add up.
    let some: BTreeSet<usize> = (0..50).map(|n| (n * 97) % USERS + 1).chain([10, 5_000]).collect();
    for number in some {
        let id = format!("user_{number}");
        let user = AccountId::parse(&id).unwrap();
        let page = town.store.history(&user, 100, None).await.unwrap();
        let kinds: Vec<Kind> = page.entries.iter().map(|entry| entry.cause.kind()).collect();
        assert_eq!(kinds, vec![Kind::Grant; expected[&id].1], "{id}");
        assert_eq!(town.books_of(&id).await, expected[&id].0, "{id}");
    }
}

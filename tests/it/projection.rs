//! Balances shown in Clerk: at once, or later from the queue, on a real table and a stand-in for
//! Clerk.

mod queued;
mod rate;
mod world;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::SignedDuration;
use ledger_dynamodb::Turn;
use local::clerk::Outage;
use serde_json::json;

use self::world::World;
use crate::harness::account;

#[tokio::test]
async fn an_adjustment_is_shown_at_once_without_asking_a_table_and_foreign_keys_survive() {
    let (world, user) = (World::start().await, account("user_1"));
    let submitted = world.adjust(&user, 70).await.unwrap();
    assert_eq!(submitted.turn, Turn::Taken);
    world.books.front.reset();
    assert!(world.projector.now(&submitted.receipt.account, submitted.turn, world.now()).await);
    assert!(world.books.operations().is_empty(), "{:?}", world.books.operations());
    let expected = json!({
        "role": "admin",
        "theme": {"dark": true},
        "creditsRemaining": 70,
        "creditsTotal": 100,
        "lastCreditsSyncAt": "2026-11-20T12:00:00Z",
        "creditsVersion": submitted.receipt.account.balance.revision,
    });
    assert_eq!(world.shown(&user), expected);
    assert_eq!(world.queue.messages(), []);
}

#[tokio::test]
async fn an_organization_is_shown_its_credits_as_a_user_is() {
    let (world, organization) = (World::start().await, account("org_1"));
    world.clerk.add_organization("org_1");
    world.books.open(&organization, 5).await;
    assert!(world.adjust_and_show(&organization, 9).await);
    assert_eq!(world.shown(&organization)["creditsRemaining"], 9);
}

#[tokio::test]
async fn fifty_adjustments_at_once_are_shown_one_call_at_a_time_and_the_last_value_wins() {
    let (world, user) = (World::start().await, account("user_1"));
    let adjust = |n: i64| {
        let (world, user) = (&world, &user);
        async move {
            // The books may be busy with the others.
            loop {
                if let Ok(submitted) = world.adjust(user, 1_000 + n).await {
                    let now = world.now();
                    return world
                        .projector
                        .now(&submitted.receipt.account, submitted.turn, now)
                        .await;
                }
            }
        }
    };
    let shown: Vec<bool> = join_all((0..50).map(adjust)).await;
    assert_eq!(shown.iter().filter(|shown| **shown).count(), 1);
    world.deliver_all().await;
    let calls = world.clerk.calls();
    assert!(calls.iter().all(|call| call.status == Some(200)), "{calls:?}");
    assert_eq!(world.clerk.most_at_once("user_1"), 1);
    for first in &calls {
        let window = SignedDuration::from_secs(10);
        let within = |at| at >= first.at && at < first.at + window;
        assert!(calls.iter().filter(|call| within(call.at)).count() <= 10, "{calls:?}");
    }
    let (balance, shown) = (world.books.available(&user).await, world.shown(&user));
    assert_eq!(shown["creditsRemaining"], balance);
    assert!(calls.len() <= 4, "changes that come together are shown together: {calls:?}");
    let projection = world.books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!(projection.projected, shown["creditsVersion"].as_u64());
    assert_eq!(projection.queued_at, None);
}

#[tokio::test]
async fn in_an_outage_the_adjustment_stands_and_is_shown_later_without_anyone_acting() {
    for outage in [Outage::Drop, Outage::Unavailable] {
        let (world, user) = (World::start().await, account("user_1"));
        world.clerk.set_outage_mode(outage);
        assert!(!world.adjust_and_show(&user, 70).await);
        assert_eq!(world.books.available(&user).await, 70);
        let noted = world.books.store.projection(&user).await.unwrap().unwrap();
        assert_eq!(noted.queued_at, Some(world.now()));
        // A try in the outage fails the message, which is what counts tries.
        assert!(world.deliver().await[0].is_err());
        world.clerk.set_outage_mode(Outage::None);
        world.deliver_all().await;
        assert_eq!(world.shown(&user)["creditsRemaining"], 70);
        assert_eq!(world.shown(&user)["role"], "admin");
        let noted = world.books.store.projection(&user).await.unwrap().unwrap();
        assert_eq!(noted.queued_at, None);
    }
}

#[tokio::test]
async fn a_429_is_waited_out_for_as_long_as_clerk_asks_and_costs_no_try() {
    let (world, user) = (World::start().await, account("user_1"));
    let other = account("user_2");
    world.clerk.add_user("user_2", &json!({}));
    world.books.open(&other, 1).await;
    world.clerk.set_limits(1, 10);
    assert!(world.adjust_and_show(&other, 2).await);
    world.pass(4);
    assert!(!world.adjust_and_show(&user, 70).await);
    let queued = json!({"version": 1, "kind": "project", "accounts": ["user_1"]});
    let in_six_seconds = world.now() + SignedDuration::from_secs(6);
    assert_eq!(world.queue.messages(), [(in_six_seconds, queued.clone())]);
    // A worker that meets one sends the message anew instead of failing it.
    world.clerk.set_limits(0, 10);
    world.deliver().await.pop().unwrap().unwrap();
    let in_ten_seconds = in_six_seconds + SignedDuration::from_secs(10);
    assert_eq!(world.queue.messages(), [(in_ten_seconds, queued)]);
    world.clerk.set_limits(1_000, 10);
    world.deliver_all().await;
    assert_eq!(world.shown(&user)["creditsRemaining"], 70);
}

#[tokio::test]
async fn a_slow_clerk_is_given_up_after_two_seconds_and_its_late_write_is_put_right() {
    let (world, user) = (World::start().await, account("user_1"));
    world.clerk.set_slow(Some(Duration::from_millis(2_300)));
    let began = Instant::now();
    assert!(!world.adjust_and_show(&user, 70).await);
    // Not shown: it was given up before the answer came. And not sooner than it has to be.
    assert!(began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());
    let (_, message) = world.queue.messages().remove(0);
    assert!(message["since"].is_string(), "{message}");
    // The next change is shown, and only then does the write that was given up arrive.
    world.clerk.set_slow(None);
    world.pass(3);
    assert!(world.adjust_and_show(&user, 50).await);
    while world.shown(&user)["creditsRemaining"] != 70 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.deliver_all().await;
    assert_eq!(world.shown(&user)["creditsRemaining"], 50);
}

#[tokio::test]
async fn a_turn_that_is_nearly_over_is_not_used() {
    let (world, user) = (World::start().await, account("user_1"));
    let (asked, submitted) = (world.now(), world.adjust(&user, 70).await.unwrap());
    world.pass(2);
    let spent = SignedDuration::from_millis(800);
    let asked = asked - spent;
    assert!(!world.projector.now(&submitted.receipt.account, submitted.turn, asked).await);
    assert!(world.clerk.calls().is_empty());
    world.deliver_all().await;
    assert_eq!(world.shown(&user)["creditsRemaining"], 70);
}

#[tokio::test]
async fn a_user_clerk_does_not_know_ends_it() {
    let (world, user) = (World::start().await, account("user_none"));
    world.books.open(&user, 1).await;
    assert!(!world.adjust_and_show(&user, 70).await);
    assert_eq!(world.queue.messages(), []);
    world.projector.queue(std::slice::from_ref(&user), Duration::ZERO).await.unwrap();
    world.pass(3);
    world.deliver_all().await;
    assert_eq!(world.clerk.calls().len(), 2);
}

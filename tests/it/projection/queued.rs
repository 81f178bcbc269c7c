//! What a worker does with a queued message.

use std::time::Duration;

use futures_util::future::join;
use ledger::AccountId;
use local::{clerk::Outage, fault::Fault};
use projection::Project;
use serde_json::json;

use super::World;
use crate::harness::account;

/// A world where so many users have an account, and none is shown.
async fn crowd(count: usize) -> (World, Vec<AccountId>) {
    let world = World::start().await;
    let users: Vec<AccountId> =
        (1..=count).map(|number| account(&format!("user_{number}"))).collect();
    for user in &users {
        if user.as_str() != "user_1" {
            world.clerk.add_user(user.as_str(), &json!({}));
            world.books.open(user, 7).await;
        }
    }
    (world, users)
}

#[tokio::test]
async fn what_is_known_to_be_shown_is_left_alone_until_it_changes() {
    let (world, users) = crowd(3).await;
    let message = Project::new(users.clone());
    for calls in [3, 3] {
        world.projector.finish(&message, world.now()).await.unwrap();
        assert_eq!(world.clerk.calls().len(), calls);
    }
    world.pass(3);
    world.adjust(&users[1], 9).await.unwrap();
    world.pass(3);
    world.projector.finish(&message, world.now()).await.unwrap();
    assert_eq!(world.clerk.calls().len(), 4);
    assert_eq!(world.shown(&users[1])["creditsRemaining"], 9);
    assert_eq!(world.queue.messages(), []);
}

#[tokio::test]
async fn what_somebody_has_wiped_out_in_clerk_is_shown_again_when_a_sync_asks_for_it() {
    let (world, users) = crowd(2).await;
    world.projector.finish(&Project::new(users.clone()), world.now()).await.unwrap();
    world.clerk.add_user("user_2", &json!({"creditsRemaining": "lots"}));
    world.pass(3);
    world.projector.queue(&users, Duration::ZERO).await.unwrap();
    world.deliver_all().await;
    assert_eq!(world.shown(&users[1])["creditsRemaining"], 7);
}

#[tokio::test]
async fn of_many_messages_about_one_account_the_first_that_is_done_is_enough() {
    let (world, users) = crowd(2).await;
    world.projector.finish(&Project::new(users.clone()), world.now()).await.unwrap();
    world.pass(3);
    for _ in 0..5 {
        world.projector.queue(&users, Duration::ZERO).await.unwrap();
    }
    world.pass(3);
    world.deliver_all().await;
    assert_eq!(world.clerk.calls().len(), 4);
}

#[tokio::test]
async fn whose_turn_it_is_not_waits_and_does_not_fail_the_message() {
    let (world, users) = crowd(2).await;
    world.adjust(&users[0], 9).await.unwrap();
    world.projector.finish(&Project::new(users.clone()), world.now()).await.unwrap();
    let left = json!({"version": 1, "kind": "project", "accounts": ["user_1"]});
    let (due, queued) = world.queue.messages().remove(0);
    assert_eq!(queued, left);
    assert!(due > world.now());
    world.deliver_all().await;
    assert_eq!(world.shown(&users[0])["creditsRemaining"], 9);
    assert_eq!(world.clerk.calls().len(), 2);
}

#[tokio::test]
async fn a_change_between_a_workers_look_and_its_turn_is_not_overwritten_with_what_was_before() {
    let (world, users) = crowd(1).await;
    world.adjust(&users[0], 70).await.unwrap();
    world.pass(3);
    // The worker is long at its first write, which takes a slot of the rate.
    world.books.front.next("UpdateItem", Fault::Delay(Duration::from_millis(300)));
    let message = Project::new(users.clone());
    let later = world.now() + jiff::SignedDuration::from_secs(5);
    let worker = Box::pin(world.projector.finish(&message, later));
    let (finished, shown) = join(worker, world.adjust_and_show(&users[0], 50)).await;
    finished.unwrap();
    assert!(shown);
    world.deliver_all().await;
    assert_eq!(world.shown(&users[0])["creditsRemaining"], 50);
}

#[tokio::test]
async fn a_failing_clerk_is_not_asked_for_the_rest_of_a_message_and_all_of_it_comes_back() {
    let (world, users) = crowd(50).await;
    world.clerk.set_outage_mode(Outage::Unavailable);
    let message = Project::new(users.clone());
    let failed = world.projector.finish(&message, world.now()).await.unwrap_err();
    assert!(startup::error_chain(&failed).contains("status 503"), "{failed:?}");
    let calls = world.clerk.calls().len();
    assert!(calls < 50, "{calls}");
    assert_eq!(world.queue.messages(), []);
    world.clerk.set_outage_mode(Outage::None);
    world.pass(60);
    world.projector.finish(&message, world.now()).await.unwrap();
    world.deliver_all().await;
    for user in &users[1..] {
        assert_eq!(world.shown(user)["creditsRemaining"], 7);
    }
}

#[tokio::test]
async fn a_wrong_key_fails_the_message_and_a_user_it_will_not_take_does_not() {
    let (world, users) = crowd(2).await;
    let mut wrong = world.projector.clone();
    let secret = clerk::Secret::parse("sk_test_wrong").unwrap();
    wrong.clerk = clerk::Clerk::new(world.books.startup.http.clone(), &world.clerk.url, secret);
    let failed = wrong.finish(&Project::new(users.clone()), world.now()).await.unwrap_err();
    let said = startup::error_chain(&failed);
    assert!(said.contains("401") && !said.contains("sk_test"), "{said}");
    // One whose metadata is full to the last byte is refused for good.
    world.clerk.add_user("user_2", &json!({"notes": "x".repeat(8_150)}));
    world.pass(3);
    world.projector.finish(&Project::new(users.clone()), world.now()).await.unwrap();
    world.deliver_all().await;
    assert_eq!(world.shown(&users[0])["creditsRemaining"], 100);
    assert_eq!(world.shown(&users[1])["creditsRemaining"], json!(null));
}

#[tokio::test]
async fn an_account_nobody_opened_is_nothing_to_show() {
    let (world, user) = (World::start().await, account("user_9"));
    world.projector.finish(&Project::new(vec![user]), world.now()).await.unwrap();
    assert!(world.clerk.calls().is_empty());
}

#[tokio::test]
async fn many_accounts_are_queued_fifty_to_a_message() {
    let (world, users) = (World::start().await, 1..=1_001);
    let users: Vec<AccountId> = users.map(|n| account(&format!("user_{n}"))).collect();
    world.projector.queue(&users, Duration::from_secs(4)).await.unwrap();
    let messages = world.queue.messages();
    assert_eq!(messages.len(), 21);
    let queued = messages.iter().flat_map(|(_, body)| body["accounts"].as_array().unwrap());
    assert_eq!(queued.count(), 1_001);
    let due = world.now() + jiff::SignedDuration::from_secs(4);
    assert!(messages.iter().all(|(at, _)| *at == due));
}

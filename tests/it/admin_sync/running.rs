//! Runs under way: waiting for Clerk, stopped, stalled, cancelled, gone on with.

use http::Method;
use local::clerk::Outage;
use serde_json::{Value, json};

use super::world::{SYNC, World, counters};

async fn change(world: &World, run: &str, what: &str) -> super::world::Answer {
    world.ask(Method::POST, &format!("{SYNC}/{run}/{what}"), &Value::Null).await
}

#[tokio::test]
async fn where_clerk_asks_to_wait_the_step_is_sent_anew_and_loses_no_try() {
    let world = World::with(4).await;
    let run = world.queued(&json!({"syncPlans": false, "pageSize": 2})).await;
    world.clerk.set_limits(1, 10);
    let asked_at = world.now();
    assert!(world.deliver().await.unwrap().is_ok());
    let waiting = world.queue.steps().into_iter().find(|step| step.body.contains(r#""step":2"#));
    assert!(waiting.is_none(), "the first step is not done");
    let again = world.queue.steps().into_iter().find(|step| step.due > asked_at).unwrap();
    assert_eq!(again.receives, 0);
    assert_eq!(world.run(&run).await["lastFailure"], json!("clerk_rate_limited"));
    world.clerk.set_limits(1_000, 10);
    world.deliver_all().await;
    assert_eq!(counters(&world.run(&run).await), [4, 4, 4, 0, 0]);
}

#[tokio::test]
async fn a_step_that_fails_stays_in_the_queue_and_the_run_says_why() {
    let world = World::with(2).await;
    let run = world.queued(&json!({"syncPlans": false})).await;
    world.clerk.set_outage_mode(Outage::Unavailable);
    assert!(world.deliver().await.unwrap().is_err());
    let shown = world.run(&run).await;
    assert_eq!(
        (&shown["state"], &shown["lastFailure"]),
        (&json!("running"), &json!("clerk_unavailable"))
    );
    world.clerk.set_outage_mode(Outage::None);
    world.deliver_all().await;
    let shown = world.run(&run).await;
    assert_eq!(counters(&shown), [2, 2, 2, 0, 0]);
    assert_eq!(shown["lastFailure"], json!(null));
}

#[tokio::test]
async fn a_run_stops_when_credits_are_switched_off_and_goes_on_when_it_is_told_to() {
    let world = World::with(6).await;
    let run = world.queued(&json!({"syncPlans": false, "pageSize": 2})).await;
    world.deliver().await.unwrap().unwrap();
    world.set("CREDITS_ENABLED", "off");
    let ledger = world.dump(&world.books.names.ledger).await;
    for step in world.queue.steps() {
        assert!(step.due <= world.now() + jiff::SignedDuration::from_mins(2));
    }
    world.deliver_all().await;
    assert_eq!(world.dump(&world.books.names.ledger).await, ledger);
    let shown = world.run(&run).await;
    assert_eq!((&shown["state"], &shown["complete"]), (&json!("stopped"), &json!(false)));
    assert!(shown["nextCursor"].is_string());
    assert_eq!(change(&world, &run, "resume").await.body["creditsDisabled"], json!(true));
    world.set("CREDITS_ENABLED", "on");
    assert_eq!(change(&world, &run, "resume").await.status, 202);
    world.deliver_all().await;
    let shown = world.run(&run).await;
    assert_eq!(counters(&shown), [6, 6, 6, 0, 0], "{shown}");
    assert_eq!(shown["state"], json!("done"));
    assert_eq!(change(&world, &run, "resume").await.body["code"], json!("sync_ended"));
}

#[tokio::test]
async fn a_stalled_run_says_how_to_go_on_and_does() {
    let world = World::with(4).await;
    let run = world.queued(&json!({"syncPlans": false, "pageSize": 2})).await;
    world.deliver().await.unwrap().unwrap();
    // Its messages are among the dead letters.
    world.queue.clear();
    assert_eq!(world.run(&run).await["stalled"], json!(false));
    world.pass(15 * 60);
    assert_eq!(world.run(&run).await["stalled"], json!(true));
    let refused = world.post(&json!({})).await;
    assert_eq!((refused.status, &refused.body["stalled"]), (409, &json!(true)));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("{run}/resume")), "{detail}");
    assert_eq!(change(&world, &run, "resume").await.status, 202);
    world.deliver_all().await;
    assert_eq!(counters(&world.run(&run).await), [4, 4, 4, 0, 0]);
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_and_another_can_start() {
    let world = World::with(6).await;
    let run = world.queued(&json!({"syncPlans": false, "pageSize": 2})).await;
    world.deliver().await.unwrap().unwrap();
    let cancelled = change(&world, &run, "cancel").await;
    assert_eq!((cancelled.status, &cancelled.body["state"]), (200, &json!("cancelled")));
    assert_eq!(counters(&cancelled.body), [2, 2, 2, 0, 0]);
    assert_eq!(change(&world, &run, "cancel").await.status, 200, "once more does no harm");
    world.deliver_all().await;
    assert_eq!(counters(&world.run(&run).await), [2, 2, 2, 0, 0]);
    let next = world.post(&json!({"syncPlans": false})).await;
    assert_eq!((next.status, counters(&next.body)), (200, [6, 4, 4, 0, 0]));
    let done = next.body["run"].as_str().unwrap();
    assert_eq!(change(&world, done, "cancel").await.body["code"], json!("sync_ended"));
}

#[tokio::test]
async fn a_run_is_cancelled_after_the_step_that_a_worker_has() {
    let world = World::with(4).await;
    let run = world.queued(&json!({"syncPlans": false, "pageSize": 2})).await;
    // The worker dies in the middle of the first step.
    assert!(!world.deliver_and_kill(8).await);
    let asked = change(&world, &run, "cancel").await;
    assert_eq!((asked.status, &asked.body["cancelling"]), (202, &json!(true)));
    world.deliver_all().await;
    assert_eq!(world.run(&run).await["state"], json!("cancelled"));
    assert_eq!(world.post(&json!({})).await.status, 200, "the lock is free");
}

#[tokio::test]
async fn a_message_of_a_kind_that_is_not_known_stays() {
    let world = World::with(1).await;
    let body = r#"{"version":1,"kind":"inbox","secret":"x"}"#.to_owned();
    world.queue.put(super::world::Queued { due: world.now(), body, receives: 0 });
    let error = world.deliver().await.unwrap().unwrap_err();
    assert!(!startup::error_chain(&error).contains("secret"), "{error}");
    assert_eq!(world.queue.messages().len(), 1);
}

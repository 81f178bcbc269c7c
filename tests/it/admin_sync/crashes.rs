//! Workers that die between any two requests, messages that come twice, tables that lose answers.

use local::fault::{Fault, Rule};
use serde_json::json;

use super::world::{Queued, World, counters};
use crate::harness::account;

/// Six users, three of them on a plan, one of those through an organization as well.
async fn town() -> World {
    let world = World::with(6).await;
    world.plan("pro", "cplan_PRO", 100).await;
    world.clerk.add_organization("org_1");
    for (item, payer) in
        [("subi_1", "user_1"), ("subi_2", "user_2"), ("subi_3", "user_3"), ("subi_4", "org_1")]
    {
        world.subscribe(item, payer, "cplan_PRO", "active");
    }
    world
}

/// What a run over the town with `setCredits` has to come to.
const DONE: [u64; 5] = [6, 6, 7, 4, 4];

async fn check(world: &World, run: &str, why: &str) {
    let shown = world.run(run).await;
    assert_eq!((&shown["state"], &shown["complete"]), (&json!("done"), &json!(true)), "{why}");
    assert_eq!(counters(&shown), DONE, "{why}: {shown}");
    assert_eq!(shown["errors"], json!([]), "{why}");
    for (name, expected) in
        [("user_1", 105), ("user_2", 105), ("user_3", 105), ("user_4", 5), ("org_1", 105)]
    {
        assert_eq!(world.available(name).await, expected, "{why}: {name}");
    }
    let shown = world.clerk.user("user_1")["public_metadata"]["creditsRemaining"].clone();
    assert_eq!(shown, json!(105), "{why}");
}

#[tokio::test]
async fn a_step_cut_off_between_any_two_requests_is_finished_exactly_once() {
    for message in 0..2 {
        for requests in 0.. {
            let world = town().await;
            let run = world.queued(&json!({"setCredits": true, "pageSize": 6})).await;
            for _ in 0..message {
                assert!(world.deliver_and_kill(usize::MAX).await);
            }
            let finished = world.deliver_and_kill(requests).await;
            world.deliver_all().await;
            check(&world, &run, &format!("step {message} killed after {requests} requests")).await;
            if finished {
                assert!(requests > 10, "a step makes more requests than {requests}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn workers_that_die_again_and_again_come_to_the_same_in_the_end() {
    let world = town().await;
    let run = world.queued(&json!({"setCredits": true, "pageSize": 2})).await;
    for requests in (0..40).chain(0..40).chain(0..40) {
        world.deliver_and_kill(requests).await;
    }
    world.deliver_all().await;
    check(&world, &run, "killed over and over").await;
}

#[tokio::test]
async fn messages_that_come_twice_or_late_or_at_once_do_nothing_twice() {
    let world = town().await;
    let run = world.queued(&json!({"setCredits": true, "pageSize": 2})).await;
    let mut seen: Vec<Queued> = Vec::new();
    loop {
        let twins = world.queue.steps();
        for twin in &twins {
            world.queue.put(Queued { receives: 0, ..twin.clone() });
        }
        seen.extend(twins);
        let (Some(one), two, three) =
            tokio::join!(world.deliver(), world.deliver(), world.deliver())
        else {
            break;
        };
        for ended in [Some(one), two, three].into_iter().flatten() {
            ended.unwrap();
        }
        // Enough copies of copies.
        if seen.len() > 40 {
            world.deliver_all().await;
            break;
        }
    }
    check(&world, &run, "every message twice").await;
    // Long after the run's end, each of them once more, as if it came back.
    let entries = world.entries(&account("user_1")).await;
    for message in seen {
        world.queue.put(Queued { due: world.now(), ..message });
        world.deliver_all().await;
    }
    check(&world, &run, "every message again").await;
    assert_eq!(world.entries(&account("user_1")).await, entries);
}

#[tokio::test]
async fn a_table_that_loses_requests_and_answers_changes_no_number() {
    let world = town().await;
    let run = world.queued(&json!({"setCredits": true, "pageSize": 3})).await;
    world.books.front.rules([
        Rule::any(Fault::LostReply, 60),
        Rule::any(Fault::LostRequest, 60),
        Rule::of("TransactWriteItems", Fault::Conflict, 60),
    ]);
    for _ in 0..400 {
        if world.deliver().await.is_none() {
            break;
        }
    }
    world.books.front.reset();
    world.deliver_all().await;
    check(&world, &run, "a lossy table").await;
}

//! Lists that are longer than a page, stop at a limit, or move while they are walked.

use serde_json::json;

use super::world::{World, counters};

#[tokio::test]
async fn a_sync_that_stops_at_its_page_limit_says_so() {
    let world = World::with(7).await;
    let body = json!({"syncPlans": false, "pageSize": 2, "maxPages": 2});
    let first = world.post(&body).await;
    assert_eq!(first.status, 200);
    assert_eq!(counters(&first.body), [4, 4, 4, 0, 0]);
    assert_eq!((&first.body["complete"], &first.body["state"]), (&json!(false), &json!("done")));
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let body = json!({"syncPlans": false, "pageSize": 2, "maxPages": 2, "cursor": cursor});
    let second = world.post(&body).await.body;
    assert_eq!(counters(&second), [3, 3, 3, 0, 0]);
    assert_eq!((&second["complete"], &second["nextCursor"]), (&json!(true), &json!(null)));
    for n in 1..=7 {
        assert_eq!(world.available(&format!("user_{n}")).await, 5);
    }
}

#[tokio::test]
async fn a_page_limit_that_just_suffices_is_no_limit() {
    let world = World::with(4).await;
    let body = json!({"syncPlans": false, "pageSize": 2, "maxPages": 2});
    let run = world.post(&body).await.body;
    assert_eq!(counters(&run), [4, 4, 4, 0, 0]);
    assert_eq!((&run["complete"], &run["nextCursor"]), (&json!(true), &json!(null)));
}

#[tokio::test]
async fn each_of_the_lists_has_the_page_limit_to_itself_and_a_cursor_goes_on_in_either() {
    let world = World::with(4).await;
    world.plan("pro", "cplan_PRO", 100).await;
    for n in 1..=3 {
        world.subscribe(&format!("subi_{n}"), &format!("user_{n}"), "cplan_PRO", "active");
    }
    let body = json!({"setCredits": true, "pageSize": 2, "maxPages": 1});
    let mut run = world.post(&body).await.body;
    let mut sums = counters(&run);
    let mut runs = 1;
    while run["complete"] == json!(false) {
        let mut body = body.clone();
        body["cursor"] = run["nextCursor"].clone();
        run = world.post(&body).await.body;
        sums = std::array::from_fn(|n| sums[n] + counters(&run)[n]);
        runs += 1;
        assert!(runs < 9);
    }
    assert_eq!((sums, runs), ([4, 4, 4, 3, 3], 3));
    assert_eq!(world.available("user_1").await, 105);
}

#[tokio::test]
async fn subscriptions_that_come_in_front_while_the_list_is_walked_hide_and_double_nothing() {
    let world = World::with(60).await;
    world.plan("pro", "cplan_PRO", 100).await;
    for n in 1..=50 {
        world.subscribe(&format!("subi_{n}"), &format!("user_{n}"), "cplan_PRO", "active");
    }
    let run = world.queued(&json!({"syncUsers": false, "setCredits": true, "pageSize": 10})).await;
    let mut newest = 50;
    while world.deliver().await.is_some() {
        if newest < 60 {
            for _ in 0..5 {
                newest += 1;
                let (item, user) = (format!("subi_{newest}"), format!("user_{newest}"));
                world.subscribe(&item, &user, "cplan_PRO", "active");
            }
        }
    }
    let shown = world.run(&run).await;
    assert_eq!(counters(&shown), [0, 0, 50, 50, 50], "{shown}");
    assert_eq!(shown["errors"], json!([]));
    for n in 1..=50 {
        assert_eq!(world.available(&format!("user_{n}")).await, 105, "user_{n}");
    }
}

#[tokio::test]
async fn debug_keeps_the_timing_of_every_page() {
    let world = World::with(5).await;
    let body = json!({"syncPlans": false, "pageSize": 2, "debug": true});
    let run = world.post(&body).await.body;
    let timings = run["timings"].as_array().unwrap();
    let sizes: Vec<u64> = timings.iter().map(|page| page["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    let plain = world.post(&json!({"syncPlans": false})).await.body;
    assert_eq!(plain.get("timings"), None);
}

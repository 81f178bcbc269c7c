//! Workers share the rate that Clerk allows.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use ledger::AccountId;
use projection::Project;
use serde_json::json;

use super::World;
use crate::harness::account;

/// How many requests Clerk takes in ten seconds: 30 accounts take three of them.
const RATE: u32 = 100;

/// What a quarter of a second may have at that rate.
const WINDOW_MAX: usize = 3;

#[tokio::test]
async fn four_workers_use_every_slot_they_take_and_never_more_than_there_are() {
    let mut world = World::start().await;
    world.projector.rate = RATE;
    let users: Vec<AccountId> = (1..=30).map(|number| account(&format!("user_{number}"))).collect();
    for user in &users[1..] {
        world.clerk.add_user(user.as_str(), &json!({}));
        world.books.open(user, 7).await;
    }
    let messages: Vec<Project> = users.chunks(8).map(|some| Project::new(some.to_vec())).collect();
    let now = world.now();
    let finishing = messages.iter().map(|message| world.projector.finish(message, now));
    let finished = join_all(finishing).await;
    assert!(finished.iter().all(Result::is_ok), "{finished:?}");
    // A machine that is busy elsewhere may have made one wait for longer than its turn, or let a
    // slot or two grow old.
    let late = world.queue.messages().len();
    world.deliver_all().await;
    assert_eq!(world.clerk.calls().len(), 30);
    let taken = taken(&world).await;
    let sum = taken.values().sum::<usize>();
    assert!((30..=32 + 8 * late).contains(&sum), "{late}: {taken:?}");
    assert!(taken.values().all(|taken| *taken <= WINDOW_MAX), "{taken:?}");
    let windows: Vec<i64> = taken.keys().copied().collect();
    let span_ms = windows.last().unwrap() - windows.first().unwrap();
    // Thirty of a hundred in ten seconds are three of them, less what the first and last may have.
    assert!(span_ms >= 2_500, "{taken:?}");
}

/// The slots taken, by the start of their window in milliseconds.
async fn taken(world: &World) -> BTreeMap<i64, usize> {
    let state = &world.books.names.state;
    let scan = world.books.client.scan().table_name(state);
    let scan = scan
        .filter_expression("begins_with(pk, :rate)")
        .expression_attribute_values(":rate", AttributeValue::S("RATE#clerk#".to_owned()));
    let found = scan.send().await.unwrap();
    let row = |item: &std::collections::HashMap<String, AttributeValue>| {
        let pk = item["pk"].as_s().unwrap();
        let start = pk.rsplit('#').next().unwrap().parse().unwrap();
        (start, item["taken"].as_n().unwrap().parse().unwrap())
    };
    found.items().iter().map(row).collect()
}

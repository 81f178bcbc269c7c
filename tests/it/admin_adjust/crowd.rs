//! An account in use while an admin sets its balance: nothing is lost, and every entry says what
//! it moved.

use std::sync::Arc;

use ledger::{Rejection, entry::Cause};
use ledger_dynamodb::StoreError;
use serde_json::json;

use super::world::World;
use crate::harness::{account, credits, hold, released, settled};

/// Calls at once, as many as one account makes at its very busiest.
const CALLERS: usize = 20;

/// Calls of each caller, one after the other: 200 in all.
const CALLS: usize = 10;

#[tokio::test]
async fn calls_and_an_admin_who_sets_the_balance_lose_nothing_of_each_other() {
    let world = Arc::new(World::start().await);
    let user = account("user_1");
    world.books.open(&user, 1_000).await;
    let callers = (0..CALLERS).map(|caller| {
        let (world, user) = (Arc::clone(&world), user.clone());
        tokio::spawn(async move {
            let mut placed = 0;
            for call in 0..CALLS {
                let hold = hold(&user, 3);
                match world.books.store.hold(&hold, credits(0)).await {
                    Ok(()) => placed += 1,
                    Err(StoreError::Rejected(
                        Rejection::RateLimited | Rejection::InsufficientCredits { .. },
                    )) => continue,
                    Err(error) => panic!("{error}"),
                }
                let end = if (caller + call) % 3 == 0 { released() } else { settled(2) };
                while let Err(error) = world.books.store.end(&hold, &end).await {
                    assert!(matches!(error, StoreError::Rejected(Rejection::RateLimited)));
                }
            }
            placed
        })
    });
    let callers: Vec<_> = callers.collect();
    let (mut set, mut moved) = (0, 0);
    for round in 0..50 {
        let answer = world.put("/api/admin/credits/user_1", &json!({"credits": 500 + round})).await;
        if answer.refusal() == (409, "busy") {
            assert_eq!(answer.header("retry-after"), "1");
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.text);
        set += 1;
        moved += usize::from(answer.body["entry"].is_object());
    }
    let mut held = 0;
    for caller in callers {
        held += caller.await.unwrap();
    }
    // The balance is the sum of the entries, and the audit finds nothing wrong.
    let available = world.books.available(&user).await;
    let page = world.books.store.history(&user, 1_000, None).await.unwrap();
    let count = |wanted: fn(&Cause) -> bool| {
        page.entries.iter().filter(|entry| wanted(&entry.cause)).count()
    };
    assert_eq!(count(|cause| matches!(cause, Cause::Hold(_))), held);
    assert_eq!(count(|cause| matches!(cause, Cause::Outcome { .. })), held);
    assert_eq!(count(|cause| matches!(cause, Cause::Adjustment { .. })), moved);
    let sum: i64 = page.entries.iter().map(|entry| entry.amount.get()).sum();
    assert_eq!(sum, available);
    assert!(set > 0 && held > 0);
    // Every operation is on record, and says of its entry what the entry says.
    let recorded = world.get("/api/admin/operations?limit=100").await.body;
    let recorded = recorded["operations"].as_array().unwrap();
    assert_eq!(recorded.len(), 50);
    for entry in page.entries.iter().filter(|entry| matches!(entry.cause, Cause::Adjustment { .. }))
    {
        let id = entry.id.to_string();
        let told = recorded.iter().find(|done| done["details"]["entry"] == id).unwrap();
        assert_eq!(told["details"]["moved"], entry.amount.to_string());
    }
}

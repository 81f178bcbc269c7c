//! Subscriptions: the newer version wins.

use directory::Subscription;

use super::directory;
use crate::harness::{Harness, account, later};

fn subscription(item: &str, status: &str, version: i64) -> Subscription {
    Subscription {
        account: account("user_1"),
        item: format!("clerk:{item}"),
        plan: "cplan_1".to_owned(),
        plan_slug: Some("pro".to_owned()),
        status: status.to_owned(),
        period_start: Some(later(0)),
        period_end: None,
        updated_at: later(version),
    }
}

#[tokio::test]
async fn an_older_or_equal_version_of_a_subscription_never_brings_it_back() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let rows = [
        ("active", 5, true),
        ("incomplete", 5, false),
        ("incomplete", 4, false),
        ("canceled", 6, true),
        ("active", 5, false),
        ("ended", 7, true),
    ];
    for (status, version, taken) in rows {
        let subscription = subscription("subi_1", status, version);
        let kept = directory.upsert_subscription(&subscription).await.unwrap();
        assert_eq!(kept, taken, "{status} {version}");
    }
    let kept = directory.subscriptions(&account("user_1")).await.unwrap();
    assert_eq!(kept, [subscription("subi_1", "ended", 7)]);
}

#[tokio::test]
async fn subscriptions_are_their_accounts_own_and_beside_its_balance() {
    let (books, user) = Harness::opened(7).await;
    let directory = directory(&books);
    for item in ["subi_2", "subi_1"] {
        directory.upsert_subscription(&subscription(item, "active", 1)).await.unwrap();
    }
    let other = Subscription { account: account("user_11"), ..subscription("subi_3", "active", 1) };
    directory.upsert_subscription(&other).await.unwrap();
    let items = directory.subscriptions(&user).await.unwrap();
    let items: Vec<_> = items.iter().map(|subscription| subscription.item.as_str()).collect();
    assert_eq!(items, ["clerk:subi_1", "clerk:subi_2"]);
    assert_eq!(books.store.account(&user).await.unwrap().unwrap().balance.available.get(), 7);
    assert_eq!(directory.subscriptions(&account("user_2")).await.unwrap(), []);
}

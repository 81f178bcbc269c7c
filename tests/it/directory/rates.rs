//! Slots of a rate: never more than there are, however many ask at once.

use directory::Directory;
use local::fault::{Fault, Rule};

use super::directory;
use crate::harness::{Harness, later};

async fn take(directory: &Directory, most: u32, wanted: u32) -> u32 {
    directory.take_slots("clerk", later(0), most, wanted).await.unwrap()
}

#[tokio::test]
async fn as_many_slots_are_granted_as_are_left() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let mut left = 10;
    for wanted in [0, 4, 4, 4, 4] {
        let expected = wanted.min(left);
        assert_eq!(take(&directory, 10, wanted).await, expected);
        left -= expected;
    }
    assert_eq!(take(&directory, 0, 5).await, 0);
    let next_window = directory.take_slots("clerk", later(10), 10, 99).await.unwrap();
    assert_eq!(next_window, 10);
    assert_eq!(directory.take_slots("other", later(0), 10, 3).await.unwrap(), 3);
}

#[tokio::test]
async fn a_grant_is_one_request() {
    let books = Harness::start().await;
    assert_eq!(take(&directory(&books), 10, 4).await, 4);
    assert_eq!(books.operations(), ["UpdateItem"]);
}

#[tokio::test]
async fn fifty_takers_at_once_never_get_more_than_there_are() {
    for (rules, seed) in [(vec![], 1), (vec![Rule::of("UpdateItem", Fault::LostReply, 200)], 2)] {
        let loses = !rules.is_empty();
        let books = Harness::seeded(seed).await;
        books.front.rules(rules);
        let takers = (0..50).map(|_| {
            let directory = directory(&books);
            tokio::spawn(async move {
                directory.take_slots("clerk", later(0), 100, 3).await.unwrap_or_default()
            })
        });
        let mut granted = 0;
        for taker in takers.collect::<Vec<_>>() {
            granted += taker.await.unwrap();
        }
        books.front.reset();
        let rest = take(&directory(&books), 100, 100).await;
        if loses {
            assert!(granted + rest <= 100, "{granted} {rest}");
        } else {
            assert_eq!(granted + rest, 100);
        }
        assert_eq!(take(&directory(&books), 100, 1).await, 0);
    }
}

#[tokio::test]
async fn a_window_is_forgotten_an_hour_later() {
    let books = Harness::start().await;
    take(&directory(&books), 10, 4).await;
    let items = books.client.scan().table_name(&books.names.state).send().await.unwrap();
    let ttl: i64 = items.items()[0]["ttl"].as_n().unwrap().parse().unwrap();
    assert_eq!(ttl, later(3_600).as_second());
}

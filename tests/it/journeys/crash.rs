//! Processes killed in the middle of calls: every credit is accounted for afterwards.

use http_body_util::BodyExt as _;
use local::Storage;

use super::town::Town;
use crate::harness::account;

/// Opens streams that hang in the middle and waits until each has sent its first words.
async fn streams_midway(town: &Town, count: usize) -> Vec<http::Response<hyper::body::Incoming>> {
    let opened = (0..count).map(|_| town.client.stream("stand-in-stalls-midway"));
    let mut streams = futures_util::future::join_all(opened).await;
    for stream in &mut streams {
        stream.body_mut().frame().await.unwrap().unwrap();
    }
    streams
}

#[tokio::test]
async fn functions_killed_midway_give_back_what_they_held_once_it_expires() {
    let town = Town::start().await;
    let streams = streams_midway(&town, 3).await;
    assert_eq!(town.store.balance(&account("user_1")).await.unwrap().unwrap().available.get(), 97);
    town.stack.kill_functions().await;
    drop(streams);
    town.expire_holds().await;
    assert_eq!(town.books_of("user_1").await, 100);
    town.expire_holds().await;
    assert_eq!(town.books_of("user_1").await, 100, "expiring again gives nothing back twice");
    assert_eq!(town.client.chat("gpt-4o-mini").await.status, 200, "started again");
}

#[tokio::test]
async fn a_stack_killed_midway_and_started_again_on_its_file_accounts_for_every_credit() {
    let first = Town::with(|options| {
        options.storage = Storage::File(options.logs.with_file_name("saldo.db"));
    })
    .await;
    let folder = first.folder();
    for _ in 0..3 {
        assert_eq!(first.client.chat("gpt-4o-mini").await.status, 200);
    }
    let streams = streams_midway(&first, 4).await;
    first.stack.kill_functions().await;
    drop(streams);
    // Dropping a stack kills its functions and closes everything without a word to anyone.
    drop(first);
    let again = Town::in_folder(folder, |options| {
        options.storage = Storage::File(options.logs.with_file_name("saldo.db"));
    })
    .await;
    again.expire_holds().await;
    assert_eq!(again.books_of("user_1").await, 97);
    assert_eq!(again.count(&account("user_1"), "outcome").await, 7);
}

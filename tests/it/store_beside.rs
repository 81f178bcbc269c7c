//! What a cold command commits beside its movement: a record that is there exactly where the entry
//! is, and the turn to tell the identity provider.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use ledger::{
    AccountId, Rejection,
    command::{Action, Adjustment, Command},
};
use ledger_dynamodb::{Beside, Item, Receipt, StoreError, Submitted, Turn, key};
use local::fault::{Fault, Rule};
use ulid::Ulid;

use crate::{
    harness::{Harness, admin, credits, later, now},
    store::rejection,
};

const RECORDS: &str = "RECORDS";

fn by(amount: i64) -> Action {
    let adjustment = Adjustment::By(credits(amount));
    Action::Adjust { adjustment, reason: None, key: None }
}

/// A record of what a command did, under the command's own name.
fn record(id: Ulid) -> impl Fn(&Receipt) -> Item + Send + Sync {
    move |receipt| {
        let moved = receipt.entry.as_ref().map_or(0, |entry| entry.amount.get());
        let entry = receipt.entry.as_ref().map_or_else(String::new, |entry| entry.id.to_string());
        let texts = [("pk", RECORDS.to_owned()), ("sk", id.to_string()), ("entry", entry)];
        let mut item: Item =
            texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).into();
        item.insert("moved".to_owned(), AttributeValue::N(moved.to_string()));
        item
    }
}

async fn submit(
    books: &Harness,
    user: &AccountId,
    (id, action): (Ulid, Action),
    at: Timestamp,
) -> Result<Submitted, StoreError> {
    let command = Command { id, actor: admin(), action };
    let record = record(id);
    let beside = Beside { record: Some(&record), projection: true };
    books.store.submit_beside(user, &command, at, beside).await
}

/// The records there are: by name, what moved and by which entry.
async fn records(books: &Harness) -> BTreeMap<String, (i64, String)> {
    let found = books
        .client
        .query()
        .table_name(&books.names.state)
        .consistent_read(true)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(RECORDS.to_owned()))
        .send()
        .await
        .unwrap();
    let text = |item: &Item, name: &str| item[name].as_s().unwrap().clone();
    let moved = |item: &Item| item["moved"].as_n().unwrap().parse().unwrap();
    found
        .items()
        .iter()
        .map(|item| (text(item, "sk"), (moved(item), text(item, "entry"))))
        .collect()
}

#[tokio::test]
async fn an_adjustment_with_its_record_and_its_turn_is_one_read_and_one_transaction() {
    let (books, user) = Harness::opened(30).await;
    books.front.reset();
    books.front.count_capacity(true);
    let id = startup::new_ulid(now());
    let submitted = submit(&books, &user, (id, by(-10)), now()).await.unwrap();
    assert_eq!(books.operations(), ["TransactGetItems", "TransactWriteItems"]);
    let calls = books.front.calls();
    // Balance, buckets, entry, record and turn, two units each.
    assert_eq!((calls[1].items, calls[1].capacity_write), (5, 10));
    assert!(submitted.recorded);
    assert_eq!(submitted.turn, Turn::Taken);
    assert_eq!(submitted.receipt.account.balance.available, credits(20));
    let entry = submitted.receipt.entry.unwrap();
    let expected = BTreeMap::from([(id.to_string(), (-10, entry.id.to_string()))]);
    assert_eq!(records(&books).await, expected);
    assert_eq!(books.available(&user).await, 20);
    let projection = books.store.projection(&user).await.unwrap().unwrap();
    let revision = submitted.receipt.account.balance.revision;
    assert_eq!(projection.attempted, Some(revision));
    assert_eq!(projection.turn_until, Some(later(3)));
}

#[tokio::test]
async fn what_moves_nothing_or_is_refused_leaves_no_record_and_takes_no_turn() {
    let (books, user) = Harness::opened(30).await;
    let name = || startup::new_ulid(now());
    let refused = submit(&books, &user, (name(), by(-31)), now()).await;
    let short = Rejection::InsufficientCredits { required: credits(31), available: credits(30) };
    assert_eq!(rejection(refused), short);
    let nothing = submit(&books, &user, (name(), by(0)), now()).await.unwrap();
    assert_eq!((nothing.recorded, nothing.turn), (false, Turn::NotAsked));
    assert!(!nothing.receipt.replayed);
    let again = name();
    submit(&books, &user, (again, by(-1)), now()).await.unwrap();
    let replayed = submit(&books, &user, (again, by(-1)), later(9)).await.unwrap();
    assert_eq!((replayed.recorded, replayed.turn), (false, Turn::NotAsked));
    assert!(replayed.receipt.replayed);
    assert_eq!(records(&books).await.into_keys().collect::<Vec<_>>(), [again.to_string()]);
}

#[tokio::test]
async fn adjustments_close_together_take_one_turn_between_them() {
    let (books, user) = Harness::opened(30).await;
    let mut turns = Vec::new();
    let mut wanted = 0;
    for second in [0, 1, 2, 3, 4] {
        let id = startup::new_ulid(later(second));
        let submitted = submit(&books, &user, (id, by(1)), later(second)).await.unwrap();
        turns.push(submitted.turn);
        wanted = submitted.receipt.account.balance.revision;
    }
    let (first, second) = (Turn::NotBefore(later(3)), Turn::NotBefore(later(6)));
    assert_eq!(turns, [Turn::Taken, first, first, Turn::Taken, second]);
    let projection = books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!(projection.wanted, Some(wanted));
    assert_eq!(projection.attempted, Some(wanted - 1));
}

#[tokio::test]
async fn a_record_never_takes_the_place_of_an_item() {
    let (books, user) = Harness::opened(30).await;
    let balance = |_: &Receipt| -> Item {
        [
            ("pk", key::account(&crate::harness::account("user_1"))),
            ("sk", "SUBSCRIPTION#1".to_owned()),
        ]
        .map(|(name, text)| (name.to_owned(), AttributeValue::S(text)))
        .into()
    };
    let there = balance(&books.submit(&user, by(1)).await.unwrap());
    let put = books.client.put_item().table_name(&books.names.state).set_item(Some(there));
    put.send().await.unwrap();
    let command = Command { id: startup::new_ulid(now()), actor: admin(), action: by(5) };
    let beside = Beside { record: Some(&balance), projection: false };
    let refused = books.store.submit_beside(&user, &command, now(), beside).await;
    assert_eq!(rejection(refused), Rejection::Busy);
    assert_eq!(books.available(&user).await, 31);
}

/// Two processes at one command, each with a record of its own, and most replies lost: one
/// record is there, and only who put it says so.
#[tokio::test]
async fn only_the_process_whose_record_is_there_says_that_it_is() {
    for seed in 0..12 {
        let books = Harness::seeded(seed).await;
        let user = crate::harness::account("user_1");
        books.open(&user, 30).await;
        books.front.rules([Rule::of("TransactWriteItems", Fault::LostReply, 850)]);
        let id = startup::new_ulid(now());
        let command = Command { id, actor: admin(), action: by(-10) };
        let names = [1, 2].map(|second| startup::new_ulid(later(second)));
        let records_of = names.map(record);
        let submit = |index: usize| {
            let beside = Beside { record: Some(&records_of[index]), projection: false };
            books.store.submit_beside(&user, &command, now(), beside)
        };
        let (left, right) = tokio::join!(submit(0), submit(1));
        books.front.reset();
        let there = records(&books).await;
        assert!(there.len() <= 1);
        for (result, name) in [left, right].into_iter().zip(names) {
            if let Ok(submitted) = result {
                let is_there = there.contains_key(&name.to_string());
                assert_eq!(submitted.recorded, is_there, "seed {seed}");
                assert_eq!(submitted.receipt.replayed, !is_there, "seed {seed}");
            }
        }
    }
}

/// Adjusts 40 times while replies, requests or transactions are lost, and then looks: each entry
/// has its record, each record its entry, and each request knows which of them were its own.
async fn adjust_while(fault: Fault) {
    let (books, user) = Harness::opened(1_000).await;
    books.front.rules([Rule::any(fault, 500)]);
    let mut done = BTreeMap::new();
    for step in 0..40 {
        let id = startup::new_ulid(later(step));
        match submit(&books, &user, (id, by(-1)), later(step)).await {
            Ok(submitted) => {
                assert!(submitted.recorded, "{fault:?}");
                assert!(!submitted.receipt.replayed, "{fault:?}");
                assert_ne!(submitted.turn, Turn::NotAsked, "{fault:?}");
                let entry = submitted.receipt.entry.unwrap();
                done.insert(id.to_string(), (-1, entry.id.to_string()));
            }
            // Not known, or not done: the same request again would tell.
            Err(StoreError::Unavailable(_) | StoreError::Rejected(Rejection::Busy)) => {}
            Err(error) => panic!("{}", startup::error_chain(&error)),
        }
    }
    books.front.reset();
    let records = records(&books).await;
    let history = books.store.history(&user, 100, None).await.unwrap();
    let entries: BTreeMap<_, _> = history
        .entries
        .iter()
        .filter(|entry| entry.amount == credits(-1))
        .map(|entry| (entry.id.to_string(), (-1, entry.id.to_string())))
        .collect();
    assert_eq!(records, entries, "{fault:?}");
    assert!(done.iter().all(|(id, said)| records.get(id) == Some(said)), "{fault:?}");
    let moved = i64::try_from(records.len()).unwrap();
    assert!(moved > 10, "{fault:?}: {moved}");
    assert_eq!(books.available_at(&user, later(60)).await, 1_000 - moved);
}

#[tokio::test]
async fn a_record_is_committed_with_its_entry_or_not_at_all_with_half_of_all_replies_lost() {
    adjust_while(Fault::LostReply).await;
}

#[tokio::test]
async fn a_record_is_committed_with_its_entry_or_not_at_all_with_half_of_all_requests_failing() {
    adjust_while(Fault::ServerError).await;
}

#[tokio::test]
async fn a_record_is_committed_with_its_entry_or_not_at_all_with_half_of_all_writes_in_conflict() {
    adjust_while(Fault::Conflict).await;
}

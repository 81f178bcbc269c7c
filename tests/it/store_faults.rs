//! The store when the table loses replies, conflicts, throttles, fails and stays away.

use std::time::Duration;

use ledger::{Credits, Rejection, hold::Ending};
use ledger_dynamodb::StoreError;
use local::fault::{Fault, Rule};

use crate::harness::{Harness, account, credits, end, grant, hold, later, now, settled};

/// What can be lost or refused on the way without anyone noticing but by the time it takes.
const PASSING: [Fault; 5] =
    [Fault::LostReply, Fault::LostRequest, Fault::ServerError, Fault::Throttle, Fault::Conflict];

#[tokio::test]
async fn every_write_survives_each_fault_and_is_applied_once() {
    for fault in PASSING {
        let (books, user) = Harness::opened(100).await;
        let (part, full) = (hold(&user, 10), hold(&user, 5));
        // More often than the SDK tries by itself, so that our own retries are what saves it.
        let twice_over = if fault == Fault::Conflict { 2 } else { 4 };
        books.front.next_n(twice_over, "TransactWriteItems", fault);
        books.store.hold(&part, Credits::ZERO).await.unwrap();
        books.store.hold(&full, Credits::ZERO).await.unwrap();
        books.front.next_n(twice_over, "TransactWriteItems", fault);
        assert_eq!(books.store.end(&part, &settled(4)).await.unwrap().charged, credits(4));
        books.front.next_n(twice_over, "PutItem", fault);
        assert_eq!(books.store.end(&full, &settled(5)).await.unwrap().charged, credits(5));
        books.front.next_n(twice_over, "TransactWriteItems", fault);
        books.submit(&user, grant(9, None)).await.unwrap();
        assert_eq!(books.available(&user).await, 100, "{fault:?}");
        let kinds = ["grant", "hold", "outcome", "hold", "outcome", "grant"];
        let mut found = books.kinds(&user).await;
        found.sort_unstable();
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        assert_eq!(found, kinds, "{fault:?}");
    }
}

#[tokio::test]
async fn a_late_charge_survives_each_fault_and_is_applied_once() {
    for fault in PASSING {
        let (books, user) = Harness::opened(100).await;
        let hold = hold(&user, 10);
        books.store.hold(&hold, Credits::ZERO).await.unwrap();
        books.store.end(&hold, &end(Ending::Expired, later(1200))).await.unwrap();
        let late = end(Ending::Settled { charged: credits(10) }, later(1201));
        books.front.next_n(3, "TransactWriteItems", fault);
        let ended = books.store.end(&hold, &late).await.unwrap();
        assert_eq!((ended.charged, ended.late), (credits(10), true), "{fault:?}");
        assert_eq!(books.available(&user).await, 90, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_which_the_answer_was_lost_is_a_refusal_still() {
    let (books, user) = Harness::opened(1).await;
    books.front.next_n(4, "TransactWriteItems", Fault::LostReply);
    let refused = books.store.hold(&hold(&user, 2), Credits::ZERO).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Rejected(rejection) if rejection.code() == "insufficient_credits")
    );
    assert_eq!(books.available(&user).await, 1);
}

#[tokio::test]
async fn a_table_that_stays_away_is_unavailable_and_not_a_wrong_answer() {
    let (books, user) = Harness::opened(1).await;
    books.front.down(true);
    let error = books.store.hold(&hold(&user, 1), Credits::ZERO).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    books.front.down(false);
    assert_eq!(books.available(&user).await, 1);
}

#[tokio::test]
async fn an_account_hotter_than_its_balance_is_rate_limited_after_nine_attempts() {
    let (books, user) = Harness::opened(1).await;
    books.front.reset();
    books.front.rules([Rule::of("TransactWriteItems", Fault::Conflict, 1000)]);
    let error = books.store.hold(&hold(&user, 1), Credits::ZERO).await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected(Rejection::RateLimited)), "{error:?}");
    assert_eq!(books.operations().len(), 9);
    books.front.reset();
    assert_eq!(books.available(&user).await, 1);
}

/// 64 clients, 20 calls each, 500 credits: exactly 500 are sold, whatever the table does.
async fn sell_500(rules: &[Rule]) {
    let books = Harness::seeded(64).await;
    // What is asked here is whether the count is right, not how soon: a busy machine must not
    // turn a slow answer into a refused one.
    let store = books.store.clone().patient(Duration::from_mins(1));
    let user = account("user_1");
    books.open(&user, 500).await;
    books.front.rules(rules);
    let clients = (0..64).map(|_| {
        let (store, user) = (store.clone(), user.clone());
        tokio::spawn(async move {
            let mut sold = 0;
            for _ in 0..20 {
                let hold = hold(&user, 1);
                match store.hold(&hold, Credits::ZERO).await {
                    Ok(()) => {
                        store.end(&hold, &settled(1)).await.unwrap();
                        sold += 1;
                    }
                    Err(StoreError::Rejected(rejection)) => {
                        assert_eq!(rejection.code(), "insufficient_credits");
                    }
                    Err(error) => panic!("{}", startup::error_chain(&error)),
                }
            }
            sold
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut sold = 0;
    for client in clients {
        sold += client.await.unwrap();
    }
    books.front.reset();
    assert_eq!(sold, 500);
    assert_eq!(books.available_at(&user, now()).await, 0);
}

#[tokio::test]
async fn sixty_four_clients_buy_exactly_what_there_is() {
    sell_500(&[]).await;
}

#[tokio::test]
async fn sixty_four_clients_buy_exactly_what_there_is_with_half_of_all_replies_lost() {
    sell_500(&[Rule::any(Fault::LostReply, 500)]).await;
}

#[tokio::test]
async fn sixty_four_clients_buy_exactly_what_there_is_with_a_fifth_of_transactions_in_conflict() {
    sell_500(&[Rule::of("TransactWriteItems", Fault::Conflict, 200)]).await;
}

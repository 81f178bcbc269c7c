//! The hot path on a real table: holds, outcomes, late charges, what they cost and what they
//! refuse.

use ledger::{Credits, Rejection, balance::FreezeReason, command::Action, hold::Ending};
use ledger_dynamodb::{Ended, StoreError};

use crate::harness::{
    Harness, account, credits, end, expired, hold, hold_at, later, released, settled,
};

pub(crate) const SIGNUP: Credits = Credits::ZERO;

pub(crate) fn rejection<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Rejection {
    match result {
        Err(StoreError::Rejected(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_fixed_price_call_costs_one_write_before_one_after_and_six_units() {
    let (books, user) = Harness::opened(10).await;
    books.front.reset();
    books.front.count_capacity(true);
    let hold = hold(&user, 1);
    books.store.hold(&hold, SIGNUP).await.unwrap();
    books.store.end(&hold, &settled(1)).await.unwrap();
    assert_eq!(books.operations(), ["TransactWriteItems", "PutItem"]);
    let units: Vec<_> = books.front.calls().iter().map(|call| call.capacity_write).collect();
    assert_eq!(units, [5, 1]);
    books.front.reset();
    books.store.balance(&user).await.unwrap();
    let read = books.front.calls();
    assert_eq!((read[0].operation.as_str(), read[0].capacity_read_halves), ("GetItem", 1));
    assert_eq!(books.available(&user).await, 9);
}

#[tokio::test]
async fn a_refused_call_is_one_round_trip_with_the_numbers() {
    let (books, user) = Harness::opened(3).await;
    books.front.reset();
    let refused = rejection(books.store.hold(&hold(&user, 4), SIGNUP).await);
    let numbers = Rejection::InsufficientCredits { required: credits(4), available: credits(3) };
    assert_eq!(refused, numbers);
    assert_eq!(books.operations(), ["TransactWriteItems"]);
    assert_eq!(books.kinds(&user).await, ["grant"]);
}

#[tokio::test]
async fn the_first_call_of_an_account_opens_it_with_the_signup_grant_once() {
    let books = Harness::start().await;
    let user = account("user_new");
    let (first, second) = (hold(&user, 1), hold(&user, 1));
    let (left, right) =
        tokio::join!(books.store.hold(&first, credits(5)), books.store.hold(&second, credits(5)),);
    left.unwrap();
    right.unwrap();
    assert_eq!(books.available(&user).await, 3);
    let mut kinds = books.kinds(&user).await;
    kinds.sort_unstable();
    assert_eq!(kinds, ["grant", "hold", "hold"]);
}

#[tokio::test]
async fn an_account_opened_with_nothing_is_refused_and_stays_open() {
    let books = Harness::start().await;
    let user = account("user_new");
    let refused = rejection(books.store.hold(&hold(&user, 1), SIGNUP).await);
    assert_eq!(refused.code(), "insufficient_credits");
    assert_eq!(books.available(&user).await, 0);
    assert_eq!(books.kinds(&user).await, Vec::<&str>::new());
}

#[tokio::test]
async fn the_same_hold_again_moves_nothing() {
    let (books, user) = Harness::opened(1).await;
    let hold = hold(&user, 1);
    for _ in 0..3 {
        books.store.hold(&hold, SIGNUP).await.unwrap();
    }
    assert_eq!(books.available(&user).await, 0);
}

#[tokio::test]
async fn two_concurrent_calls_never_spend_the_same_last_credit() {
    let (books, user) = Harness::opened(1).await;
    let calls = (0..32).map(|_| {
        let (store, hold) = (books.store.clone(), hold(&user, 1));
        tokio::spawn(async move { store.hold(&hold, SIGNUP).await.is_ok() })
    });
    let calls: Vec<_> = calls.collect();
    let mut placed = 0;
    for call in calls {
        placed += i32::from(call.await.unwrap());
    }
    assert_eq!(placed, 1);
    assert_eq!(books.available(&user).await, 0);
}

#[tokio::test]
async fn what_was_not_delivered_is_given_back_once() {
    let (books, user) = Harness::opened(10).await;
    let hold = hold(&user, 7);
    books.store.hold(&hold, SIGNUP).await.unwrap();
    let nothing = Ended { charged: Credits::ZERO, late: false };
    for _ in 0..3 {
        assert_eq!(books.store.end(&hold, &released()).await.unwrap(), nothing);
    }
    assert_eq!(books.available(&user).await, 10);
    assert_eq!(rejection(books.store.end(&hold, &settled(7)).await).code(), "hold_ended");
    assert_eq!(rejection(books.store.end(&hold, &settled(3)).await).code(), "hold_ended");
    assert_eq!(books.available(&user).await, 10);
}

#[tokio::test]
async fn a_call_is_settled_once_at_the_first_amount() {
    let (books, user) = Harness::opened(10).await;
    let hold = hold(&user, 7);
    books.store.hold(&hold, SIGNUP).await.unwrap();
    for asked in [2, 7, 0] {
        let ended = books.store.end(&hold, &settled(asked)).await.unwrap();
        assert_eq!(ended, Ended { charged: credits(2), late: false });
    }
    assert_eq!(rejection(books.store.end(&hold, &released()).await).code(), "hold_ended");
    assert_eq!(books.available(&user).await, 8);
}

#[tokio::test]
async fn a_charge_outside_what_was_held_is_refused() {
    let (books, user) = Harness::opened(10).await;
    let hold = hold(&user, 7);
    books.store.hold(&hold, SIGNUP).await.unwrap();
    for asked in [-1, 8] {
        let refused = rejection(books.store.end(&hold, &settled(asked)).await);
        assert_eq!(refused.code(), "charge_outside_hold");
    }
    assert_eq!(books.available(&user).await, 3);
}

#[tokio::test]
async fn a_hold_whose_commit_was_never_seen_gives_nothing_back() {
    let (books, user) = Harness::opened(10).await;
    assert_eq!(rejection(books.store.end(&hold(&user, 7), &released()).await), Rejection::NoHold);
    assert_eq!(books.available(&user).await, 10);
    assert_eq!(books.kinds(&user).await, ["grant"]);
}

#[tokio::test]
async fn a_late_settle_is_charged_once_and_never_refunded_twice() {
    let (books, user) = Harness::opened(10).await;
    let hold = hold(&user, 7);
    books.store.hold(&hold, SIGNUP).await.unwrap();
    books.store.end(&hold, &expired()).await.unwrap();
    assert_eq!(books.available(&user).await, 10);
    for asked in [5, 7] {
        let late = end(Ending::Settled { charged: credits(asked) }, later(1300));
        let ended = books.store.end(&hold, &late).await.unwrap();
        assert_eq!(ended, Ended { charged: credits(5), late: true });
    }
    books.store.end(&hold, &expired()).await.unwrap();
    assert_eq!(books.available(&user).await, 5);
    assert_eq!(books.kinds(&user).await, ["grant", "hold", "outcome", "charge"]);
}

#[tokio::test]
async fn a_late_settle_at_nothing_stands_as_the_first_answer() {
    let (books, user) = Harness::opened(10).await;
    let hold = hold(&user, 7);
    books.store.hold(&hold, SIGNUP).await.unwrap();
    books.store.end(&hold, &expired()).await.unwrap();
    for asked in [0, 7] {
        let late = end(Ending::Settled { charged: credits(asked) }, later(1300));
        let ended = books.store.end(&hold, &late).await.unwrap();
        assert_eq!(ended, Ended { charged: Credits::ZERO, late: true });
    }
    assert_eq!(books.available(&user).await, 10);
}

#[tokio::test]
async fn a_late_charge_may_leave_a_debt_of_at_most_what_was_held() {
    let (books, user) = Harness::opened(10).await;
    let first = hold(&user, 7);
    books.store.hold(&first, SIGNUP).await.unwrap();
    books.store.end(&first, &expired()).await.unwrap();
    books.store.hold(&hold_at(&user, 10, later(1201)), SIGNUP).await.unwrap();
    books
        .store
        .end(&first, &end(Ending::Settled { charged: credits(7) }, later(1202)))
        .await
        .unwrap();
    assert_eq!(books.available(&user).await, -7);
    let refused = rejection(books.store.hold(&hold(&user, 0), SIGNUP).await);
    assert_eq!(refused.code(), "insufficient_credits");
}

#[tokio::test]
async fn a_sweeper_and_a_settle_at_once_leave_one_outcome() {
    let (books, user) = Harness::opened(100).await;
    for _ in 0..20 {
        let hold = hold(&user, 5);
        books.store.hold(&hold, SIGNUP).await.unwrap();
        let (expiry, settle) = (expired(), settled(3));
        let (swept, ended) =
            tokio::join!(books.store.end(&hold, &expiry), books.store.end(&hold, &settle));
        assert_eq!(ended.unwrap().charged, credits(3));
        swept.unwrap();
    }
    assert_eq!(books.available(&user).await, 40);
}

#[tokio::test]
async fn a_frozen_account_places_no_holds_and_still_ends_them() {
    let (books, user) = Harness::opened(10).await;
    let open = hold(&user, 4);
    books.store.hold(&open, SIGNUP).await.unwrap();
    books.submit(&user, Action::Freeze(FreezeReason::Dispute)).await.unwrap();
    books.submit(&user, Action::Freeze(FreezeReason::Admin)).await.unwrap();
    let refused = rejection(books.store.hold(&hold(&user, 1), SIGNUP).await);
    let reasons = [FreezeReason::Dispute, FreezeReason::Admin].into();
    assert_eq!(refused, Rejection::AccountFrozen { reasons });
    books.store.end(&open, &released()).await.unwrap();
    books.submit(&user, Action::Unfreeze(FreezeReason::Dispute)).await.unwrap();
    assert_eq!(rejection(books.store.hold(&hold(&user, 1), SIGNUP).await).code(), "account_frozen");
    books.submit(&user, Action::Unfreeze(FreezeReason::Admin)).await.unwrap();
    books.store.hold(&hold(&user, 10), SIGNUP).await.unwrap();
    assert_eq!(books.available(&user).await, 0);
}

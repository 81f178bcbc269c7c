//! Answers kept for a key, where its hold stands, and what a keyed call costs.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use ledger::{
    Credits, Rejection,
    hold::{Ending, Hold},
};
use ledger_dynamodb::{ANSWER_BYTES_MAX, CLAIM_LIFE, Claimed, Fate, StoreError, StoredAnswer};
use local::fault::Fault;

use crate::{
    harness::{
        Harness, account, credits, end, expired, hold, hold_at, later, now, released, settled,
    },
    store::{SIGNUP, rejection},
    store_claims::{answer, claim, found, key, over, placed},
};

#[tokio::test]
async fn the_answer_of_a_hold_is_kept_for_whoever_asks_again() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    let bytes: Vec<u8> = (0..ANSWER_BYTES_MAX).map(|at| u8::try_from(at % 256).unwrap()).collect();
    let kept = StoredAnswer {
        status: 207,
        content_type: "text/event-stream; charset=utf-8".to_owned(),
        body: bytes.into(),
    };
    assert!(books.store.keep_answer(&key(1), first.id, &kept).await.unwrap());
    let again = hold(&user, 4);
    let found = found(books.store.hold_claimed(&again, SIGNUP, &claim(&again)).await);
    assert_eq!(found.hold, first.id);
    assert_eq!(found.answer.as_ref(), Some(&kept));
    for kept in [answer(""), answer("{}")] {
        assert!(books.store.keep_answer(&key(1), first.id, &kept).await.unwrap());
        let read = books.store.kept_answer(&key(1), first.id).await.unwrap();
        assert_eq!(read, Some(kept));
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_sent() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    books.front.reset();
    let large = answer(vec![b'x'; ANSWER_BYTES_MAX + 1]);
    let error = books.store.keep_answer(&key(1), first.id, &large).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(books.operations(), [""; 0]);
}

#[tokio::test]
async fn the_answer_of_a_hold_whose_claim_was_taken_over_is_not_given_again() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    books.store.end(&first, &expired()).await.unwrap();
    let second = hold_at(&user, 4, later(1300));
    let claimed = books.store.hold_claimed(&second, SIGNUP, &over(&second, first.id)).await;
    assert_eq!(claimed.unwrap(), Claimed::Placed);
    assert!(!books.store.keep_answer(&key(1), first.id, &answer("first")).await.unwrap());
    assert!(!books.store.keep_answer(&key(2), first.id, &answer("no claim")).await.unwrap());
    assert!(books.store.keep_answer(&key(1), second.id, &answer("second")).await.unwrap());
    let again = hold_at(&user, 4, later(1300));
    let found = found(books.store.hold_claimed(&again, SIGNUP, &claim(&again)).await);
    assert_eq!((found.hold, found.answer), (second.id, Some(answer("second"))));
}

#[tokio::test]
async fn keeping_an_answer_survives_each_fault() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    for fault in [Fault::LostReply, Fault::LostRequest, Fault::ServerError, Fault::Throttle] {
        books.front.next_n(4, "PutItem", fault);
        books.front.next_n(4, "GetItem", fault);
        let kept = answer(format!("{fault:?}"));
        assert!(books.store.keep_answer(&key(1), first.id, &kept).await.unwrap());
        assert_eq!(books.store.kept_answer(&key(1), first.id).await.unwrap(), Some(kept));
    }
}

#[tokio::test]
async fn a_hold_is_open_settled_released_expired_or_charged_late() {
    let (books, user) = Harness::opened(50).await;
    let fate = |hold: &Hold| {
        let (store, user, id) = (books.store.clone(), user.clone(), hold.id);
        async move { store.fate(&user, id).await.unwrap() }
    };
    let holds = [7, 7, 7, 7, 7, 7].map(|amount| hold(&user, amount));
    for hold in &holds {
        books.store.hold(hold, SIGNUP).await.unwrap();
        assert_eq!(fate(hold).await, Fate::Open);
    }
    let [open, partly, whole, given_back, gone, late] = &holds;
    books.store.end(partly, &settled(3)).await.unwrap();
    books.store.end(whole, &settled(7)).await.unwrap();
    books.store.end(given_back, &released()).await.unwrap();
    books.store.end(gone, &expired()).await.unwrap();
    books.store.end(late, &expired()).await.unwrap();
    assert_eq!(fate(late).await, Fate::Expired);
    let settle = |charged| end(Ending::Settled { charged: credits(charged) }, later(1300));
    books.store.end(late, &settle(5)).await.unwrap();
    assert_eq!(fate(open).await, Fate::Open);
    assert_eq!(fate(partly).await, Fate::Settled { charged: credits(3) });
    assert_eq!(fate(whole).await, Fate::Settled { charged: credits(7) });
    assert_eq!(fate(given_back).await, Fate::Released);
    assert_eq!(fate(gone).await, Fate::Expired);
    assert_eq!(fate(late).await, Fate::ChargedLate { charged: credits(5) });
    books.store.end(gone, &settle(0)).await.unwrap();
    assert_eq!(fate(gone).await, Fate::ChargedLate { charged: Credits::ZERO });
    let unknown = hold(&user, 1);
    assert_eq!(rejection(books.store.fate(&user, unknown.id).await), Rejection::NoHold);
    let other = account("user_2");
    assert_eq!(rejection(books.store.fate(&other, open.id).await), Rejection::NoHold);
}

/// The items of the key 1, by their sort keys.
async fn items(books: &Harness) -> HashMap<String, HashMap<String, AttributeValue>> {
    let request = books.client.query().table_name(&books.names.state);
    let request = request
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(key(1).to_string()));
    let items = request.send().await.unwrap().items.unwrap_or_default();
    items.into_iter().map(|item| (item["sk"].as_s().unwrap().clone(), item)).collect()
}

#[tokio::test]
async fn claims_and_answers_leave_by_themselves_and_an_answer_not_before_its_claim() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    books.store.keep_answer(&key(1), first.id, &answer("{}")).await.unwrap();
    let items = items(&books).await;
    assert_eq!(items.len(), 2);
    let ttl = |sk: &str| -> i64 { items[sk]["ttl"].as_n().unwrap().parse().unwrap() };
    let ends: Timestamp = now().checked_add(CLAIM_LIFE).unwrap();
    assert_eq!(ttl("ONLY"), ends.as_second());
    assert_eq!(ttl(&format!("ANSWER#{}", first.id)), ends.as_second() + 3_600);
    let claim = &items["ONLY"];
    assert_eq!(claim["pk"].as_s().unwrap(), &format!("CLAIM#{}", "01".repeat(32)));
    let mut names: Vec<_> = claim.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["account", "expires_at", "fingerprint", "hold", "pk", "sk", "ttl"]);
}

#[tokio::test]
async fn what_a_keyed_call_costs_in_requests_and_units() {
    let (books, user) = Harness::opened(10).await;
    books.front.reset();
    books.front.count_capacity(true);
    let spent = || {
        let calls = books.front.calls();
        books.front.reset();
        let units = |call: &local::fault::Call| {
            (call.operation.clone(), call.capacity_write, call.capacity_read_halves)
        };
        calls.iter().map(units).collect::<Vec<_>>()
    };
    let cost = |operation: &str, writes, halves| (operation.to_owned(), writes, halves);
    let first = placed(&books, &user, 4).await;
    assert_eq!(spent(), [cost("TransactWriteItems", 7, 0)]);
    books.store.keep_answer(&key(1), first.id, &answer(vec![b'x'; 3_000])).await.unwrap();
    let mut kept = spent();
    kept.sort();
    assert_eq!(kept, [cost("GetItem", 0, 2), cost("PutItem", 4, 0)]);
    let again = hold(&user, 4);
    found(books.store.hold_claimed(&again, SIGNUP, &claim(&again)).await);
    let replayed = spent();
    let operations: Vec<_> = replayed.iter().map(|(operation, ..)| operation.as_str()).collect();
    assert_eq!(operations, ["TransactWriteItems", "GetItem"]);
    assert_eq!(replayed[1], cost("GetItem", 0, 2));
    books.store.fate(&user, first.id).await.unwrap();
    assert_eq!(spent(), [cost("Query", 0, 2)]);
    books.store.end(&first, &expired()).await.unwrap();
    spent();
    books.store.fate(&user, first.id).await.unwrap();
    assert_eq!(spent(), [cost("Query", 0, 2), cost("GetItem", 0, 2)]);
}

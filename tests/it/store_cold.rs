//! Cold commands on a real table: grants once, adjustments under use, refunds and claw-backs
//! within their limits, and what `verify` says of books that were tampered with.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    Credits, Rejection,
    bucket::Source,
    command::{Action, Adjustment, Command, Grant, Reversal},
    entry::GrantKey,
    invariant::Violation,
};
use ledger_dynamodb::{StoreError, key};

use crate::harness::{Harness, account, admin, credits, grant, hold, settled, ulid};
use crate::store::rejection;

fn fact(key: &str, amount: i64) -> Action {
    Action::Grant(Grant {
        key: Some(key.parse().unwrap()),
        source: Source::Pack,
        amount: credits(amount),
        expires_at: None,
        note: None,
    })
}

#[tokio::test]
async fn one_fact_arriving_many_times_at_once_is_granted_once() {
    let (books, user) = Harness::opened(0).await;
    let results = futures_util::future::join_all(
        (0..10).map(|_| books.submit(&user, fact("manual:user_1:boleto-7", 50))),
    )
    .await;
    let fresh = results.iter().filter(|result| !result.as_ref().unwrap().replayed).count();
    assert_eq!(fresh, 1);
    assert_eq!(books.available(&user).await, 50);
    let entry = |index: usize| results[index].as_ref().unwrap().entry.clone().unwrap().id;
    assert!((1..10).all(|index| entry(index) == entry(0)));
}

#[tokio::test]
async fn a_grant_key_with_another_amount_or_account_is_a_conflict() {
    let books = Harness::start().await;
    let (one, two) = (account("user_1"), account("user_2"));
    books.open(&one, 0).await;
    books.open(&two, 0).await;
    books.submit(&one, fact("manual:x:1", 50)).await.unwrap();
    for (user, amount) in [(&one, 51), (&two, 50)] {
        let refused = rejection(books.submit(user, fact("manual:x:1", amount)).await);
        assert_eq!(refused, Rejection::GrantKeyConflict);
    }
    assert_eq!(books.available(&one).await, 50);
    assert_eq!(books.available(&two).await, 0);
}

#[tokio::test]
async fn the_same_command_again_is_done_once_even_if_it_could_not_be_done_twice() {
    let (books, user) = Harness::opened(30).await;
    let by = Adjustment::By(credits(-20));
    let action = Action::Adjust { adjustment: by, reason: None, key: None };
    let command = Command { id: ulid(), actor: admin(), action };
    let at = crate::harness::now();
    let first = books.store.submit(&user, &command, at).await.unwrap();
    let again = books.store.submit(&user, &command, at).await.unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.entry, again.entry);
    assert_eq!(books.available(&user).await, 10);
}

#[tokio::test]
async fn the_same_command_in_two_processes_at_once_is_done_once_and_answered_twice() {
    for _ in 0..20 {
        let (books, user) = Harness::opened(30).await;
        let by = Adjustment::By(credits(-20));
        let action = Action::Adjust { adjustment: by, reason: None, key: None };
        let command = Command { id: ulid(), actor: admin(), action };
        let (one, two) = (crate::harness::now(), crate::harness::later(1));
        let (left, right) = tokio::join!(
            books.store.submit(&user, &command, one),
            books.store.submit(&user, &command, two),
        );
        let (left, right) = (left.unwrap(), right.unwrap());
        assert_ne!(left.replayed, right.replayed);
        assert_eq!(left.entry, right.entry);
        assert_eq!(books.available(&user).await, 10);
    }
}

#[tokio::test]
async fn an_adjustment_is_not_lost_under_concurrent_use_and_says_what_moved() {
    let (books, user) = Harness::opened(1000).await;
    let calls = (0..60).map(|_| {
        let (store, hold) = (books.store.clone(), hold(&user, 2));
        tokio::spawn(async move {
            store.hold(&hold, Credits::ZERO).await.unwrap();
            store.end(&hold, &settled(1)).await.unwrap();
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut moved = 0;
    for target in [500, 800, 200, 900] {
        let to = Adjustment::To(credits(target));
        match books.submit(&user, Action::Adjust { adjustment: to, reason: None, key: None }).await
        {
            Ok(receipt) => moved += receipt.entry.map_or(0, |entry| entry.amount.get()),
            Err(error) => assert_eq!(rejection(Err::<(), _>(error)), Rejection::Busy),
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(books.available(&user).await, 1000 + moved - 60);
}

#[tokio::test]
async fn refunds_of_one_call_add_up_to_what_it_cost_and_no_more() {
    let (books, user) = Harness::opened(100).await;
    let call = hold(&user, 40);
    books.store.hold(&call, Credits::ZERO).await.unwrap();
    books.store.end(&call, &settled(30)).await.unwrap();
    let refund = |amount| Action::Refund {
        hold: call.id,
        amount: Some(credits(amount)),
        cost: credits(30),
        note: None,
        key: None,
    };
    let limit = Rejection::ReversalLimit { limit: credits(30) };
    assert_eq!(rejection(books.submit(&user, refund(31)).await), limit, "the first of all");
    books.submit(&user, refund(10)).await.unwrap();
    assert_eq!(rejection(books.submit(&user, refund(21)).await), limit);
    books.submit(&user, refund(20)).await.unwrap();
    assert_eq!(rejection(books.submit(&user, refund(1)).await), limit);
    assert_eq!(books.available(&user).await, 100);
}

#[tokio::test]
async fn a_refund_and_a_dispute_of_one_payment_share_one_limit() {
    let (books, user) = Harness::opened(0).await;
    let granted = books.submit(&user, fact("stripe:cs:1", 100)).await.unwrap();
    let bucket = granted.entry.map(|entry| match entry.id {
        ledger::EntryId::Own(ulid) => ulid,
        ledger::EntryId::Outcome(hold) => hold.0,
    });
    let reversal = |key: &str, amount| Reversal {
        key: key.parse::<GrantKey>().unwrap(),
        payment: "stripe:cs:1".to_owned(),
        bucket,
        amount: credits(amount),
        granted: credits(100),
    };
    books.submit(&user, Action::Clawback(reversal("stripe:re:1", 60))).await.unwrap();
    let again = books.submit(&user, Action::Clawback(reversal("stripe:re:1", 60))).await.unwrap();
    assert!(again.replayed);
    let refused = books.submit(&user, Action::Clawback(reversal("stripe:dp:1:w", 41))).await;
    assert_eq!(rejection(refused), Rejection::ReversalLimit { limit: credits(100) });
    books.submit(&user, Action::Clawback(reversal("stripe:dp:1:w", 40))).await.unwrap();
    let too_much = books.submit(&user, Action::Reinstate(reversal("stripe:dp:0:r", 101))).await;
    assert_eq!(rejection(too_much), Rejection::ReversalLimit { limit: credits(100) });
    books.submit(&user, Action::Reinstate(reversal("stripe:dp:1:r", 40))).await.unwrap();
    let again = books.submit(&user, Action::Reinstate(reversal("stripe:dp:2:r", 61))).await;
    assert_eq!(rejection(again), Rejection::ReversalLimit { limit: credits(100) });
    assert_eq!(books.available(&user).await, 40);
}

#[tokio::test]
async fn verify_finds_an_entry_that_was_changed_behind_its_back() {
    let (books, user) = Harness::opened(30).await;
    books.submit(&user, grant(5, None)).await.unwrap();
    let page = books.store.history(&user, 1, None).await.unwrap();
    books
        .client
        .update_item()
        .table_name(&books.names.ledger)
        .key("pk", AttributeValue::S(key::account(&user)))
        .key("sk", AttributeValue::S(key::entry(page.entries[0].id)))
        .update_expression("SET amount = :six")
        .expression_attribute_values(":six", AttributeValue::N("6".to_owned()))
        .send()
        .await
        .unwrap();
    let report = books.store.verify(&user, crate::harness::now()).await.unwrap();
    let sum = Violation::Sum { available: credits(35), sum: credits(36) };
    assert_eq!(report.violations, [sum]);
}

#[tokio::test]
async fn an_entry_of_an_unknown_kind_is_an_error_and_never_a_zero() {
    let (books, user) = Harness::opened(30).await;
    let entry = key::entry(ledger::EntryId::Own(ulid()));
    let item = [
        ("pk", AttributeValue::S(key::account(&user))),
        ("sk", AttributeValue::S(entry)),
        ("kind", AttributeValue::S("bonus".to_owned())),
        ("amount", AttributeValue::N("5".to_owned())),
        ("at", AttributeValue::N("0".to_owned())),
        ("actor", AttributeValue::S("system:test".to_owned())),
    ];
    let item = item.map(|(name, value)| (name.to_owned(), value)).into();
    let put = books.client.put_item().table_name(&books.names.ledger).set_item(Some(item));
    put.send().await.unwrap();
    let read = books.store.verify(&user, crate::harness::now()).await.unwrap_err();
    assert!(matches!(read, StoreError::Corrupt { .. }));
    let page = books.store.history(&user, 10, None).await.unwrap_err();
    let said = startup::error_chain(&page);
    assert!(said.contains("entry kind `bonus` is not known"), "{said}");
}

//! Adjustments and refunds under a caller's own key: done once, for ever, and answered the same.

use ledger::{
    Credits, Rejection,
    command::{Action, Adjustment},
    entry::GrantKey,
    hold::Hold,
};
use local::fault::{Fault, Rule};

use crate::{
    harness::{Harness, account, credits, hold, settled},
    store::rejection,
};

fn adjust(name: &str, adjustment: Adjustment) -> Action {
    let key = GrantKey::adjustment(&account("user_1"), name).unwrap();
    Action::Adjust { adjustment, reason: Some("by hand".to_owned()), key: Some(key) }
}

fn by(amount: i64) -> Adjustment {
    Adjustment::By(credits(amount))
}

fn refund(call: &Hold, amount: Option<i64>, cost: i64, name: &str) -> Action {
    let key = GrantKey::refund(&call.account, name).unwrap();
    let amount = amount.map(credits);
    Action::Refund { hold: call.id, amount, cost: credits(cost), note: None, key: Some(key) }
}

#[tokio::test]
async fn one_key_many_times_at_once_moves_once_and_is_answered_the_same() {
    let (books, user) = Harness::opened(30).await;
    let results =
        futures_util::future::join_all((0..10).map(|_| books.submit(&user, adjust("k", by(-20)))))
            .await;
    let receipts: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(receipts.iter().filter(|receipt| !receipt.replayed).count(), 1);
    assert!(receipts.iter().all(|receipt| receipt.entry == receipts[0].entry));
    assert_eq!(receipts[0].entry.as_ref().unwrap().amount, credits(-20));
    assert_eq!(books.available(&user).await, 10);
}

#[tokio::test]
async fn one_key_many_times_with_half_of_all_replies_lost_moves_once() {
    let (books, user) = Harness::opened(30).await;
    books.front.rules([Rule::any(Fault::LostReply, 500)]);
    for _ in 0..10 {
        drop(books.submit(&user, adjust("k", by(-20))).await);
    }
    books.front.reset();
    let receipt = books.submit(&user, adjust("k", by(-20))).await.unwrap();
    assert!(receipt.replayed);
    assert_eq!(books.available(&user).await, 10);
}

#[tokio::test]
async fn the_same_key_with_another_ask_is_a_conflict() {
    let (books, user) = Harness::opened(30).await;
    let first = adjust("k", Adjustment::ByAtMost(credits(-50)));
    let moved = books.submit(&user, first.clone()).await.unwrap();
    assert_eq!(moved.entry.unwrap().amount, credits(-30), "what moved, not what was asked");
    for other in
        [by(-30), by(-50), Adjustment::To(Credits::ZERO), Adjustment::ByAtMost(credits(-49))]
    {
        let refused = books.submit(&user, adjust("k", other)).await;
        assert_eq!(rejection(refused), Rejection::GrantKeyConflict, "{other:?}");
    }
    assert!(books.submit(&user, first).await.unwrap().replayed);
    assert_eq!(books.available(&user).await, 0);
}

#[tokio::test]
async fn an_adjustment_that_moved_nothing_is_done_and_moves_nothing_later() {
    let (books, user) = Harness::opened(30).await;
    let to_30 = || adjust("k", Adjustment::To(credits(30)));
    let first = books.submit(&user, to_30()).await.unwrap();
    assert_eq!((first.entry, first.replayed), (None, false));
    books.submit(&user, adjust("l", by(12))).await.unwrap();
    let again = books.submit(&user, to_30()).await.unwrap();
    assert_eq!((again.entry, again.replayed), (None, true));
    assert_eq!(books.available(&user).await, 42);
}

#[tokio::test]
async fn a_refused_key_is_free_for_another_try() {
    let (books, user) = Harness::opened(30).await;
    let short = rejection(books.submit(&user, adjust("k", by(-31))).await);
    assert_eq!(short.code(), "insufficient_credits");
    assert!(!books.submit(&user, adjust("k", by(-30))).await.unwrap().replayed);
    assert_eq!(books.available(&user).await, 0);
}

#[tokio::test]
async fn adjustments_sent_twice_under_use_stay_exact_and_each_entry_says_what_moved() {
    let (books, user) = Harness::opened(1_000).await;
    let calls = (0..60).map(|_| {
        let (store, hold) = (books.store.clone(), hold(&user, 2));
        tokio::spawn(async move {
            store.hold(&hold, Credits::ZERO).await.unwrap();
            store.end(&hold, &settled(1)).await.unwrap();
        })
    });
    let calls: Vec<_> = calls.collect();
    let asks = [
        Adjustment::To(credits(500)),
        by(-7),
        Adjustment::ByAtMost(credits(-9_000)),
        by(400),
        Adjustment::To(credits(900)),
    ];
    let mut moved = 0;
    for (index, ask) in asks.into_iter().enumerate() {
        let name = format!("k{index}");
        let results = tokio::join!(
            books.submit(&user, adjust(&name, ask)),
            books.submit(&user, adjust(&name, ask)),
        );
        let mut entries = Vec::new();
        for result in [results.0, results.1] {
            match result {
                Ok(receipt) => entries.push(receipt.entry),
                Err(error) => {
                    let refused = rejection(Err::<(), _>(error));
                    let legal = ["busy", "insufficient_credits"];
                    assert!(legal.contains(&refused.code()), "{refused}");
                }
            }
        }
        entries.dedup();
        assert!(entries.len() <= 1, "both are answered the same");
        moved += entries.into_iter().flatten().map(|entry| entry.amount.get()).sum::<i64>();
    }
    for call in calls {
        // A balance set to nothing may refuse a call, which is then not placed.
        drop(call.await);
    }
    let page = books.store.history(&user, 1_000, None).await.unwrap();
    let of = |kind: &str| {
        let entries = page.entries.iter().filter(move |it| it.cause.kind().as_str() == kind);
        entries.map(|entry| entry.amount.get()).sum::<i64>()
    };
    assert_eq!(of("adjustment"), moved, "no entry but what was answered");
    let spent = of("hold") + of("outcome");
    assert_eq!(books.available(&user).await, 1_000 + moved + spent);
}

#[tokio::test]
async fn a_refund_under_a_key_gives_back_once_whoever_else_gives_back() {
    let (books, user) = Harness::opened(100).await;
    let call = hold(&user, 40);
    books.store.hold(&call, Credits::ZERO).await.unwrap();
    books.store.end(&call, &settled(30)).await.unwrap();
    let part = || refund(&call, Some(10), 30, "part");
    books.submit(&user, part()).await.unwrap();
    assert!(books.submit(&user, part()).await.unwrap().replayed);
    let other = rejection(books.submit(&user, refund(&call, Some(11), 30, "part")).await);
    assert_eq!(other, Rejection::GrantKeyConflict);
    let rest = books.submit(&user, refund(&call, None, 30, "rest")).await.unwrap();
    assert_eq!(rest.entry.unwrap().amount, credits(20));
    assert!(books.submit(&user, refund(&call, None, 30, "rest")).await.unwrap().replayed);
    let more = rejection(books.submit(&user, refund(&call, None, 30, "more")).await);
    assert_eq!(more, Rejection::ReversalLimit { limit: credits(30) });
    assert_eq!(books.available(&user).await, 100);
}

#[tokio::test]
async fn many_refunds_of_all_that_is_left_at_once_give_back_what_the_call_cost() {
    let (books, user) = Harness::opened(100).await;
    let call = hold(&user, 40);
    books.store.hold(&call, Credits::ZERO).await.unwrap();
    books.store.end(&call, &settled(30)).await.unwrap();
    let names: Vec<_> = (0..6).map(|index| format!("r{index}")).collect();
    let ask = |name: &String| {
        let amount = name.ends_with('0').then_some(7);
        books.submit(&user, refund(&call, amount, 30, name))
    };
    let results = futures_util::future::join_all(names.iter().map(ask)).await;
    let given: i64 =
        results.into_iter().flatten().filter_map(|it| it.entry).map(|it| it.amount.get()).sum();
    assert_eq!(given, 30);
    assert_eq!(books.available(&user).await, 100);
    let refundable = books.store.refundable(&user, call.id).await.unwrap().unwrap();
    assert_eq!((refundable.cost, refundable.taken), (credits(30), credits(30)));
}

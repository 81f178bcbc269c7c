//! Plans by period on a real table: told by webhook, by bulk sync and by hand, in any order.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId, Credits, Rejection,
    bucket::Source,
    command::{Action, PlanGrant, RollOver},
    entry::GrantKey,
};
use ledger_dynamodb::key;
use local::fault::{Fault, Rule};

use crate::{
    harness::{Harness, account, credits, grant, hold, hold_at, later, now, released, settled},
    store::rejection,
};

const DAY: i64 = 24 * 3_600;

fn period(plan: &str, amount: i64, start: Timestamp) -> PlanGrant {
    let subscription = "clerk:subi_1".to_owned();
    let end = start + SignedDuration::from_secs(33 * DAY);
    PlanGrant {
        key: GrantKey::plan(&subscription, start, plan).unwrap(),
        subscription,
        period_start: start,
        credits: credits(amount),
        expires_at: Some(end),
        roll_over: RollOver::None,
    }
}

async fn left_of(books: &Harness, user: &AccountId, source: Source, at: Timestamp) -> i64 {
    let view = books.store.account(user).await.unwrap().unwrap().view(at).unwrap();
    let buckets = view.buckets.iter().filter(|bucket| bucket.source == source);
    Credits::sum(buckets.map(|bucket| bucket.left)).unwrap().get()
}

#[tokio::test]
async fn a_fact_of_a_plan_is_one_read_and_one_transaction() {
    let (books, user) = Harness::opened(0).await;
    books.front.reset();
    books.front.count_capacity(true);
    books.submit(&user, Action::GrantPlan(period("basic", 100, now()))).await.unwrap();
    assert_eq!(books.operations(), ["TransactGetItems", "TransactWriteItems"]);
    // Balance, buckets, entry, fact, period and newest period, two units each.
    assert_eq!(books.front.calls()[1].capacity_write, 12);
    books.front.reset();
    let again = books.submit(&user, Action::GrantPlan(period("basic", 500, now()))).await.unwrap();
    assert!(again.replayed, "whatever the plan gives by now");
    assert_eq!(books.operations(), ["TransactGetItems", "GetItem"]);
    assert_eq!(books.available(&user).await, 100);
}

#[tokio::test]
async fn one_fact_told_from_many_sides_at_once_is_granted_once() {
    let (books, user) = Harness::opened(0).await;
    let plan = Action::GrantPlan(period("basic", 100, now()));
    let told = (0..10).map(|_| books.submit(&user, plan.clone()));
    let told = futures_util::future::join_all(told).await;
    let fresh = told.iter().filter(|result| !result.as_ref().unwrap().replayed).count();
    assert_eq!(fresh, 1);
    assert_eq!(books.available(&user).await, 100);
}

#[tokio::test]
async fn facts_of_one_period_at_once_raise_it_to_the_dearest_plan() {
    let (books, user) = Harness::opened(0).await;
    let plans = [("basic", 100), ("pro", 300), ("team", 200), ("mini", 10)];
    let told = plans
        .map(|(plan, amount)| books.submit(&user, Action::GrantPlan(period(plan, amount, now()))));
    for result in futures_util::future::join_all(told).await {
        result.unwrap();
    }
    assert_eq!(books.available(&user).await, 300);
    let account = books.store.account(&user).await.unwrap().unwrap();
    let bucket = &account.buckets[0];
    assert_eq!((account.buckets.len(), bucket.granted), (1, credits(300)));
    let of = bucket.period.as_ref().unwrap();
    assert_eq!((of.subscription.as_str(), of.start), ("clerk:subi_1", now()));
}

#[tokio::test]
async fn a_fact_that_moves_nothing_is_done_and_has_no_entry() {
    let (books, user) = Harness::opened(0).await;
    books.submit(&user, Action::GrantPlan(period("pro", 300, now()))).await.unwrap();
    let lower = period("basic", 100, now());
    let first = books.submit(&user, Action::GrantPlan(lower.clone())).await.unwrap();
    assert_eq!((first.entry, first.replayed), (None, false));
    let again = books.submit(&user, Action::GrantPlan(lower)).await.unwrap();
    assert_eq!((again.entry, again.replayed), (None, true));
    assert_eq!(books.kinds(&user).await, ["grant"]);
    assert_eq!(books.available(&user).await, 300);
}

#[tokio::test]
async fn a_plan_of_another_account_is_a_conflict_by_its_fact_and_by_its_period() {
    let (books, user) = Harness::opened(0).await;
    let other = account("user_2");
    books.open(&other, 0).await;
    books.submit(&user, Action::GrantPlan(period("basic", 100, now()))).await.unwrap();
    for plan in [
        period("basic", 100, now()),
        period("pro", 300, now()),
        period("pro", 300, later(30 * DAY)),
    ] {
        let refused = books.submit(&other, Action::GrantPlan(plan)).await;
        assert_eq!(rejection(refused), Rejection::GrantKeyConflict);
    }
    assert_eq!(books.available(&other).await, 0);
}

/// Two accounts told of one subscription at once, by two payers for instance: one of them has it.
#[tokio::test]
async fn a_subscription_told_of_two_accounts_at_once_is_one_accounts() {
    let books = Harness::start().await;
    let users = [account("user_1"), account("user_2")];
    for user in &users {
        books.open(user, 0).await;
    }
    let at = |round: i64| later(round * 30 * DAY);
    let told = ["basic", "pro"].map(|plan| Action::GrantPlan(period(plan, 100, at(0))));
    let [left, right] = told;
    let (left, right) = tokio::join!(books.submit(&users[0], left), books.submit(&users[1], right));
    let won = [left.is_ok(), right.is_ok()];
    assert_ne!(won[0], won[1]);
    for (result, user) in [left, right].into_iter().zip(&users) {
        let has_it = result.is_ok();
        if !has_it {
            assert_eq!(rejection(result), Rejection::GrantKeyConflict);
        }
        assert_eq!(books.available(user).await, if has_it { 100 } else { 0 });
        let renewed = books.submit(user, Action::GrantPlan(period("basic", 100, at(1)))).await;
        assert_eq!(renewed.is_ok(), has_it, "and keeps it");
    }
}

#[tokio::test]
async fn a_renewal_never_wipes_packs_or_resets_what_was_spent() {
    let (books, user) = Harness::opened(0).await;
    books.submit(&user, grant(50, None)).await.unwrap();
    books.submit(&user, Action::GrantPlan(period("basic", 100, now()))).await.unwrap();
    let spent = hold(&user, 120);
    books.store.hold(&spent, Credits::ZERO).await.unwrap();
    books.store.end(&spent, &settled(120)).await.unwrap();
    let at = later(30 * DAY);
    let running = hold_at(&user, 5, at);
    books.store.hold(&running, Credits::ZERO).await.unwrap();
    let renewal = Action::GrantPlan(period("basic", 100, at));
    let receipt = books.submit_at(&user, renewal, at).await.unwrap();
    assert_eq!(receipt.entry.unwrap().amount, credits(100));
    assert_eq!(left_of(&books, &user, Source::Pack, at).await, 25, "20 and 5 of 50 were spent");
    assert_eq!(left_of(&books, &user, Source::Plan, at).await, 100);
    let mut end = released();
    end.at = at;
    books.store.end(&running, &end).await.unwrap();
    // Only calls before the renewal moved packs, and what comes back finds room where it was.
    assert_eq!(books.available_at(&user, at).await, 130);
    assert_eq!(left_of(&books, &user, Source::Pack, at).await, 30);
    assert_eq!(left_of(&books, &user, Source::Plan, at).await, 100);
}

#[tokio::test]
async fn a_renewal_forfeits_exactly_what_was_left_of_its_own_plan_and_says_so() {
    let (books, user) = Harness::opened(7).await;
    books.submit(&user, Action::GrantPlan(period("basic", 100, now()))).await.unwrap();
    let spent = hold(&user, 30);
    books.store.hold(&spent, Credits::ZERO).await.unwrap();
    books.store.end(&spent, &settled(30)).await.unwrap();
    let at = later(30 * DAY);
    books.submit_at(&user, Action::GrantPlan(period("basic", 100, at)), at).await.unwrap();
    let page = books.store.history(&user, 2, None).await.unwrap();
    let amounts: Vec<_> = page.entries.iter().map(|entry| entry.amount.get()).collect();
    assert_eq!(amounts, [100, -70]);
    assert_eq!(books.available_at(&user, at).await, 107);
}

/// A bulk sync tells the same facts as the webhooks, while calls run.
#[tokio::test]
async fn a_sync_never_sets_a_balance() {
    let (books, user) = Harness::opened(200).await;
    let store = books.store.clone().patient(std::time::Duration::from_secs(30));
    let calls = (0..40).map(|_| {
        let (store, hold) = (store.clone(), hold(&user, 3));
        tokio::spawn(async move {
            store.hold(&hold, Credits::ZERO).await.unwrap();
            store.end(&hold, &settled(2)).await.unwrap();
        })
    });
    let calls: Vec<_> = calls.collect();
    for _ in 0..3 {
        for (plan, amount) in [("basic", 100), ("pro", 300), ("basic", 100)] {
            let told = Action::GrantPlan(period(plan, amount, now()));
            books.submit(&user, told).await.unwrap();
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(books.available(&user).await, 200 + 300 - 80);
}

#[tokio::test]
async fn renewals_under_use_forfeit_and_grant_exactly() {
    let (books, user) = Harness::opened(500).await;
    let store = books.store.clone().patient(std::time::Duration::from_secs(30));
    books.submit(&user, Action::GrantPlan(period("basic", 100, now()))).await.unwrap();
    let at = later(30 * DAY);
    let calls = (0..40).map(|_| {
        let (store, hold) = (store.clone(), hold_at(&user, 3, at));
        tokio::spawn(async move {
            store.hold(&hold, Credits::ZERO).await.unwrap();
            let mut end = settled(2);
            end.at = at;
            store.end(&hold, &end).await.unwrap();
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut granted = 0;
    for day in 30..33 {
        let renewal = Action::GrantPlan(period("basic", 100, later(day * DAY)));
        match books.submit_at(&user, renewal, at).await {
            Ok(_) => granted += 1,
            Err(error) => assert_eq!(rejection(Err::<(), _>(error)), Rejection::Busy),
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    let page = books.store.history(&user, 1_000, None).await.unwrap();
    let of = |kind: &str| {
        let entries = page.entries.iter().filter(|entry| entry.cause.kind().as_str() == kind);
        entries.map(|entry| entry.amount.get()).sum::<i64>()
    };
    assert_eq!(of("grant"), 600 + 100 * granted);
    let forfeited = of("expiry");
    assert_eq!(books.available_at(&user, at).await, 600 + 100 * granted - 80 + forfeited);
}

#[tokio::test]
async fn a_plan_told_with_half_of_all_replies_lost_is_granted_once() {
    let (books, user) = Harness::opened(0).await;
    books.front.rules([Rule::any(Fault::LostReply, 500)]);
    let start = |index: i64| later(index * 30 * DAY);
    for index in [0, 1, 0, 2, 1, 2, 0] {
        let told = Action::GrantPlan(period("basic", 100, start(index)));
        drop(books.submit(&user, told).await);
    }
    books.front.reset();
    for index in 0..3 {
        let told = Action::GrantPlan(period("basic", 100, start(index)));
        books.submit(&user, told).await.unwrap();
    }
    assert_eq!(books.available(&user).await, 100);
    assert_eq!(left_of(&books, &user, Source::Plan, now()).await, 100);
}

#[tokio::test]
async fn a_period_told_a_little_otherwise_is_the_same_period_at_one_more_read() {
    let (books, user) = Harness::opened(0).await;
    books.submit(&user, Action::GrantPlan(period("basic", 100, later(0)))).await.unwrap();
    books.front.reset();
    books.submit(&user, Action::GrantPlan(period("pro", 300, later(1)))).await.unwrap();
    let operations = ["TransactGetItems", "TransactGetItems", "TransactWriteItems"];
    assert_eq!(books.operations(), operations);
    assert_eq!(books.available(&user).await, 300);
    assert_eq!(books.kinds(&user).await, ["grant", "grant"]);
}

/// What was written before there were periods has no such attributes.
#[tokio::test]
async fn buckets_and_facts_from_before_are_read_as_they_were() {
    let (books, user) = Harness::opened(5).await;
    let item = |sk: &str| {
        let request = books.client.get_item().table_name(&books.names.state);
        request
            .key("pk", AttributeValue::S(key::account(&user)))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .send()
    };
    let buckets = item("BUCKETS").await.unwrap().item.unwrap();
    let bucket = buckets["buckets"].as_l().unwrap()[0].as_m().unwrap();
    let mut names: Vec<_> = bucket.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["expires_at", "granted", "id", "left", "priority", "source"]);
    let fact = books
        .client
        .get_item()
        .table_name(&books.names.ledger)
        .key("pk", AttributeValue::S("GRANT#signup:user_1".to_owned()))
        .key("sk", AttributeValue::S("ONLY".to_owned()));
    let fact = fact.send().await.unwrap().item.unwrap();
    let mut names: Vec<_> = fact.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["account", "amount", "entry", "pk", "sk"]);
    assert_eq!(books.available(&user).await, 5);
}

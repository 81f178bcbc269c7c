//! Reads over many accounts, over one account's entries and over the holds of a slot.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountId, EntryId, HoldId,
    command::{Action, Adjustment},
    entry::{Cause, Entry, Kind},
    feature::Feature,
    hold::{Ending, Hold},
};
use ledger_dynamodb::{EntryFilter, Fate, Item, SHARDS, StoreError, key};
use local::fault::{Fault, Rule};

use crate::{
    harness::{
        Harness, account, credits, end, expired, grant, hold, hold_at, later, released, settled,
    },
    store::SIGNUP,
};

fn many(count: usize) -> Vec<AccountId> {
    (0..count).map(|index| account(&format!("user_{index}"))).collect()
}

pub(crate) async fn put_state(books: &Harness, attributes: &[(&str, AttributeValue)]) {
    let item: Item =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let put = books.client.put_item().table_name(&books.names.state).set_item(Some(item));
    put.send().await.unwrap();
}

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

#[tokio::test]
async fn more_than_a_hundred_balances_are_read_in_as_many_requests_as_hundreds() {
    let books = Harness::start().await;
    let accounts = many(250);
    for (index, account) in accounts.iter().enumerate().filter(|(index, _)| index % 5 != 0) {
        books.open(account, u32::try_from(index).unwrap()).await;
    }
    books.front.reset();
    // Some of them twice, which the table would refuse.
    let asked: Vec<_> = accounts.iter().chain(&accounts[..60]).cloned().collect();
    let balances = books.store.balances(&asked).await.unwrap();
    assert_eq!(books.operations(), ["BatchGetItem"; 3]);
    assert_eq!(balances.len(), 200);
    for (index, account) in accounts.iter().enumerate() {
        let found = balances.get(account).map(|balance| balance.available.get());
        let expected = (index % 5 != 0).then_some(i64::try_from(index).unwrap());
        assert_eq!(found, expected);
    }
    assert_eq!(books.store.balances(&[]).await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn balances_are_read_through_lost_replies_and_throttles() {
    let books = Harness::start().await;
    let accounts = many(120);
    for account in &accounts {
        books.open(account, 3).await;
    }
    for fault in [Fault::LostReply, Fault::Throttle, Fault::ServerError] {
        books.front.rules([Rule::any(fault, 300)]);
        assert_eq!(books.store.balances(&accounts).await.unwrap().len(), 120, "{fault:?}");
    }
}

#[tokio::test]
async fn a_pass_over_all_balances_sees_each_once_and_stops_at_nothing_unreadable() {
    let books = Harness::start().await;
    let accounts = many(40);
    for account in &accounts {
        books.open(account, 7).await;
    }
    for index in 0..30 {
        let rows = [("pk", text(format!("USERS#{index}"))), ("sk", text("user_1"))];
        put_state(&books, &rows).await;
    }
    let broken = [("pk", text("ACCOUNT#user_broken")), ("sk", text("BALANCE"))];
    put_state(&books, &broken).await;
    let (mut seen, mut unreadable) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    let mut pages = 0;
    books.front.reset();
    loop {
        let page = books.store.scan_balances(16, after.as_deref()).await.unwrap();
        pages += 1;
        assert!(page.balances.iter().all(|(_, balance)| balance.available == credits(7)));
        seen.extend(page.balances.into_iter().map(|(account, _)| account));
        unreadable.extend(page.unreadable);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(books.operations(), vec!["Scan"; pages]);
    // 40 balances, 40 rows of buckets, 30 users and the broken one, 16 at a time.
    assert!(pages >= 7, "{pages}");
    assert_eq!(unreadable, ["ACCOUNT#user_broken"]);
    assert_eq!(seen.len(), 40);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), accounts.into_iter().collect());
    let wrong = books.store.scan_balances(16, Some("nowhere")).await.unwrap_err();
    assert!(matches!(wrong, StoreError::Unavailable(_)));
}

fn image(user: &AccountId, at: jiff::Timestamp) -> Hold {
    let mut hold = hold_at(user, 5, at);
    hold.terms.feature = Feature::AI_IMAGE_GENERATION;
    hold
}

/// An account with calls of two features, a grant and an adjustment, a minute apart.
async fn lively() -> (Harness, AccountId) {
    let (books, user) = Harness::opened(1_000).await;
    for minute in 0..10 {
        let at = later(minute * 60);
        let hold = if minute % 2 == 0 { hold_at(&user, 1, at) } else { image(&user, at) };
        books.store.hold(&hold, SIGNUP).await.unwrap();
        let ending = Ending::Settled { charged: hold.amount };
        books.store.end(&hold, &end(ending, at)).await.unwrap();
    }
    books.submit_at(&user, grant(3, None), later(600)).await.unwrap();
    let adjustment = Adjustment::By(credits(-2));
    let down = Action::Adjust { adjustment, reason: None, key: None };
    books.submit_at(&user, down, later(660)).await.unwrap();
    (books, user)
}

/// All pages of `examine` entries each.
async fn pages(
    books: &Harness,
    user: &AccountId,
    filter: &EntryFilter,
    examine: u32,
) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut after: Option<EntryId> = None;
    loop {
        let page = books.store.entries(user, filter, examine, after).await.unwrap();
        found.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

type Wanted<'a> = Box<dyn Fn(&Entry) -> bool + 'a>;

fn of_kinds(kinds: &[Kind]) -> EntryFilter {
    EntryFilter { kinds: kinds.iter().copied().collect(), ..EntryFilter::default() }
}

/// The holds of images among the entries, and their outcomes.
fn images(entries: &[Entry]) -> BTreeSet<EntryId> {
    let image = |entry: &Entry| match (entry.id, &entry.cause) {
        (EntryId::Own(id), Cause::Hold(terms)) => {
            let hold = HoldId(id);
            let of_image = terms.feature == Feature::AI_IMAGE_GENERATION;
            of_image.then_some([hold.entry(), hold.outcome()])
        }
        _ => None,
    };
    entries.iter().filter_map(image).flatten().collect()
}

#[tokio::test]
async fn entries_are_found_by_kind_feature_and_time_whatever_the_pages() {
    let (books, user) = lively().await;
    let all = books.store.history(&user, 1_000, None).await.unwrap().entries;
    let images = images(&all);
    let of_image = |entry: &Entry| images.contains(&entry.id);
    let feature =
        EntryFilter { feature: Some(Feature::AI_IMAGE_GENERATION), ..EntryFilter::default() };
    let window =
        EntryFilter { since: Some(later(120)), until: Some(later(300)), ..EntryFilter::default() };
    let both = EntryFilter {
        kinds: BTreeSet::from([Kind::Outcome]),
        feature: feature.feature.clone(),
        ..window.clone()
    };
    let is = |entry: &Entry, kinds: &[Kind]| kinds.contains(&entry.cause.kind());
    let within = |entry: &Entry| entry.at >= later(120) && entry.at < later(300);
    let rows: [(EntryFilter, Wanted<'_>, usize); 7] = [
        (EntryFilter::default(), Box::new(|_| true), 23),
        (of_kinds(&[Kind::Grant]), Box::new(|it| is(it, &[Kind::Grant])), 2),
        (
            of_kinds(&[Kind::Grant, Kind::Adjustment]),
            Box::new(|it| is(it, &[Kind::Grant, Kind::Adjustment])),
            3,
        ),
        (of_kinds(&[Kind::Clawback]), Box::new(|_| false), 0),
        (feature, Box::new(of_image), 10),
        (window, Box::new(within), 6),
        (both, Box::new(|it| within(it) && of_image(it) && is(it, &[Kind::Outcome])), 1),
    ];
    for (filter, wanted, count) in rows {
        let expected: Vec<_> = all.iter().filter(|entry| wanted(entry)).cloned().collect();
        assert_eq!(expected.len(), count, "{filter:?}");
        for examine in [1, 2, 3, 7, 500] {
            assert_eq!(pages(&books, &user, &filter, examine).await, expected, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn a_page_examines_so_many_entries_and_may_come_back_short_with_a_place_to_go_on() {
    let (books, user) = lively().await;
    let filter = EntryFilter { kinds: BTreeSet::from([Kind::Grant]), ..EntryFilter::default() };
    books.front.reset();
    let page = books.store.entries(&user, &filter, 5, None).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    let next = page.next.unwrap();
    let page = books.store.entries(&user, &filter, 5, Some(next)).await.unwrap();
    assert_eq!((page.entries, page.next.is_some()), (Vec::new(), true));
    assert_eq!(books.operations(), ["Query", "Query"]);
    let outside = EntryFilter { since: Some(later(86_400 * 3)), ..EntryFilter::default() };
    let page = books.store.entries(&user, &outside, 5, Some(next)).await.unwrap();
    assert_eq!((page.entries, page.next), (Vec::new(), None));
    let never = EntryFilter {
        since: Some(later(86_400 * 3)),
        until: Some(later(86_400)),
        ..EntryFilter::default()
    };
    assert_eq!(books.store.entries(&user, &never, 5, None).await.unwrap().next, None);
}

#[tokio::test]
async fn what_a_call_cost_and_what_was_given_back_of_it_are_told_together() {
    let (books, user) = Harness::opened(100).await;
    let calls: Vec<_> = (0..5).map(|_| hold(&user, 10)).collect();
    for call in &calls {
        books.store.hold(call, SIGNUP).await.unwrap();
    }
    books.store.end(&calls[1], &settled(6)).await.unwrap();
    books.store.end(&calls[2], &released()).await.unwrap();
    books.store.end(&calls[3], &expired()).await.unwrap();
    books.store.end(&calls[4], &expired()).await.unwrap();
    let late = end(Ending::Settled { charged: credits(7) }, later(1_300));
    books.store.end(&calls[4], &late).await.unwrap();
    let fates = [
        (Fate::Open, 0),
        (Fate::Settled { charged: credits(6) }, 6),
        (Fate::Released, 0),
        (Fate::Expired, 0),
        (Fate::ChargedLate { charged: credits(7) }, 7),
    ];
    let (amount, cost) = (Some(credits(2)), credits(6));
    let part = Action::Refund { hold: calls[1].id, amount, cost, note: None, key: None };
    books.submit(&user, part).await.unwrap();
    for (call, (fate, cost)) in calls.iter().zip(fates) {
        let found = books.store.refundable(&user, call.id).await.unwrap().unwrap();
        assert_eq!((&found.hold, found.fate, found.cost), (call, fate, credits(cost)));
        let taken = if call.id == calls[1].id { 2 } else { 0 };
        assert_eq!(found.taken, credits(taken));
    }
    let nobody = hold(&user, 1);
    assert_eq!(books.store.refundable(&user, nobody.id).await.unwrap(), None);
    let grant = books.submit(&user, grant(1, None)).await.unwrap().entry.unwrap().id;
    let EntryId::Own(id) = grant else { panic!("{grant}") };
    let not_a_call = books.store.refundable(&user, HoldId(id)).await.unwrap();
    assert_eq!(not_a_call, None, "a grant is no call");
}

#[tokio::test]
async fn all_holds_of_a_slot_are_told_with_how_they_ended() {
    let books = Harness::start().await;
    let users = many(3);
    let mut expected = BTreeMap::new();
    for user in &users {
        books.open(user, 1_000).await;
        for index in 0..25 {
            let call = hold(user, 10);
            books.store.hold(&call, SIGNUP).await.unwrap();
            let fate = match index % 5 {
                0 => Fate::Open,
                1 => {
                    books.store.end(&call, &settled(4)).await.unwrap();
                    Fate::Settled { charged: credits(4) }
                }
                2 => {
                    books.store.end(&call, &released()).await.unwrap();
                    Fate::Released
                }
                ended => {
                    books.store.end(&call, &expired()).await.unwrap();
                    let late = end(Ending::Settled { charged: credits(3) }, later(1_300));
                    if ended == 4 {
                        books.store.end(&call, &late).await.unwrap();
                        Fate::ChargedLate { charged: credits(3) }
                    } else {
                        Fate::Expired
                    }
                }
            };
            expected.insert(call.id, (call, fate));
        }
    }
    let mut found = BTreeMap::new();
    for shard in 0..SHARDS {
        let minute = later(20 * 60);
        for (hold, fate) in books.store.used_holds(minute, shard).await.unwrap() {
            assert_eq!(found.insert(hold.id, (hold, fate)), None);
        }
    }
    assert_eq!(found, expected);
    for shard in 0..SHARDS {
        assert_eq!(books.store.used_holds(later(21 * 60), shard).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_corrupt_balance_is_told_and_never_a_zero() {
    let (books, user) = Harness::opened(5).await;
    put_state(&books, &[("pk", text(key::account(&account("user_2")))), ("sk", text("BALANCE"))])
        .await;
    let read = books.store.balances(&[user, account("user_2")]).await.unwrap_err();
    assert!(matches!(read, StoreError::Corrupt { account, .. } if account == "user_2"));
}

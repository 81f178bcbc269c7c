//! Credits whose time runs out, and what an account shows of itself.

use ledger::{Rejection, hold::Ending};

use crate::{
    harness::{Harness, credits, end, grant, hold, hold_at, later, settled},
    store::{SIGNUP, rejection},
};

#[tokio::test]
async fn expired_credits_are_never_spent_and_expiry_runs_on_the_way() {
    let (books, user) = Harness::opened(3).await;
    books.submit_at(&user, grant(10, Some(later(60))), later(-30)).await.unwrap();
    assert_eq!(books.available(&user).await, 13);
    let call = hold_at(&user, 4, later(60));
    let refused = rejection(books.store.hold(&call, SIGNUP).await);
    let numbers = Rejection::InsufficientCredits { required: credits(4), available: credits(3) };
    assert_eq!(refused, numbers);
    books.store.hold(&hold_at(&user, 3, later(61)), SIGNUP).await.unwrap();
    assert_eq!(books.available_at(&user, later(61)).await, 0);
    assert_eq!(books.kinds(&user).await, ["grant", "grant", "expiry", "hold"]);
}

#[tokio::test]
async fn what_a_running_call_gives_back_after_an_expiry_finds_its_place() {
    let (books, user) = Harness::opened(0).await;
    books.submit_at(&user, grant(10, Some(later(60))), later(-30)).await.unwrap();
    let call = hold(&user, 8);
    books.store.hold(&call, SIGNUP).await.unwrap();
    books.store.end(&call, &end(Ending::Released, later(61))).await.unwrap();
    assert_eq!(books.available_at(&user, later(61)).await, 8);
    let view = books.store.account(&user).await.unwrap().unwrap().view(later(61)).unwrap();
    assert_eq!(view.available, credits(8));
    assert_eq!((view.buckets[0].left, view.buckets[0].granted), (credits(8), credits(8)));
    assert_eq!(books.kinds(&user).await, ["grant", "hold", "outcome", "expiry"]);
}

#[tokio::test]
async fn open_holds_and_pages_of_history_show_every_entry_once() {
    let (books, user) = Harness::opened(100).await;
    let holds: Vec<_> = (0..10).map(|step| hold_at(&user, 1, later(step))).collect();
    for hold in &holds {
        books.store.hold(hold, SIGNUP).await.unwrap();
    }
    for hold in holds.iter().take(6) {
        books.store.end(hold, &settled(1)).await.unwrap();
    }
    let open = books.store.open_holds(&user, later(20)).await.unwrap();
    let expected: Vec<_> = holds.iter().skip(6).rev().map(|hold| hold.id).collect();
    assert_eq!(open.iter().map(|hold| hold.id).collect::<Vec<_>>(), expected);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = books.store.history(&user, 4, after).await.unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 17);
    let keys: Vec<_> = seen.iter().map(|id| ledger_dynamodb::key::entry(*id)).collect();
    assert!(keys.is_sorted_by(|newer, older| newer > older));
    assert_eq!(books.store.accounts().await.unwrap(), [user]);
}

//! Claims on a real table: one key, one hold, one answer, whatever is lost and whoever is first.

use bytes::Bytes;
use ledger::hold::Hold;
use ledger::{AccountId, HoldId, Rejection, balance::FreezeReason, command::Action};
use ledger_dynamodb::{CLAIM_LIFE, Claim, ClaimKey, Claimed, FoundClaim, StoreError, StoredAnswer};
use local::fault::{Fault, Rule};

use crate::{
    harness::{
        Harness, account, credits, expired, grant, hold, hold_at, later, now, released, settled,
    },
    store::{SIGNUP, rejection},
};

pub(crate) fn key(number: u8) -> ClaimKey {
    ClaimKey::new([number; 32])
}

/// A claim of the key 1 made with `hold`.
pub(crate) fn claim(hold: &Hold) -> Claim {
    Claim {
        key: key(1),
        fingerprint: "f1".to_owned(),
        expires_at: hold.at.checked_add(CLAIM_LIFE).unwrap(),
        over: None,
    }
}

pub(crate) fn over(hold: &Hold, from: HoldId) -> Claim {
    Claim { over: Some(from), ..claim(hold) }
}

pub(crate) fn answer(body: impl Into<Bytes>) -> StoredAnswer {
    StoredAnswer { status: 200, content_type: "application/json".to_owned(), body: body.into() }
}

#[track_caller]
pub(crate) fn found(claimed: Result<Claimed, StoreError>) -> FoundClaim {
    match claimed {
        Ok(Claimed::Found(found)) => found,
        other => panic!("{other:?}"),
    }
}

/// Places a hold with a claim that must be free.
pub(crate) async fn placed(books: &Harness, user: &AccountId, amount: u32) -> Hold {
    let hold = hold(user, amount);
    let claimed = books.store.hold_claimed(&hold, SIGNUP, &claim(&hold)).await.unwrap();
    assert_eq!(claimed, Claimed::Placed);
    hold
}

#[tokio::test]
async fn a_key_sent_many_times_at_once_is_held_once() {
    let (books, user) = Harness::opened(100).await;
    let calls = (0..32).map(|_| {
        let (store, hold) = (books.store.clone(), hold(&user, 1));
        tokio::spawn(async move {
            (hold.id, store.hold_claimed(&hold, SIGNUP, &claim(&hold)).await.unwrap())
        })
    });
    let calls: Vec<_> = calls.collect();
    let (mut placed, mut named) = (Vec::new(), Vec::new());
    for call in calls {
        match call.await.unwrap() {
            (id, Claimed::Placed) => placed.push(id),
            (_, Claimed::Found(found)) => {
                assert_eq!((&found.account, found.fingerprint.as_str()), (&user, "f1"));
                assert_eq!(found.answer, None);
                named.push(found.hold);
            }
        }
    }
    let [winner] = placed[..] else { panic!("{placed:?}") };
    assert_eq!(named, [winner; 31]);
    assert_eq!(books.available(&user).await, 99);
    assert_eq!(books.kinds(&user).await, ["grant", "hold"]);
}

#[tokio::test]
async fn the_first_keyed_call_of_an_account_opens_it_and_is_held_once() {
    let books = Harness::start().await;
    let user = account("user_new");
    let (first, second) = (hold(&user, 1), hold(&user, 1));
    let (first_claim, second_claim) = (claim(&first), claim(&second));
    let (left, right) = tokio::join!(
        books.store.hold_claimed(&first, credits(5), &first_claim),
        books.store.hold_claimed(&second, credits(5), &second_claim),
    );
    let placed = [left.unwrap(), right.unwrap()];
    let placed = placed.iter().filter(|claimed| **claimed == Claimed::Placed).count();
    assert_eq!(placed, 1);
    assert_eq!(books.available(&user).await, 4);
}

#[tokio::test]
async fn a_keyed_call_of_which_replies_are_lost_is_placed_once() {
    for fault in
        [Fault::LostReply, Fault::LostRequest, Fault::ServerError, Fault::Throttle, Fault::Conflict]
    {
        let (books, user) = Harness::opened(10).await;
        let hold = hold(&user, 4);
        // More often than the SDK tries by itself, so that our own retries are what saves it.
        books.front.next_n(4, "TransactWriteItems", fault);
        for _ in 0..2 {
            let claimed = books.store.hold_claimed(&hold, SIGNUP, &claim(&hold)).await.unwrap();
            assert_eq!(claimed, Claimed::Placed, "{fault:?}");
        }
        assert_eq!(books.available(&user).await, 6, "{fault:?}");
        books.front.next_n(4, "TransactWriteItems", fault);
        let again = crate::harness::hold(&user, 4);
        let named = found(books.store.hold_claimed(&again, SIGNUP, &claim(&again)).await).hold;
        assert_eq!(named, hold.id, "{fault:?}");
    }
}

/// The table forgets after ten minutes which transactions it has seen. What remembers for ever is
/// the entry: here it and its claim are there, and the table has never seen the request.
#[tokio::test]
async fn a_keyed_call_that_is_asked_again_long_after_is_placed_still() {
    let (before, user) = Harness::opened(10).await;
    let hold = placed(&before, &user, 4).await;
    let (after, _) = Harness::opened(6).await;
    let names =
        [(&before.names.ledger, &after.names.ledger), (&before.names.state, &after.names.state)];
    for (from, to) in names {
        let items = before.client.scan().table_name(from).send().await.unwrap().items.unwrap();
        let kept = |sk: &str| sk == "ONLY" || sk.ends_with(&hold.id.to_string());
        for item in items.into_iter().filter(|item| kept(item["sk"].as_s().unwrap())) {
            after.client.put_item().table_name(to).set_item(Some(item)).send().await.unwrap();
        }
    }
    let claimed = after.store.hold_claimed(&hold, SIGNUP, &claim(&hold)).await.unwrap();
    assert_eq!(claimed, Claimed::Placed);
    let balance = after.store.balance(&user).await.unwrap().unwrap();
    assert_eq!(balance.available, credits(6));
}

#[tokio::test]
async fn a_hundred_keys_sent_three_times_at_once_are_held_once_each_with_half_of_all_replies_lost()
{
    let books = Harness::seeded(7).await;
    let store = books.store.clone().patient(std::time::Duration::from_mins(1));
    let user = account("user_1");
    books.open(&user, 100).await;
    books.front.rules([Rule::any(Fault::LostReply, 500)]);
    let calls = (0..300_u32).map(|call| {
        let (store, hold) = (store.clone(), hold(&user, 1));
        let number = u8::try_from(call % 100).unwrap();
        tokio::spawn(async move {
            let claim = Claim { key: key(number), ..claim(&hold) };
            loop {
                match store.hold_claimed(&hold, SIGNUP, &claim).await {
                    Ok(claimed) => return claimed == Claimed::Placed,
                    // What a client does that is told to come back.
                    Err(StoreError::Rejected(Rejection::RateLimited)) => {}
                    Err(error) => panic!("{}", startup::error_chain(&error)),
                }
            }
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut placed = 0;
    for call in calls {
        placed += u32::from(call.await.unwrap());
    }
    books.front.reset();
    assert_eq!(placed, 100);
    assert_eq!(books.available(&user).await, 0);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_told_which_one_it_was() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    let second = hold(&user, 1);
    let other = Claim { fingerprint: "f2".to_owned(), ..claim(&second) };
    let found = found(books.store.hold_claimed(&second, SIGNUP, &other).await);
    let expected = FoundClaim {
        hold: first.id,
        account: user.clone(),
        fingerprint: "f1".to_owned(),
        answer: None,
    };
    assert_eq!(found, expected);
    let free = Claim { key: key(2), ..other };
    let claimed = books.store.hold_claimed(&second, SIGNUP, &free).await.unwrap();
    assert_eq!(claimed, Claimed::Placed);
    assert_eq!(books.available(&user).await, 5);
}

#[tokio::test]
async fn a_taken_key_is_told_before_anything_that_stands_in_the_way_of_a_hold() {
    let (books, user) = Harness::opened(4).await;
    books.submit_at(&user, grant(5, Some(later(30))), later(-30)).await.unwrap();
    let first = placed(&books, &user, 9).await;
    books.store.end(&first, &settled(9)).await.unwrap();
    // Nothing is left; then the account is frozen as well; then a bucket has expired as well.
    for (at, freeze) in [(now(), false), (later(1), true), (later(40), true)] {
        if freeze {
            books.submit_at(&user, Action::Freeze(FreezeReason::Dispute), at).await.unwrap();
        }
        let again = hold_at(&user, 9, at);
        let named = found(books.store.hold_claimed(&again, SIGNUP, &claim(&again)).await).hold;
        assert_eq!(named, first.id);
    }
    assert_eq!(books.kinds(&user).await, ["grant", "grant", "hold", "outcome"]);
}

#[tokio::test]
async fn a_claim_is_not_made_where_the_hold_is_refused() {
    let (books, user) = Harness::opened(3).await;
    let dear = hold(&user, 4);
    let refused = rejection(books.store.hold_claimed(&dear, SIGNUP, &claim(&dear)).await);
    let numbers = Rejection::InsufficientCredits { required: credits(4), available: credits(3) };
    assert_eq!(refused, numbers);
    placed(&books, &user, 3).await;
    assert_eq!(books.available(&user).await, 0);
}

#[tokio::test]
async fn a_claim_is_taken_over_once_from_a_hold_that_came_to_nothing() {
    for ended in [released(), expired()] {
        let (books, user) = Harness::opened(10).await;
        let first = placed(&books, &user, 4).await;
        books.store.end(&first, &ended).await.unwrap();
        let at = later(1300);
        let (left, right) = (hold_at(&user, 4, at), hold_at(&user, 4, at));
        let (left_claim, right_claim) = (over(&left, first.id), over(&right, first.id));
        let (one, other) = tokio::join!(
            books.store.hold_claimed(&left, SIGNUP, &left_claim),
            books.store.hold_claimed(&right, SIGNUP, &right_claim),
        );
        let (winner, named) = match (one.unwrap(), other.unwrap()) {
            (Claimed::Placed, Claimed::Found(found)) => (left.id, found.hold),
            (Claimed::Found(found), Claimed::Placed) => (right.id, found.hold),
            both => panic!("{both:?}"),
        };
        assert_eq!(named, winner);
        assert_eq!(books.available_at(&user, at).await, 6);
        // Nor again from the first, now that it is the winner's.
        let late = hold_at(&user, 4, at);
        let named = found(books.store.hold_claimed(&late, SIGNUP, &over(&late, first.id)).await);
        assert_eq!(named.hold, winner);
    }
}

#[tokio::test]
async fn a_claim_means_nothing_after_its_24_hours() {
    let (books, user) = Harness::opened(10).await;
    let first = placed(&books, &user, 4).await;
    books.store.keep_answer(&key(1), first.id, &answer("old")).await.unwrap();
    books.store.end(&first, &settled(4)).await.unwrap();
    let day = 24 * 60 * 60;
    let before = hold_at(&user, 1, later(day - 1));
    let named = found(books.store.hold_claimed(&before, SIGNUP, &claim(&before)).await);
    assert_eq!((named.hold, named.answer), (first.id, Some(answer("old"))));
    let after = hold_at(&user, 1, later(day));
    let claimed = books.store.hold_claimed(&after, SIGNUP, &claim(&after)).await.unwrap();
    assert_eq!(claimed, Claimed::Placed);
    let again = hold_at(&user, 1, later(day));
    let named = found(books.store.hold_claimed(&again, SIGNUP, &claim(&again)).await);
    assert_eq!((named.hold, named.answer), (after.id, None));
    assert_eq!(books.available_at(&user, later(day)).await, 5);
}

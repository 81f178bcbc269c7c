//! Whose turn it is to tell the identity provider of a balance.

use ledger_dynamodb::Turn;
use local::fault::{Fault, Rule};

use crate::harness::{Harness, account, later, now};

#[tokio::test]
async fn twenty_takers_at_once_get_one_turn_within_three_seconds() {
    let books = Harness::start().await;
    let user = account("user_1");
    let mut taken = Vec::new();
    for second in 0..7 {
        let takers = (0..20).map(|_| books.store.take_turn(&user, 5, later(second)));
        let turns = futures_util::future::join_all(takers).await;
        let turns: Vec<_> = turns.into_iter().map(Result::unwrap).collect();
        let count = turns.iter().filter(|turn| **turn == Turn::Taken).count();
        assert!(count <= 1, "{count} in second {second}");
        if count == 1 {
            taken.push(second);
        }
        let until = Turn::NotBefore(later(taken.last().unwrap() + 3));
        assert!(turns.iter().all(|turn| *turn == Turn::Taken || *turn == until));
    }
    assert_eq!(taken, [0, 3, 6]);
}

#[tokio::test]
async fn a_turn_is_one_conditional_update_whether_it_is_free_or_not() {
    let books = Harness::start().await;
    let user = account("user_1");
    for expected in [Turn::Taken, Turn::NotBefore(later(3))] {
        books.front.reset();
        assert_eq!(books.store.take_turn(&user, 5, now()).await.unwrap(), expected);
        assert_eq!(books.operations(), ["UpdateItem"]);
    }
}

#[tokio::test]
async fn a_turn_of_which_the_answer_was_lost_is_nobodys_and_ends_by_itself() {
    let books = Harness::start().await;
    let user = account("user_1");
    books.front.rules([Rule::any(Fault::LostReply, 500)]);
    let mut taken = 0;
    for _ in 0..10 {
        let turn = books.store.take_turn(&user, 5, now()).await;
        taken += usize::from(turn.is_ok_and(|turn| turn == Turn::Taken));
    }
    assert!(taken <= 1);
    books.front.reset();
    assert_eq!(books.store.take_turn(&user, 5, later(3)).await.unwrap(), Turn::Taken);
}

#[tokio::test]
async fn what_was_told_never_goes_back() {
    let books = Harness::start().await;
    let user = account("user_1");
    assert_eq!(books.store.projection(&user).await.unwrap(), None);
    books.store.mark_projected(&user, 7, later(1)).await.unwrap();
    books.store.mark_projected(&user, 5, later(2)).await.unwrap();
    let told = books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!((told.projected, told.projected_at), (Some(7), Some(later(1))));
    books.store.mark_projected(&user, 8, later(3)).await.unwrap();
    let told = books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!((told.projected, told.projected_at), (Some(8), Some(later(3))));
}

#[tokio::test]
async fn what_waits_in_the_queue_waits_since_the_first_time_and_until_the_newest_is_told() {
    let (books, user) = Harness::opened(30).await;
    books.store.mark_projection_queued(&user, later(1)).await.unwrap();
    books.store.mark_projection_queued(&user, later(2)).await.unwrap();
    let queued = books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!(queued.queued_at, Some(later(1)));
    // An adjustment wants revision 2 told, which came after the worker had read revision 1.
    let action = ledger::command::Action::Adjust {
        adjustment: ledger::command::Adjustment::By(crate::harness::credits(1)),
        reason: None,
        key: None,
    };
    let id = startup::new_ulid(now());
    let command = ledger::command::Command { id, actor: crate::harness::admin(), action };
    let beside = ledger_dynamodb::Beside { record: None, projection: true };
    books.store.submit_beside(&user, &command, now(), beside).await.unwrap();
    books.store.mark_projected(&user, 1, later(3)).await.unwrap();
    let still = books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!((still.projected, still.queued_at), (Some(1), Some(later(1))));
    books.store.mark_projected(&user, 2, later(4)).await.unwrap();
    let told = books.store.projection(&user).await.unwrap().unwrap();
    assert_eq!((told.projected, told.queued_at), (Some(2), None));
    assert_eq!(books.available(&user).await, 31);
}

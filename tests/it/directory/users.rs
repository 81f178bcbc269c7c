//! Users: the newer version wins, and who was deleted stays deleted.

use std::time::Duration;

use directory::{DirectoryError, Upserted, User, UserFacts};
use local::fault::{Fault, Rule};

use super::{directory, facts, put, text};
use crate::harness::{Harness, account, later, ulid};

/// What is known of `user_1`.
async fn known(books: &Harness) -> User {
    directory(books).user(&account("user_1")).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_newest_version_of_a_user_wins_in_whatever_order_they_come() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let books = Harness::start().await;
        let mut newest = 0;
        for version in order {
            let email = format!("v{version}@example.com");
            let facts = facts("user_1", Some(&email), version);
            let (upserted, user) =
                directory(&books).upsert_user(&facts, None, false).await.unwrap();
            let expected = match newest {
                0 => Upserted::Created,
                newest if version > newest => Upserted::Updated,
                _ => Upserted::Older,
            };
            newest = newest.max(version);
            assert_eq!(upserted, expected, "{order:?} {version}");
            assert_eq!(user.updated_at, later(newest));
            assert_eq!(user, known(&books).await);
        }
        assert_eq!(known(&books).await.email.as_deref(), Some("v3@example.com"), "{order:?}");
        assert_eq!(known(&books).await.name.as_deref(), Some("version 3"));
    }
}

#[tokio::test]
async fn the_newest_version_wins_where_many_come_at_once() {
    let books = Harness::start().await;
    let tasks = (1..=12).map(|version| {
        let directory = directory(&books);
        tokio::spawn(async move {
            let email = format!("v{version}@example.com");
            let facts = facts("user_1", Some(&email), version);
            directory.upsert_user(&facts, None, false).await
        })
    });
    let mut upserted = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        // A user that keeps changing may be refused, and is sent again by whoever sends it.
        if let Ok((what, _)) = task.await.unwrap() {
            upserted.push(what);
        }
    }
    assert_eq!(upserted.iter().filter(|what| **what == Upserted::Created).count(), 1);
    let last = facts("user_1", Some("v12@example.com"), 12);
    directory(&books).upsert_user(&last, None, false).await.unwrap();
    assert_eq!(known(&books).await.email.as_deref(), Some("v12@example.com"));
    let first = facts("user_1", Some("v1@example.com"), 1);
    let (what, _) = directory(&books).upsert_user(&first, None, false).await.unwrap();
    assert_eq!(what, Upserted::Older);
    assert_eq!(known(&books).await.email.as_deref(), Some("v12@example.com"));
}

#[tokio::test]
async fn the_same_version_again_changes_and_writes_nothing() {
    let books = Harness::start().await;
    let facts = facts("user_1", Some("a@example.com"), 1);
    directory(&books).upsert_user(&facts, None, false).await.unwrap();
    books.front.reset();
    let (what, _) = directory(&books).upsert_user(&facts, None, false).await.unwrap();
    assert_eq!(what, Upserted::Unchanged);
    assert_eq!(books.operations(), ["GetItem"]);
}

#[tokio::test]
async fn a_deleted_user_stays_deleted_and_is_forgotten() {
    let books = Harness::start().await;
    let (directory, id) = (directory(&books), account("user_1"));
    directory.upsert_user(&facts("user_1", Some("a@example.com"), 1), None, false).await.unwrap();
    directory.tombstone(&id, later(2)).await.unwrap();
    directory.tombstone(&id, later(9)).await.unwrap();
    for version in [1, 2, 3, 1_000_000] {
        let facts = facts("user_1", Some("back@example.com"), version);
        let (what, user) = directory.upsert_user(&facts, Some(ulid()), true).await.unwrap();
        assert_eq!((what, user.deleted_at), (Upserted::Deleted, Some(later(2))), "{version}");
    }
    let user = known(&books).await;
    assert_eq!((user.email, user.name, user.opening_run), (None, None, None));
    for prefix in ["a", "back"] {
        let page = directory.users_by_email(prefix, 10, None).await.unwrap();
        assert_eq!(page.users, [], "{prefix}");
    }
}

#[tokio::test]
async fn a_user_that_was_deleted_before_it_was_heard_of_is_never_made() {
    let books = Harness::start().await;
    let (directory, id) = (directory(&books), account("user_1"));
    directory.tombstone(&id, later(1)).await.unwrap();
    let late = facts("user_1", Some("a@example.com"), 0);
    let (what, _) = directory.upsert_user(&late, None, false).await.unwrap();
    assert_eq!(what, Upserted::Deleted);
    assert_eq!(known(&books).await.email, None);
}

/// Lets `late` be decided on what is known now and written only after `meanwhile` is through.
async fn overtaken(
    books: &Harness,
    late: UserFacts,
    meanwhile: impl Future<Output = ()>,
) -> Upserted {
    books.front.next("UpdateItem", Fault::Delay(Duration::from_secs(1)));
    let directory = directory(books);
    let overtaken =
        tokio::spawn(async move { directory.upsert_user(&late, None, false).await.unwrap().0 });
    while !books.operations().contains(&"UpdateItem".to_owned()) {
        tokio::task::yield_now().await;
    }
    meanwhile.await;
    overtaken.await.unwrap()
}

#[tokio::test]
async fn a_newer_version_between_the_look_and_the_write_wins() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let facts = |version| facts("user_1", Some(&format!("v{version}@example.com")), version);
    directory.upsert_user(&facts(1), None, false).await.unwrap();
    books.front.reset();
    let newer = Box::pin(async {
        directory.upsert_user(&facts(3), None, false).await.unwrap();
    });
    assert_eq!(overtaken(&books, facts(2), newer).await, Upserted::Older);
    assert_eq!(known(&books).await.email.as_deref(), Some("v3@example.com"));
}

#[tokio::test]
async fn a_user_deleted_between_the_look_and_the_write_stays_deleted() {
    let books = Harness::start().await;
    let (directory, id) = (directory(&books), account("user_1"));
    let facts = |version| facts("user_1", Some("a@example.com"), version);
    directory.upsert_user(&facts(1), None, false).await.unwrap();
    books.front.reset();
    let deletion = async { directory.tombstone(&id, later(1)).await.unwrap() };
    assert_eq!(overtaken(&books, facts(2), deletion).await, Upserted::Deleted);
    assert_eq!(known(&books).await.email, None);
}

#[tokio::test]
async fn a_run_that_tries_a_step_again_finds_what_it_has_created() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let (first, second) = (ulid(), ulid());
    let facts = facts("user_1", None, 1);
    for _ in 0..3 {
        let (what, user) = directory.upsert_user(&facts, Some(first), true).await.unwrap();
        assert_eq!(what, Upserted::Created);
        assert_eq!((user.seen_run, user.opening_run), (Some(first), Some(first)));
    }
    let (what, user) = directory.upsert_user(&facts, Some(second), true).await.unwrap();
    assert_eq!(what, Upserted::Unchanged);
    assert_eq!((user.seen_run, user.opening_run), (Some(first), Some(first)));
}

#[tokio::test]
async fn the_run_that_opens_an_account_is_kept_once_whoever_made_the_user() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let (seeing, opening, later_run) = (ulid(), ulid(), ulid());
    let same = facts("user_1", None, 1);
    let (_, user) = directory.upsert_user(&same, None, true).await.unwrap();
    assert_eq!((user.seen_run, user.opening_run), (None, None));
    let (what, user) = directory.upsert_user(&same, Some(seeing), false).await.unwrap();
    assert_eq!((what, user.seen_run, user.opening_run), (Upserted::Unchanged, None, None));
    let older = facts("user_1", None, 0);
    let (what, user) = directory.upsert_user(&older, Some(opening), true).await.unwrap();
    assert_eq!((what, user.seen_run, user.opening_run), (Upserted::Older, None, Some(opening)));
    assert_eq!(user.name.as_deref(), Some("version 1"));
    let newer = facts("user_1", None, 2);
    let (what, user) = directory.upsert_user(&newer, Some(later_run), true).await.unwrap();
    assert_eq!((what, user.opening_run), (Upserted::Updated, Some(opening)));
}

#[tokio::test]
async fn a_write_whose_reply_is_lost_counts_as_the_one_it_was() {
    let books = Harness::start().await;
    let (directory, run) = (directory(&books), ulid());
    books.front.next("PutItem", Fault::LostReply);
    let facts = facts("user_1", Some("a@example.com"), 1);
    let (what, user) = directory.upsert_user(&facts, Some(run), true).await.unwrap();
    assert_eq!((what, user.seen_run), (Upserted::Created, Some(run)));
    assert_eq!(directory.users_by_email("a@", 10, None).await.unwrap().users, [user]);
}

#[tokio::test]
async fn more_users_than_a_batch_takes_are_read_and_those_unknown_are_absent() {
    let books = Harness::start().await;
    let directory = directory(&books);
    for number in 0..230 {
        let facts = facts(&format!("user_{number}"), None, 1);
        directory.upsert_user(&facts, None, false).await.unwrap();
    }
    let asked: Vec<_> = (0..250).chain(0..5).map(|n| account(&format!("user_{n}"))).collect();
    books.front.reset();
    let users = directory.users(&asked).await.unwrap();
    assert_eq!(books.operations(), ["BatchGetItem"; 3]);
    assert_eq!(users.len(), 230);
    assert!(users.iter().all(|(id, user)| *id == user.id));
    assert!(directory.users(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_user_that_cannot_be_read_is_an_error_that_names_its_partition() {
    let books = Harness::start().await;
    let (directory, id) = (directory(&books), account("user_1"));
    directory.upsert_user(&facts("user_1", None, 1), None, false).await.unwrap();
    let scan = books.client.scan().table_name(&books.names.state).send().await.unwrap();
    let pk = scan.items()[0]["pk"].as_s().unwrap().clone();
    put(&books, &[("pk", text(&pk)), ("sk", text("user_1")), ("created_at", text("soon"))]).await;
    let error = directory.user(&id).await.unwrap_err();
    assert!(matches!(&error, DirectoryError::Corrupt { pk: found, .. } if *found == pk), "{error}");
}

#[tokio::test]
async fn a_table_out_of_reach_is_told_as_that() {
    let books = Harness::start().await;
    books.front.rules([Rule::any(Fault::Refuse, 1_000)]);
    let error = directory(&books).user(&account("user_1")).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Unavailable(_)));
}

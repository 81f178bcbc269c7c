//! Searches for users, page by page, without gaps or doubles.

use std::collections::BTreeSet;

use directory::{Directory, User};

use super::{directory, facts};
use crate::harness::{Harness, account, later};

/// Walks every page of a search.
async fn walk(directory: &Directory, by_email: bool, prefix: &str, limit: u32) -> Vec<User> {
    let mut users = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let start = after.as_deref();
        let page = if by_email {
            directory.users_by_email(prefix, limit, start).await.unwrap()
        } else {
            directory.users_by_id(prefix, limit, start).await.unwrap()
        };
        assert!(page.users.len() <= limit as usize);
        users.extend(page.users);
        match page.next {
            Some(next) => after = Some(next),
            None => return users,
        }
    }
}

/// 57 users whose ids and addresses begin in different ways.
async fn crowd(directory: &Directory) {
    for number in 0..57 {
        let (group, domain) = (["ana", "anb", "Bob"][number % 3], ["x", "y"][number % 2]);
        let id = format!("user_{group}{number:02}");
        let email = format!("{group}.{number:02}@{domain}.example.com");
        directory.upsert_user(&facts(&id, Some(&email), 1), None, false).await.unwrap();
    }
}

#[tokio::test]
async fn users_by_id_come_in_order_without_gaps_and_doubles_whatever_the_page() {
    let books = Harness::start().await;
    let directory = directory(&books);
    crowd(&directory).await;
    for (prefix, expected) in
        [("", 57), ("user_", 57), ("user_an", 38), ("user_ana", 19), ("user_Bob0", 3), ("org_", 0)]
    {
        for limit in [1, 2, 7, 19, 38, 57, 100] {
            let users = walk(&directory, false, prefix, limit).await;
            let ids: Vec<_> = users.iter().map(|user| user.id.clone()).collect();
            let sorted: BTreeSet<_> = ids.iter().cloned().collect();
            assert_eq!(ids, sorted.into_iter().collect::<Vec<_>>(), "{prefix} {limit}");
            assert_eq!(ids.len(), expected, "{prefix} {limit}");
            assert!(ids.iter().all(|id| id.as_str().starts_with(prefix)));
        }
    }
}

#[tokio::test]
async fn users_that_share_one_partition_are_all_found() {
    let books = Harness::start().await;
    let directory = directory(&books);
    // Eight apart in their last character, so that they are kept together.
    for last in ["A", "I", "Q", "Y"] {
        let facts = facts(&format!("user_{last}"), None, 1);
        directory.upsert_user(&facts, None, false).await.unwrap();
    }
    for limit in 1..=5 {
        assert_eq!(walk(&directory, false, "user_", limit).await.len(), 4, "{limit}");
    }
}

#[tokio::test]
async fn users_by_email_are_found_in_any_case_without_gaps_and_doubles() {
    let books = Harness::start().await;
    let directory = directory(&books);
    crowd(&directory).await;
    for (prefix, expected) in [
        ("a", 38),
        ("ANA", 19),
        ("ana.", 19),
        ("bob.", 19),
        ("bob.02@x", 1),
        ("bob.02@y", 0),
        ("z", 0),
    ] {
        for limit in [1, 2, 7, 19, 38, 100] {
            let users = walk(&directory, true, prefix, limit).await;
            let emails: Vec<_> =
                users.iter().map(|user| user.email.as_deref().unwrap().to_lowercase()).collect();
            let sorted: BTreeSet<_> = emails.iter().cloned().collect();
            assert_eq!(emails, sorted.into_iter().collect::<Vec<_>>(), "{prefix} {limit}");
            assert_eq!(emails.len(), expected, "{prefix} {limit}");
            assert!(emails.iter().all(|email| email.starts_with(&prefix.to_lowercase())));
        }
    }
    assert_eq!(directory.users_by_email("", 10, None).await.unwrap().users, []);
}

#[tokio::test]
async fn an_address_that_changes_moves_its_user_in_the_search() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let emails = [Some("old@example.com"), Some("New@example.com"), None, Some("7@example.com")];
    for (version, email) in (1..).zip(emails) {
        directory.upsert_user(&facts("user_1", email, version), None, false).await.unwrap();
        for candidate in emails.into_iter().flatten() {
            let page = directory.users_by_email(candidate, 10, None).await.unwrap();
            let found = page.users.iter().map(|user| user.email.as_deref()).collect::<Vec<_>>();
            let expected: Vec<_> = if email == Some(candidate) { vec![email] } else { vec![] };
            assert_eq!(found, expected, "{candidate} while {email:?}");
        }
    }
}

#[tokio::test]
async fn two_users_of_one_address_are_both_found() {
    let books = Harness::start().await;
    let directory = directory(&books);
    for id in ["user_2", "user_1"] {
        let same = facts(id, Some("shared@example.com"), 1);
        directory.upsert_user(&same, None, false).await.unwrap();
    }
    let ids = |users: Vec<User>| users.into_iter().map(|user| user.id).collect::<Vec<_>>();
    let found = ids(walk(&directory, true, "shared@example.com", 1).await);
    assert_eq!(found, [account("user_1"), account("user_2")]);
}

#[tokio::test]
async fn an_address_longer_than_any_real_one_is_kept_and_not_searched() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let long = format!("{}@example.com", "x".repeat(2_000));
    directory.upsert_user(&facts("user_1", Some(&long), 1), None, false).await.unwrap();
    directory.upsert_user(&facts("user_1", Some(&long), 2), None, false).await.unwrap();
    let user = directory.user(&account("user_1")).await.unwrap().unwrap();
    assert_eq!((user.email, user.updated_at), (Some(long), later(2)));
    assert_eq!(directory.users_by_email("x", 10, None).await.unwrap().users, []);
}

#[tokio::test]
async fn a_position_outside_the_search_finds_nothing_that_is_not_in_it() {
    let books = Harness::start().await;
    let directory = directory(&books);
    crowd(&directory).await;
    let page = directory.users_by_id("user_ana", 100, Some("user_zzz")).await.unwrap();
    assert_eq!((page.users.len(), page.next), (0, None));
    let page = directory.users_by_id("user_ana", 100, Some("user_")).await.unwrap();
    assert_eq!(page.users.len(), 19);
    let page = directory.users_by_email("ana", 100, Some("zoe@example.com#user_1")).await.unwrap();
    assert_eq!((page.users.len(), page.next), (0, None));
}

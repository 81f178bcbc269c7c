//! Recorded answers of Clerk's. They belong to others and are not kept here: `SALDO_FIXTURES` names
//! the folder they are in (`shared/fixtures`, beside the repository's own folder, when not set).

use std::{
    fs,
    path::{Path, PathBuf},
};

use axum::{Router, response::IntoResponse as _};
use clerk::ClerkError;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{client, shown};
use crate::harness::account;

/// A recorded answer; `None`, and said so, when nobody asked for them and they are not there.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment where they are")]
fn recorded(name: &str) -> Option<Value> {
    let asked_for = std::env::var_os("SALDO_FIXTURES");
    let folder = if let Some(folder) = &asked_for {
        assert!(!folder.is_empty(), "SALDO_FIXTURES is set but empty");
        PathBuf::from(folder)
    } else {
        let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        folders.nth(2).unwrap().join("shared/fixtures")
    };
    if asked_for.is_none() && !folder.exists() {
        eprintln!("SKIPPED: no recorded answers in {}; set SALDO_FIXTURES", folder.display());
        return None;
    }
    let path = folder.join("clerk/api").join(name);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_slice(&text).unwrap())
}

/// A server that answers everything so.
async fn answering(status: u16, body: &Value) -> String {
    let (status, text) = (StatusCode::from_u16(status).unwrap(), body.to_string());
    let answer = move || {
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::RETRY_AFTER, "7")];
        std::future::ready((status, headers, text).into_response())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, Router::new().fallback(answer));
    tokio::spawn(async move { server.await });
    url
}

#[tokio::test]
async fn recorded_users_are_read() {
    let Some(page) = recorded("GET_users.page1.json") else { return };
    let users = client(&answering(200, &page).await, "sk_test_1").users(2, None).await.unwrap();
    assert_eq!(users[0].id, account("user_TEST1"));
    assert_eq!(users[1].email.as_deref(), Some("user2@example.com"));
    assert_eq!(users[0].name.as_deref(), Some("Test User1"));
    assert_eq!(users[0].created_at.as_millisecond(), 1_716_883_200_001);
    assert_eq!(users[0].credits_version, None);
    let Some(user) = recorded("GET_user.json") else { return };
    let clerk = client(&answering(200, &user).await, "sk_test_1");
    assert_eq!(clerk.user(&account("user_TEST1")).await.unwrap().as_ref(), Some(&users[0]));
    let Some(patched) = recorded("PATCH_user_metadata.json") else { return };
    let clerk = client(&answering(200, &patched).await, "sk_test_1");
    let limit = super::SOON;
    clerk.patch_metadata(&account("user_TEST1"), &shown(119), limit).await.unwrap();
}

#[tokio::test]
async fn recorded_subscription_items_are_read_with_or_without_what_clerk_may_leave_out() {
    for (name, statuses) in [
        ("active", ["active"].as_slice()),
        ("canceled_plus_upcoming_free", &["canceled", "upcoming"]),
        ("free_only", &["active"]),
        ("past_due", &["past_due"]),
    ] {
        let file = format!("GET_user_billing_subscription.{name}.json");
        let Some(subscription) = recorded(&file) else { return };
        let mut items = subscription["subscription_items"].clone();
        let bare = json!({"id": "csub_item_0", "status": "made_up"});
        items.as_array_mut().unwrap().push(bare);
        let page = json!({"data": items, "total_count": 9});
        let clerk = client(&answering(200, &page).await, "sk_test_1");
        let page = clerk.subscription_items(10, 0).await.unwrap();
        let read: Vec<&str> = page.items.iter().map(|item| item.status.as_str()).collect();
        assert_eq!(read, [statuses, &["made_up"]].concat(), "{name}");
        assert_eq!(page.total, 9);
        let first = &page.items[0];
        assert_eq!(first.is_free, name == "free_only", "{name}");
        assert!(first.plan_id.is_some() && first.period_start.is_some() && first.payer.is_none());
    }
}

#[tokio::test]
async fn recorded_errors_are_what_they_are() {
    for (status, expected) in [
        (
            401,
            "clerk refused with status 401 and code `authentication_invalid` (trace 0123456789abcdef)",
        ),
        (404, "clerk knows no such user or organization"),
        (
            422,
            "clerk refused with status 422 and code `form_param_invalid` (trace 0123456789abcdef)",
        ),
        (429, "clerk takes no more requests for now"),
    ] {
        let Some(body) = recorded(&format!("error.{status}.json")) else { return };
        let clerk = client(&answering(status, &body).await, "sk_test_1");
        let error = clerk.count_users().await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        if let ClerkError::RateLimited { retry_after } = error {
            assert_eq!(retry_after.unwrap().as_secs(), 7);
        }
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_is_unreadable_and_none_of_it_is_told() {
    for body in [json!({"secret": 1}), json!([{"id": "secret", "created_at": 1, "updated_at": 1}])]
    {
        let clerk = client(&answering(200, &body).await, "sk_test_1");
        let error = clerk.users(10, None).await.unwrap_err();
        assert!(matches!(error, ClerkError::Unreadable { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
    }
}

//! Refusals and failures are recorded, and a record that cannot be written undoes nothing.

use std::{collections::BTreeMap, sync::Arc};

use admin::{Admin, AdminDeps, Settings};
use bytes::Bytes;
use directory::{Operation, OperationFilter, OperationResult};
use http::StatusCode;
use http_api::{ApiError, TokenSettings, TokenVerifier};
use ledger::Rejection;
use local::fault::Fault;
use startup::{BoxError, Cached, Clock};

use super::directory;
use crate::harness::{Harness, account, credits, now, ulid};

async fn deps(books: &Harness) -> AdminDeps {
    let token = TokenSettings {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        jwt_key: None,
        jwks_url: None,
    };
    let no_keys = |_url| async { Err::<Bytes, BoxError>("no keys here".into()) };
    let verifier = Arc::new(TokenVerifier::new(token, no_keys).unwrap());
    let clock = Clock::fixed(now());
    let read = move || {
        let verifier = Arc::clone(&verifier);
        async move { Ok::<_, BoxError>(Settings::new(BTreeMap::new(), verifier)?) }
    };
    AdminDeps {
        settings: Cached::load(clock.clone(), read).await.unwrap(),
        clock,
        directory: directory(books),
        store: books.store.clone(),
    }
}

async fn asked(deps: &AdminDeps) -> Operation {
    let admin = Admin {
        user: account("user_admin"),
        settings: deps.settings.current().await,
        now: now(),
        operation: ulid(),
    };
    admin.operation("admin-adjust", "adjust", Some("user_1".to_owned()))
}

async fn recorded(deps: &AdminDeps) -> Vec<Operation> {
    let all = OperationFilter::default();
    deps.directory.operations(&all, now(), 10, None).await.unwrap().operations
}

#[tokio::test]
async fn what_was_refused_or_failed_is_recorded_with_its_code_and_passed_on() {
    let short = || Rejection::InsufficientCredits { required: credits(5), available: credits(2) };
    let rows: [(ApiError, OperationResult); 3] = [
        (short().into(), OperationResult::Refused),
        (ApiError::invalid_field("credits", "`credits` is missing"), OperationResult::Refused),
        (
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "clerk_unavailable", "down"),
            OperationResult::Failed,
        ),
    ];
    for (error, result) in rows {
        let books = Harness::start().await;
        let deps = deps(&books).await;
        let operation = asked(&deps).await;
        let code = error.code();
        let passed_on = deps.recorded::<()>(operation.clone(), Err(error)).await.unwrap_err();
        assert_eq!(passed_on.code(), code);
        let expected = Operation { result, error: Some(code.to_owned()), ..operation };
        assert_eq!(recorded(&deps).await, [expected]);
    }
}

#[tokio::test]
async fn what_was_done_is_recorded_by_whoever_did_it_unless_asked_for() {
    let books = Harness::start().await;
    let deps = deps(&books).await;
    let operation = asked(&deps).await;
    assert_eq!(deps.recorded(operation.clone(), Ok(7)).await.unwrap(), 7);
    assert_eq!(recorded(&deps).await, []);
    assert_eq!(deps.recorded_always(operation.clone(), Ok(7)).await.unwrap(), 7);
    assert_eq!(recorded(&deps).await, [operation]);
}

#[tokio::test]
async fn a_record_whose_reply_is_lost_is_there_once() {
    let books = Harness::start().await;
    let deps = deps(&books).await;
    let operation = asked(&deps).await;
    books.front.next("PutItem", Fault::LostReply);
    deps.record(&operation).await;
    assert_eq!(recorded(&deps).await, [operation]);
}

//! An admin's request: who asks, by which settings, at what time, under which name it is recorded.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use directory::{Directory, DirectoryError, Operation, OperationResult};
use http::{StatusCode, header::CACHE_CONTROL, request::Parts};
use http_api::{ApiError, Json, authenticated_claims};
use jiff::Timestamp;
use ledger::{AccountId, entry::Actor};
use ledger_dynamodb::{LedgerStore, StoreError};
use serde::Serialize;
use startup::{Cached, Clock, error_chain, new_ulid};
use ulid::Ulid;

use crate::Settings;

/// What functions for admins work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminDeps {
    /// What an operator has set, at most a minute old.
    pub settings: Cached<Settings>,
    /// Says the time of each request.
    pub clock: Clock,
    /// Users, plans, operations: what guards no money.
    pub directory: Directory,
    /// The books.
    pub store: LedgerStore,
}

/// A request of an admin. Its time and the name of its operation are fixed once.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Who asks: always a `user_…`.
    pub user: AccountId,
    /// By which settings the whole request is judged.
    pub settings: Arc<Settings>,
    /// When it is asked.
    pub now: Timestamp,
    /// The name of what is asked, which is also the name of the entry it may become.
    pub operation: Ulid,
}

/// 401 as every route for signed-in users; 403 `impersonation_forbidden` for who acts in another's
/// name and `admin_required` for everybody who is no admin. Neither is recorded as an operation:
/// who is no admin cannot fill the record.
impl<S> FromRequestParts<S> for Admin
where
    S: AsRef<AdminDeps> + Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let deps = state.as_ref();
        let settings = deps.settings.current().await;
        let now = deps.clock.now();
        let claims = authenticated_claims(&parts.headers, &settings.verifier, now).await?;
        if !settings.admins.admits(&claims) {
            tracing::info!(user = %claims.sub, path = parts.uri.path(), "not an admin");
            let detail = "this needs the role that the settings name for admins";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "admin_required", detail));
        }
        Ok(Self { user: claims.sub, settings, now, operation: new_ulid(now) })
    }
}

impl Admin {
    /// The admin as entries and operations name one.
    pub fn actor(&self) -> Actor {
        Actor::Admin(self.user.to_string())
    }

    /// The record of what is asked, as if it were done: its result and details are told by whoever
    /// does it, or refused by [`AdminDeps::recorded`].
    pub fn operation(&self, function: &str, action: &str, target: Option<String>) -> Operation {
        Operation {
            id: self.operation,
            at: self.now,
            actor: self.actor().to_string(),
            function: function.to_owned(),
            action: action.to_owned(),
            target,
            result: OperationResult::Done,
            error: None,
            details: BTreeMap::new(),
        }
    }
}

impl AdminDeps {
    /// Passes `done` on, and records the operation where it was refused or failed. What was done
    /// is recorded by whoever did it, best in the same transaction.
    ///
    /// A record that cannot be written is logged: the answer stays what it is.
    pub async fn recorded<T>(
        &self,
        operation: Operation,
        done: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let Err(error) = done else { return done };
        let is_ours = error.status().is_server_error();
        let result = if is_ours { OperationResult::Failed } else { OperationResult::Refused };
        let code = Some(error.code().to_owned());
        self.record(&Operation { result, error: code, ..operation }).await;
        Err(error)
    }

    /// As [`AdminDeps::recorded`], and records what was done too, as `operation` tells it.
    pub async fn recorded_always<T>(
        &self,
        operation: Operation,
        done: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if done.is_ok() {
            self.record(&operation).await;
            return done;
        }
        self.recorded(operation, done).await
    }

    /// Records what needs no transaction. A record that cannot be written is logged, and undoes
    /// nothing.
    pub async fn record(&self, operation: &Operation) {
        if let Err(error) = self.directory.record(operation).await {
            let error = error_chain(&error);
            let Operation { id, actor, action, target, result, .. } = operation;
            let result = result.as_str();
            tracing::error!(error, %id, actor, action, target, result, "an operation is not recorded");
        }
    }
}

/// The answer where credits are off.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreditsDisabled {
    credits_disabled: bool,
    message: &'static str,
}

/// 200: credits are off, nothing was moved. Logs that once.
pub fn credits_disabled(action: &str, target: Option<&str>) -> Response {
    tracing::info!(action, target, "credits are off: nothing is done");
    let message = "credits are switched off; nothing was changed";
    let answer = CreditsDisabled { credits_disabled: true, message };
    ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// What the tables may fail with.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What guards no money.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// The answer where a table gave none, or refuses: for `map_err`, whichever of the two it was.
pub fn unreadable(error: impl Into<TableError>) -> ApiError {
    match error.into() {
        TableError::Store(StoreError::Rejected(rejection)) => rejection.into(),
        TableError::Store(error @ StoreError::Unavailable(_)) => {
            ApiError::ledger_unavailable(&error)
        }
        TableError::Store(error @ StoreError::Corrupt { .. }) => ApiError::internal(&error),
        TableError::Directory(error @ DirectoryError::Unavailable(_)) => {
            ApiError::ledger_unavailable(&error)
        }
        TableError::Directory(error @ DirectoryError::Corrupt { .. }) => ApiError::internal(&error),
    }
}

#[cfg(test)]
mod tests;

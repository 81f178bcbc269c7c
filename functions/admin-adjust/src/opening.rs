//! Opening an account that nobody has used yet: only for whom the identity provider knows.

use std::{error::Error, time::Duration};

use admin::Admin;
use clerk::ClerkError;
use directory::UserFacts;
use http::StatusCode;
use http_api::ApiError;
use jiff::SignedDuration;
use ledger::{
    AccountId, Rejection,
    command::{Action, Command},
};
use ledger_dynamodb::StoreError;

use crate::AdminAdjust;

/// How long an admin waits for the identity provider before it counts as out of reach.
const CLERK_LIMIT: Duration = Duration::from_secs(5);

/// After this many seconds a failed question is worth asking again.
const RETRY_SECONDS: u32 = 5;

impl AdminAdjust {
    /// Opens `account` with its sign-up grant. Somebody may do so at the same time.
    ///
    /// 404 `unknown_user` where there is no such user or organization, so that a mistyped id never
    /// becomes an account; 503 `clerk_unavailable` where that cannot be told.
    pub(crate) async fn open(&self, admin: &Admin, account: &AccountId) -> Result<(), ApiError> {
        let known = tokio::time::timeout(CLERK_LIMIT, self.is_known(account)).await;
        if !known.map_err(|late| unavailable(&late))?? {
            return Err(unknown_user(account));
        }
        let action = Action::Open { signup: admin.settings.signup };
        // A millisecond earlier than what it is opened for, so that it comes first in the history.
        let before = admin.now.checked_sub(SignedDuration::from_millis(1)).unwrap_or(admin.now);
        let id = startup::new_ulid(before);
        let command = Command { id, actor: admin.actor(), action };
        match self.deps.store.submit(account, &command, admin.now).await {
            Ok(_) | Err(StoreError::Rejected(Rejection::AccountExists)) => Ok(()),
            Err(error) => Err(admin::unreadable(error)),
        }
    }

    /// Whether the identity provider knows the owner. A user it knows is taken into the directory,
    /// so that who has credits is found by e-mail even before the first sync.
    async fn is_known(&self, account: &AccountId) -> Result<bool, ApiError> {
        let clerk = &self.projector.current().await.clerk;
        if !account.is_user() {
            return clerk.organization_exists(account).await.map_err(|error| failed(&error));
        }
        let Some(user) = clerk.user(account).await.map_err(|error| failed(&error))? else {
            return Ok(false);
        };
        let facts = UserFacts {
            id: user.id,
            email: user.email,
            name: user.name,
            created_at: user.created_at,
            updated_at: user.updated_at,
        };
        let upserted = self.deps.directory.upsert_user(&facts, None, false).await;
        upserted.map_err(admin::unreadable)?;
        Ok(true)
    }
}

/// 404: neither we nor the identity provider know the owner.
pub(crate) fn unknown_user(account: &AccountId) -> ApiError {
    let what = if account.is_user() { "user" } else { "organization" };
    let detail = format!("there is no {what} `{account}`");
    ApiError::new(StatusCode::NOT_FOUND, "unknown_user", detail)
}

fn failed(error: &ClerkError) -> ApiError {
    unavailable(error)
}

fn unavailable(error: &(dyn Error + 'static)) -> ApiError {
    tracing::error!(error = startup::error_chain(error), "clerk does not say who there is");
    let detail = "the account is not opened, and whether there is such a user cannot be told now; \
                  nothing was moved";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "clerk_unavailable", detail)
        .retry_after(RETRY_SECONDS)
}

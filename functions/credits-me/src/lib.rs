//! What signed-in users can see of their credits. Reads only: nothing here ever writes.
//!
//! | route | answers |
//! |---|---|
//! | `GET /api/credits/me` | the balance, its buckets and, with `?include=holds`, open holds |
//! | `GET /api/credits/settings` | what each feature costs |
//! | `GET /api/credits/history` | every movement, newest first, in words |
//!
//! Each wants a Clerk session token and shows the caller's own account. They answer in every mode.

mod cursor;
mod history;
mod me;
mod price_list;
mod settings;
mod signed_in;
mod words;

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use directory::{Directory, DirectoryError};
use http_api::{ApiError, method_not_allowed, not_found};
use ledger_dynamodb::{LedgerStore, StoreError, TableNames};
use startup::{BoxError, Cached, Clock, Startup};

pub use settings::{Catalogue, InvalidSetting, PlanCredits, Settings};

/// The tables, the settings and the clock.
#[derive(Clone, Debug)]
pub struct CreditsMe {
    /// The books.
    pub store: LedgerStore,
    /// The plans.
    pub directory: Directory,
    /// What an operator has set, at most a minute old.
    pub settings: Cached<Settings>,
    /// Says the time of each request.
    pub clock: Clock,
}

/// How long a start waits for the keys of tokens, which it could do without.
const WARM_UP_LIMIT: Duration = Duration::from_secs(1);

impl CreditsMe {
    /// The function as the environment and the settings describe it. Fails, naming it, if a
    /// variable or a required setting is missing.
    pub async fn start(startup: &Startup) -> Result<Self, BoxError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let client = startup.dynamodb();
        let directory = Directory::new(client.clone(), names.state.clone());
        let store = LedgerStore::new(client, names);
        let settings = settings::keep_current(startup, store.clone(), directory.clone()).await?;
        // While start-up has a whole processor; the first request fetches them where this fails.
        let current = settings.current().await;
        let warming_up = current.verifier.warm_up(startup.clock.now());
        let _ = tokio::time::timeout(WARM_UP_LIMIT, warming_up).await;
        Ok(Self { store, directory, settings, clock: startup.clock.clone() })
    }
}

/// The function's routes.
pub fn router(function: CreditsMe) -> Router {
    Router::new()
        .route("/api/credits/me", get(me::show))
        .route("/api/credits/settings", get(price_list::show))
        .route("/api/credits/history", get(history::show))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::new(function))
}

/// The answer where the plans could not be read.
fn plans_unreadable(error: &DirectoryError) -> ApiError {
    match error {
        DirectoryError::Unavailable(_) => ApiError::ledger_unavailable(error),
        DirectoryError::Corrupt { .. } => ApiError::internal(error),
    }
}

/// The answer where the table gave none.
fn unreadable(error: StoreError) -> ApiError {
    match error {
        StoreError::Rejected(rejection) => rejection.into(),
        StoreError::Unavailable(_) => ApiError::ledger_unavailable(&error),
        StoreError::Corrupt { .. } => ApiError::internal(&error),
    }
}

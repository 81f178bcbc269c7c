//! Takes users and their plans over from Clerk, in runs.
//!
//! | route | does |
//! |---|---|
//! | `POST /api/admin/users/sync` | starts a run; a small one is answered when it is done |
//! | `GET /api/admin/users/sync` | the runs, newest first |
//! | `GET /api/admin/users/sync/{run}` | one run: how far it is and what it has done |
//! | `POST /api/admin/users/sync/{run}/resume` | goes on with one that was stopped or stalled |
//! | `POST /api/admin/users/sync/{run}/cancel` | ends one |
//!
//! Each wants an admin's session token. What changes something is recorded, done or refused. While
//! credits are off nothing is started; what there is can be looked at and ended.

#![deny(missing_docs)]

mod ask;
mod change;
mod cursor;
mod look;
mod refusal;
mod request;
mod shown;

use admin::{AdminDeps, Settings};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use directory::Directory;
use http_api::{method_not_allowed, not_found};
use ledger_dynamodb::{LedgerStore, TableNames};
use startup::{BoxError, Cached, Startup};
use sync::{Parts, Provider, Terms};

/// No body of these routes has more than a dozen members.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The name of this function in the record of operations.
const FUNCTION: &str = "admin-sync";

/// The settings, the directory and what runs work with.
#[derive(Clone, Debug)]
pub struct AdminSync {
    /// Who may ask, by which settings, and where operations are recorded.
    pub deps: AdminDeps,
    /// What runs work with.
    pub parts: Cached<Parts>,
}

impl AsRef<AdminDeps> for AdminSync {
    fn as_ref(&self) -> &AdminDeps {
        &self.deps
    }
}

impl AdminSync {
    /// The function as it is deployed. Fails, naming it, if a variable, a required setting or the
    /// secret is missing.
    pub async fn start(startup: &Startup) -> Result<Self, BoxError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let client = startup.dynamodb();
        let directory = Directory::new(client.clone(), names.state.clone());
        let store = LedgerStore::new(client, names);
        let settings = admin::keep_current(startup).await?;
        let current = settings.clone();
        let provider = move || {
            let settings = current.clone();
            async move {
                let settings = settings.current().await;
                Provider { url: settings.clerk_api_url.clone(), rate: settings.clerk_rate }
            }
        };
        let tables = (store.clone(), directory.clone());
        let parts = Parts::keep_current(startup, tables, provider).await?;
        store.warm_up().await;
        let clock = startup.clock.clone();
        Ok(Self { deps: AdminDeps { settings, clock, directory, store }, parts })
    }
}

/// The function's routes.
pub fn router(function: AdminSync) -> Router {
    Router::new()
        .route("/api/admin/users/sync", post(ask::start).get(look::list))
        .route("/api/admin/users/sync/{run}", get(look::show))
        .route("/api/admin/users/sync/{run}/resume", post(change::resume))
        .route("/api/admin/users/sync/{run}/cancel", post(change::cancel))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(function)
}

/// What a run heeds of the settings.
fn terms(settings: &Settings) -> Terms {
    Terms { mode: settings.mode, signup: settings.signup, renewal_grace: settings.renewal_grace }
}

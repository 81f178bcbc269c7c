//! What an operator can change without a deployment, and what there is to see of the whole.
//!
//! | route | who | does |
//! |---|---|---|
//! | `GET`, `PUT /api/admin/price-book` | admin | the prices in force |
//! | `GET /api/admin/price-book/{version}` | admin | the prices a hold was placed at |
//! | `GET`, `POST /api/admin/plans` | admin | the plans |
//! | `GET`, `PUT`, `DELETE /api/admin/plans/{id}` | admin | one plan |
//! | `GET /api/admin/settings` | admin | mode, toggles and limits, with who changed them |
//! | `GET`, `PUT /api/admin/settings/{name}` | admin | one of them |
//! | `GET /api/admin/reports` | admin | balances, use, syncs and queues |
//! | `GET /api/plans` | anybody | the plans that are for sale |
//!
//! Every route works in every mode, because the mode is one of the settings. Every edit names the
//! version it was made from in `If-Match`, and is recorded with who made it, done or refused.

mod plans;
mod price_book;
mod reports;
mod settings;

use std::sync::Arc;

use admin::AdminDeps;
use axum::{Router, extract::DefaultBodyLimit, routing::get};
use directory::{Directory, Operation};
use http_api::{ApiError, method_not_allowed, not_found};
use ledger_dynamodb::{LedgerStore, TableNames};
use startup::{BoxError, Startup};

use crate::{plans::PublicPlans, reports::Queues, settings::Parameters};

/// The largest body: a price book is one item of the table, which takes 400 KB.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// What the routes work with. Cheap to clone; the clones share everything.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    admin: Arc<AdminDeps>,
    parameters: Parameters,
    queues: Queues,
    public_plans: Arc<PublicPlans>,
}

impl AdminSettings {
    /// The function as the environment and the settings describe it. Fails, naming it, if a
    /// variable or a required setting is missing.
    pub async fn start(startup: &Startup) -> Result<Self, BoxError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let path = startup.required("SETTINGS_PATH")?;
        let queues = Queues::from_environment(startup)?;
        let client = startup.dynamodb();
        let directory = Directory::new(client.clone(), names.state.clone());
        let admin = AdminDeps {
            settings: admin::keep_current(startup).await?,
            clock: startup.clock.clone(),
            directory: directory.clone(),
            store: LedgerStore::new(client, names),
        };
        Ok(Self {
            public_plans: Arc::new(PublicPlans::new(startup.clock.clone(), directory)),
            parameters: Parameters::new(startup.ssm(), &path),
            queues,
            admin: Arc::new(admin),
        })
    }
}

impl AdminSettings {
    /// Passes on what became of an edit, and records it, done or refused; what was done is one line
    /// in the log as well.
    async fn recorded<T>(
        &self,
        operation: Operation,
        done: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if done.is_ok() {
            let Operation { id, actor, action, target, details, .. } = &operation;
            let (target, version) = (target.as_deref(), details.get("version"));
            tracing::info!(
                operation = %id,
                actor,
                action,
                target,
                version,
                "an admin has made an edit"
            );
        }
        self.admin.recorded_always(operation, done).await
    }
}

impl AsRef<AdminDeps> for AdminSettings {
    fn as_ref(&self) -> &AdminDeps {
        &self.admin
    }
}

/// The function's routes.
pub fn router(function: AdminSettings) -> Router {
    Router::new()
        .route("/api/admin/price-book", get(price_book::show).put(price_book::replace))
        .route("/api/admin/price-book/{version}", get(price_book::show_version))
        .route("/api/admin/plans", get(plans::list).post(plans::create))
        .route("/api/admin/plans/{id}", get(plans::show).put(plans::replace).delete(plans::delete))
        .route("/api/admin/settings", get(settings::list))
        .route("/api/admin/settings/{name}", get(settings::show).put(settings::change))
        .route("/api/admin/reports", get(reports::show))
        .route("/api/plans", get(plans::show_public))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(function)
}

/// The name under which operations of this function are recorded.
const FUNCTION: &str = "admin-settings";

/// For routes that take no parameters: a misspelt one is refused rather than passed over.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

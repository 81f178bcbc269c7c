//! What admins see of users and accounts, and how they move credits by hand.
//!
//! | route | does |
//! |---|---|
//! | `GET /api/admin/users` | finds users by e-mail or id, or lists those of one band of balances |
//! | `GET /api/admin/users/{id}` | one user: profile, subscriptions, balance, newest entries |
//! | `PUT /api/admin/users/{id}/credits` | adjusts a user's balance |
//! | `PUT /api/admin/credits/{id}` | adjusts any account's balance |
//! | `GET /api/admin/accounts/{account}` | one account: balance, buckets, open holds, entries |
//! | `GET /api/admin/accounts/{account}/entries` | its entries, by pages or as one CSV file |
//! | `POST /api/admin/accounts/{account}/grants` | grants credits that were paid for elsewhere |
//! | `POST /api/admin/accounts/{account}/entries/{id}/refund` | gives a call's cost back |
//! | `POST /api/admin/accounts/{account}/freeze` | stops new calls |
//! | `POST /api/admin/accounts/{account}/unfreeze` | lets them go on |
//! | `GET /api/admin/operations` | what admins did, or were refused |
//!
//! Each wants an admin's session token. Whatever changes something is recorded, done or refused:
//! what is done in the transaction that does it. While credits are off nothing is moved.

#![deny(missing_docs)]

mod adjust;
mod asked;
mod cursor;
mod entries;
mod freeze;
mod grant;
mod lookup;
mod movement;
mod opening;
mod operations;
mod refund;
mod shown;
mod start;
mod users;

use admin::AdminDeps;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post, put},
};
use http_api::{method_not_allowed, not_found};
use projection::Projector;
use startup::Cached;

/// No body of these routes has more than a reason, a reference and a few numbers.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The books, the directory, the settings and the way to the identity provider.
#[derive(Clone, Debug)]
pub struct AdminAdjust {
    /// Who may ask, by which settings, and where operations are recorded.
    pub deps: AdminDeps,
    /// Shows balances in the identity provider's metadata.
    pub projector: Cached<Projector>,
}

impl AsRef<AdminDeps> for AdminAdjust {
    fn as_ref(&self) -> &AdminDeps {
        &self.deps
    }
}

/// The function's routes.
pub fn router(function: AdminAdjust) -> Router {
    Router::new()
        .route("/api/admin/users", get(users::list))
        .route("/api/admin/users/{id}", get(lookup::user))
        .route("/api/admin/users/{id}/credits", put(adjust::user))
        .route("/api/admin/credits/{id}", put(adjust::account))
        .route("/api/admin/accounts/{account}", get(lookup::account))
        .route("/api/admin/accounts/{account}/entries", get(entries::list))
        .route("/api/admin/accounts/{account}/entries/{id}/refund", post(refund::refund))
        .route("/api/admin/accounts/{account}/grants", post(grant::grant))
        .route("/api/admin/accounts/{account}/freeze", post(freeze::freeze))
        .route("/api/admin/accounts/{account}/unfreeze", post(freeze::unfreeze))
        .route("/api/admin/operations", get(operations::list))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(function)
}

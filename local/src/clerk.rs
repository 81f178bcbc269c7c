//! A Clerk to develop and test against: its Backend API with users, organizations and
//! subscriptions that stay as they are left.
//!
//! Clerk's own SDKs take it for Clerk: the shapes, the errors with their trace id, metadata that is
//! merged deeply, lists by pages, the rate limits with `Retry-After`, and `application/json` without
//! a charset. It holds 100,000 users in some 10 MB, because a user nobody has touched is an id.
//!
//! | route | does |
//! |---|---|
//! | `GET /v1/users` | `limit` (10, at most 500), `offset` or `starting_after`, `order_by`, `user_id` |
//! | `GET /v1/users/count`, `GET`, `DELETE /v1/users/{id}` | |
//! | `PATCH /v1/users/{id}/metadata` | merges deeply; `null` removes a key |
//! | `PUT /v1/users/{id}/metadata` | replaces each field that is sent |
//! | `GET /v1/organizations/{id}`, `PATCH`, `PUT …/metadata` | the same for an organization |
//! | `GET /v1/billing/plans`, `GET /v1/billing/subscription_items` | lists by `limit` and `offset` |
//! | `GET /v1/users/{id}/billing/subscription`, `…/organizations/…` | 404 where there is none |
//! | `GET /v1/jwks`, `GET /.well-known/jwks.json` | the keys given in [`Options`], unlimited |
//!
//! How it misbehaves, and who there is, is controlled in process ([`ClerkStandIn`]) or over HTTP,
//! without a key, in an outage too:
//!
//! | control | body |
//! |---|---|
//! | `POST /_stand-in/users` | `{"count": 100}`, or `{"id": "user_ada", "email": …, "publicMetadata": {…}}` |
//! | `GET`, `DELETE /_stand-in/users/{id}` | |
//! | `POST /_stand-in/organizations` | `{"id": "org_acme"}` |
//! | `POST /_stand-in/plans` | `{"id": "cplan_X", "slug": "x", "amountCents": 900}` |
//! | `POST /_stand-in/subscriptions` | `{"item": …, "account": …, "plan": …, "status": …, "periodStart": …, "periodEnd": …}`; the same item again changes it |
//! | `PUT /_stand-in/outage` | `{"mode": "none"}`, `"drop"` (connections break), `"503"` |
//! | `PUT /_stand-in/slow` | `{"ms": 3000}`; 0 ends it |
//! | `PUT /_stand-in/limits` | `{"all": 1000, "user": 10}`, each in ten seconds |
//! | `GET /_stand-in/calls` | the last calls, and how many there were |

mod billing;
mod controls;
mod limits;
mod metadata;
mod owners;
mod reply;
mod routes;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod users;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use startup::Clock;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use billing::{Plan, Subscription};
pub use state::{Call, Outage};

use crate::mint::Mint;
use state::Shared;

/// The secret key accepted unless [`Options::secret_key`] says otherwise.
pub const SECRET_KEY: &str = "sk_test_standin5f2d8c1e9b7a4630";

/// Requests in ten seconds: Clerk's own limit for a production instance.
const LIMIT_ALL: u32 = 1_000;

/// Metadata writes of one user in ten seconds: Clerk's own limit.
const LIMIT_USER: u32 = 10;

/// What can be chosen about the stand-in.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bearer key that is accepted.
    pub secret_key: String,
    /// The answer of the key routes.
    pub jwks: Value,
    /// What the limits count seconds by, and users are changed at.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        let clock = Clock::system();
        Self { secret_key: SECRET_KEY.to_owned(), jwks: json!({"keys": []}), clock }
    }
}

impl Options {
    /// The default, with the keys that check the mint's tokens.
    pub fn with_keys_of(mint: &Mint) -> Self {
        Self { jwks: mint.jwks(), ..Self::default() }
    }
}

/// A running stand-in; it closes its connections once this is dropped.
#[derive(Debug)]
pub struct ClerkStandIn {
    /// Where it is, without a path: what goes into `CLERK_API_URL`, and what an SDK takes as its
    /// API URL.
    pub url: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

/// Starts the stand-in with the default [`Options`] and without users.
///
/// Fails where the listener has no local address. Must be called inside a Tokio runtime.
pub fn start(listener: TcpListener) -> io::Result<ClerkStandIn> {
    start_with(listener, Options::default())
}

/// Starts the stand-in; fails where the listener has no local address.
///
/// Must be called inside a Tokio runtime.
pub fn start_with(listener: TcpListener, options: Options) -> io::Result<ClerkStandIn> {
    let url = format!("http://{}", listener.local_addr()?);
    let shared = Arc::new(Shared::new(options));
    let server = tokio::spawn(server::accept(listener, Arc::clone(&shared))).abort_handle();
    Ok(ClerkStandIn { url, shared, server })
}

impl ClerkStandIn {
    /// Adds `count` users after those there are: the n-th of all is `user_{n}`, signed up a
    /// millisecond after the one before.
    pub fn add_users(&self, count: usize) {
        self.shared.state().users.add_many(count);
    }

    /// Adds a user of this id, signed up after all others, with this public metadata. One who is
    /// there already only gets the metadata.
    pub fn add_user(&self, id: &str, public_metadata: &Value) {
        let now_ms = self.shared.now_ms();
        let mut state = self.shared.state();
        state.users.add(id);
        state.users.owners.replace(id, "public_metadata", public_metadata, now_ms);
    }

    /// Gives the user another primary address, as an edit in Clerk's dashboard does.
    pub fn set_email(&self, id: &str, email: &str) {
        let now_ms = self.shared.now_ms();
        self.shared.state().users.set_email(id, email, now_ms);
    }

    /// Removes a user.
    pub fn remove_user(&self, id: &str) {
        self.shared.state().users.remove(id);
    }

    /// Adds an organization of this id.
    pub fn add_organization(&self, id: &str) {
        self.shared.state().add_organization(id);
    }

    /// The user or organization as Clerk would tell of it; `null` where there is none.
    pub fn user(&self, id: &str) -> Value {
        self.shared.state().owner(id).unwrap_or_default()
    }

    /// Adds a plan, or changes the one of that id. There are `cplan_PRO` (`pro`, $20) and the
    /// default `cplan_FREE` (`free`) from the start.
    pub fn add_plan(&self, plan: Plan) {
        self.shared.state().billing.put_plan(plan);
    }

    /// Adds a subscription item, or changes the one of that id.
    ///
    /// Panics where there is no such plan: a mistake in the test.
    #[expect(clippy::expect_used, reason = "a test that names no plan of its own is wrong")]
    pub fn add_subscription(&self, subscription: &Subscription) {
        let now_ms = self.shared.now_ms();
        let put = self.shared.state().billing.put_item(subscription, now_ms);
        put.expect("the subscription names a plan of the stand-in");
    }

    /// Breaks every connection instead of answering, or stops doing so.
    pub fn set_outage(&self, outage: bool) {
        self.set_outage_mode(if outage { Outage::Drop } else { Outage::None });
    }

    /// How calls fail from now on.
    pub fn set_outage_mode(&self, outage: Outage) {
        self.shared.state().outage = outage;
    }

    /// Lets every call take so long. What was asked is done then, whoever still waits for it.
    pub fn set_slow(&self, slow: Option<Duration>) {
        self.shared.state().slow = slow;
    }

    /// The requests taken in ten seconds: of all, and metadata writes of one user.
    pub fn set_limits(&self, all: u32, user: u32) {
        self.shared.state().limits.set(all, user);
    }

    /// The last 20,000 calls, oldest first, those included that were refused or dropped.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.iter().cloned().collect()
    }

    /// How many calls there were since the start, forgotten ones included.
    pub fn call_count(&self) -> u64 {
        self.shared.state().call_count
    }

    /// The most metadata writes of one user that were ever in progress at the same time.
    pub fn most_at_once(&self, id: &str) -> usize {
        self.shared.state().at_once.get(id).map_or(0, |at_once| at_once.most)
    }
}

impl Drop for ClerkStandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

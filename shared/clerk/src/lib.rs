//! Clerk's Backend API, as far as credits need it: the users, their subscriptions, and the numbers
//! shown in their public metadata.
//!
//! Metadata is only ever merged (`PATCH`), never replaced, so that what others keep there, a role
//! for example, survives. Nothing here is tried again: who calls knows what may be repeated and
//! when. No answer's body, no key and nothing personal gets into an error.

#![warn(missing_docs)]

mod error;
mod exchange;
mod metadata;
mod secret;
mod subscription;
mod user;

use std::time::Duration;

use http::Method;
use ledger::AccountId;
use serde::Deserialize;
use startup::HttpClient;

pub use crate::error::ClerkError;
pub use crate::metadata::CreditsMetadata;
pub use crate::secret::{InvalidSecret, Secret};
pub use crate::subscription::{SubscriptionItem, SubscriptionItems};
pub use crate::user::User;

/// The version of the interface that is spoken, as Clerk names them.
pub const API_VERSION: &str = "2026-05-12";

/// The most users Clerk puts on one page, and so the most that may be asked for.
pub const USERS_MAX: u16 = 500;

/// How long a read may take. A page of 500 users is about a megabyte; Clerk takes some seconds for
/// it at worst.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// A client of the interface. Cheap to clone; the clones share their connections.
#[derive(Clone, Debug)]
pub struct Clerk {
    http: HttpClient,
    /// With `/v1`, without a slash at its end.
    base_url: String,
    secret: Secret,
}

#[derive(Deserialize)]
struct Counted {
    total_count: u64,
}

/// What an answer holds of which only the status counts.
#[derive(Deserialize)]
struct Whatever {}

impl Clerk {
    /// A client for the interface at `base_url` (`https://api.clerk.com`; a `/v1` at its end is
    /// understood) with the instance's secret key.
    pub fn new(http: HttpClient, base_url: &str, secret: Secret) -> Self {
        let base_url = base_url.trim_end_matches('/');
        let base_url = base_url.strip_suffix("/v1").unwrap_or(base_url);
        Self { http, base_url: format!("{base_url}/v1"), secret }
    }

    /// At most `limit` users (up to [`USERS_MAX`]) in the order they were created, from the one
    /// after `starting_after` on. Fewer than `limit` means that there are no more.
    ///
    /// New users come last in this order, so that a walk misses nobody and sees nobody twice.
    pub async fn users(
        &self,
        limit: u16,
        starting_after: Option<&str>,
    ) -> Result<Vec<User>, ClerkError> {
        // A plus sign would arrive as a space.
        let mut path = format!("/users?order_by=%2Bcreated_at&limit={limit}");
        if let Some(last) = starting_after {
            path.push_str("&starting_after=");
            path.push_str(&escaped(last));
        }
        let users: Vec<user::Wire> = self.read("users", &path).await?;
        users.into_iter().map(User::try_from).collect()
    }

    /// How many users there are.
    pub async fn count_users(&self) -> Result<u64, ClerkError> {
        let counted: Counted = self.read("the number of users", "/users/count").await?;
        Ok(counted.total_count)
    }

    /// The user of that id; `None` where Clerk knows none.
    pub async fn user(&self, id: &AccountId) -> Result<Option<User>, ClerkError> {
        let found = self.read::<user::Wire>("a user", &format!("/users/{id}")).await;
        found_or_none(found)?.map(User::try_from).transpose()
    }

    /// Whether Clerk knows an organization of that id.
    pub async fn organization_exists(&self, id: &AccountId) -> Result<bool, ClerkError> {
        let path = format!("/organizations/{id}");
        let found = self.read::<Whatever>("an organization", &path).await;
        Ok(found_or_none(found)?.is_some())
    }

    /// At most `limit` subscription items of all payers, of every status and of free plans too,
    /// from the one at `offset` on, newest first.
    pub async fn subscription_items(
        &self,
        limit: u16,
        offset: u64,
    ) -> Result<SubscriptionItems, ClerkError> {
        let path = format!(
            "/billing/subscription_items?paginated=true&include_free=true&limit={limit}\
             &offset={offset}"
        );
        self.read::<subscription::Page>("subscription items", &path).await?.try_into()
    }

    /// Merges the numbers into the public metadata of the user or organization, and takes at most
    /// `limit` for it. After [`ClerkError::Unavailable`] it is not known whether they were merged.
    pub async fn patch_metadata(
        &self,
        account: &AccountId,
        credits: &CreditsMetadata,
        limit: Duration,
    ) -> Result<(), ClerkError> {
        let owners = if account.is_user() { "users" } else { "organizations" };
        let path = format!("/{owners}/{account}/metadata");
        let request = self.request(Method::PATCH, &path, Some(&credits.patch()))?;
        let answer = self.exchange(request, limit).await?;
        answer.json::<Whatever>("metadata").map(drop)
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        path: &str,
    ) -> Result<T, ClerkError> {
        let request = self.request(Method::GET, path, None)?;
        self.exchange(request, READ_LIMIT).await?.json(what)
    }
}

/// The text as the value of a parameter: it may come from an administrator's request.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

fn found_or_none<T>(found: Result<T, ClerkError>) -> Result<Option<T>, ClerkError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ClerkError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

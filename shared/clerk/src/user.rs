//! A user as Clerk tells of them.

use jiff::Timestamp;
use ledger::AccountId;
use serde::Deserialize;
use serde_json::Value;

use crate::ClerkError;

/// A user, as far as credits need to know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `user_…`
    pub id: AccountId,
    /// The primary address, if there is one.
    pub email: Option<String>,
    /// First and last name, as far as given.
    pub name: Option<String>,
    /// When they signed up.
    pub created_at: Timestamp,
    /// The version of this state: the later of two is the newer.
    pub updated_at: Timestamp,
    /// The version of the balance that their public metadata shows; `None` where it shows none.
    pub credits_version: Option<u64>,
}

/// The members that are read. Clerk sends many more, and may send others tomorrow.
#[derive(Deserialize)]
pub(crate) struct Wire {
    id: String,
    #[serde(default)]
    primary_email_address_id: Option<String>,
    #[serde(default)]
    email_addresses: Vec<Address>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    /// `null` where nothing was ever written.
    #[serde(default)]
    public_metadata: Option<Metadata>,
    created_at: i64,
    updated_at: i64,
}

#[derive(Deserialize)]
struct Address {
    id: String,
    email_address: String,
}

#[derive(Deserialize)]
struct Metadata {
    /// Anybody with the key may have written anything here.
    #[serde(default, rename = "creditsVersion")]
    credits_version: Value,
}

impl TryFrom<Wire> for User {
    type Error = ClerkError;

    fn try_from(wire: Wire) -> Result<Self, ClerkError> {
        let what = "a user";
        let id = AccountId::parse(&wire.id).ok().filter(AccountId::is_user);
        let id = id.ok_or_else(|| fault(what, "has an id that is none of a user"))?;
        let primary = wire.primary_email_address_id;
        let is_primary = |address: &Address| Some(&address.id) == primary.as_ref();
        let email = wire.email_addresses.into_iter().find(is_primary);
        let names = [wire.first_name, wire.last_name].into_iter().flatten();
        let names: Vec<String> = names.filter(|name| !name.trim().is_empty()).collect();
        Ok(Self {
            id,
            email: email.map(|address| address.email_address),
            name: Some(names.join(" ")).filter(|name| !name.is_empty()),
            created_at: time(what, wire.created_at)?,
            updated_at: time(what, wire.updated_at)?,
            credits_version: wire.public_metadata.and_then(|shown| shown.credits_version.as_u64()),
        })
    }
}

/// A time of Clerk's, in milliseconds since 1970.
pub(crate) fn time(what: &'static str, milliseconds: i64) -> Result<Timestamp, ClerkError> {
    let time = Timestamp::from_millisecond(milliseconds);
    time.map_err(|_| fault(what, "has a time that is none"))
}

pub(crate) fn fault(what: &'static str, problem: &str) -> ClerkError {
    ClerkError::Unreadable { what, problem: problem.to_owned() }
}

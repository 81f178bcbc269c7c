//! Who owns a balance.

use std::{fmt, str::FromStr};

/// The owner of a balance: a Clerk user (`user_…`) or a Clerk organization (`org_…`).
///
/// At most 64 characters of `[A-Za-z0-9_]`, so that it needs no escaping in a key, a URL or a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

/// Not an account id. The text itself is left out: it may be anything a caller sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account is `user_…` or `org_…`, at most 64 letters, digits and underscores")]
pub struct InvalidAccountId;

impl AccountId {
    const LENGTH_MAX: usize = 64;

    /// The account named by `text`; [`InvalidAccountId`] for anything but `user_…` and `org_…`.
    pub fn parse(text: &str) -> Result<Self, InvalidAccountId> {
        let name = text
            .strip_prefix("user_")
            .or_else(|| text.strip_prefix("org_"))
            .ok_or(InvalidAccountId)?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || text.len() > Self::LENGTH_MAX || !name.bytes().all(legal) {
            return Err(InvalidAccountId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as Clerk writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the owner is a person rather than an organization.
    pub fn is_user(&self) -> bool {
        self.0.starts_with("user_")
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, InvalidAccountId> {
        Self::parse(text)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

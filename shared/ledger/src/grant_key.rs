//! Names of economic facts: what makes a grant, an adjustment or a refund count once, for ever.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use crate::AccountId;

/// The economic fact behind a grant, such as one paid invoice line. Never a delivery id: the same
/// fact may be delivered many times and is granted once, for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantKey(String);

/// Not a grant key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a grant key is 1 to 512 visible ASCII characters without `#`")]
pub struct InvalidGrantKey;

impl GrantKey {
    /// The key of the one sign-up grant an account opens with.
    pub fn signup(account: &AccountId) -> Self {
        Self(format!("signup:{account}"))
    }

    /// The key of a grant by hand or from another payment provider, by the granter's own
    /// `reference`: `manual:{account}:{reference}`. [`InvalidGrantKey`] for an empty reference,
    /// one with other than visible ASCII or with `#`, and one too long.
    pub fn manual(account: &AccountId, reference: &str) -> Result<Self, InvalidGrantKey> {
        Self::of("manual", account, reference)
    }

    /// The key of an adjustment, by the caller's own `key`: `adjustment:{account}:{key}`.
    /// [`InvalidGrantKey`] as for [`GrantKey::manual`].
    pub fn adjustment(account: &AccountId, key: &str) -> Result<Self, InvalidGrantKey> {
        Self::of("adjustment", account, key)
    }

    /// The key of a refund of a call, by the caller's own `reference`:
    /// `refund:{account}:{reference}`. [`InvalidGrantKey`] as for [`GrantKey::manual`].
    pub fn refund(account: &AccountId, reference: &str) -> Result<Self, InvalidGrantKey> {
        Self::of("refund", account, reference)
    }

    /// The key of a plan in a period: `{item}:{unix milliseconds of start}:{plan}`. `item` is the
    /// provider's subscription item with the provider's name before it, such as `clerk:subi_1`.
    /// [`InvalidGrantKey`] where `item` or `plan` is empty or has what no key may have.
    pub fn plan(item: &str, start: Timestamp, plan: &str) -> Result<Self, InvalidGrantKey> {
        if item.is_empty() || plan.is_empty() {
            return Err(InvalidGrantKey);
        }
        format!("{item}:{}:{plan}", start.as_millisecond()).parse()
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(kind: &str, account: &AccountId, name: &str) -> Result<Self, InvalidGrantKey> {
        if name.is_empty() {
            return Err(InvalidGrantKey);
        }
        format!("{kind}:{account}:{name}").parse()
    }
}

impl FromStr for GrantKey {
    type Err = InvalidGrantKey;

    fn from_str(text: &str) -> Result<Self, InvalidGrantKey> {
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if text.is_empty() || text.len() > 512 || !text.bytes().all(legal) {
            return Err(InvalidGrantKey);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for GrantKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

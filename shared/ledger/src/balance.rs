//! The hot number: what an account can spend, and when that may change by itself.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;

use crate::{Credits, Rejection};

/// Why an account places no holds. More than one reason can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FreezeReason {
    /// A payment is disputed.
    Dispute,
    /// The books do not add up; only an admin lifts it.
    Quarantine,
    /// The user was deleted.
    Closed,
    /// An admin's decision.
    Admin,
}

/// Not a reason to freeze an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a freeze reason is `dispute`, `quarantine`, `closed` or `admin`")]
pub struct InvalidFreezeReason;

impl FreezeReason {
    /// The word in the table, in answers and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dispute => "dispute",
            Self::Quarantine => "quarantine",
            Self::Closed => "closed",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for FreezeReason {
    type Err = InvalidFreezeReason;

    fn from_str(text: &str) -> Result<Self, InvalidFreezeReason> {
        match text {
            "dispute" => Ok(Self::Dispute),
            "quarantine" => Ok(Self::Quarantine),
            "closed" => Ok(Self::Closed),
            "admin" => Ok(Self::Admin),
            _ => Err(InvalidFreezeReason),
        }
    }
}

impl fmt::Display for FreezeReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What an account can spend. Small, because every guarded call writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The sum of the account's entries. Below zero only after a claw-back or a late charge.
    pub available: Credits,
    /// When the next bucket expires. Until expiry has run, nothing moves the balance.
    pub next_expiry: Option<Timestamp>,
    /// Why the account places no holds; empty for an account in order.
    pub frozen: BTreeSet<FreezeReason>,
    /// Counts cold writes. A cold write commits only on the revision it read.
    pub revision: u64,
}

/// Why a hold was not placed, as far as the balance tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A bucket has expired: run expiry, then try again.
    ExpiryDue,
    /// Waiting or trying again does not help.
    Refused(Rejection),
}

impl Balance {
    /// Whether a bucket's expiry is due at `now` and has not been applied.
    pub fn expiry_due(&self, now: Timestamp) -> bool {
        self.next_expiry.is_some_and(|expiry| expiry <= now)
    }

    /// What stands in the way of holding `required` credits at `now`; `None` if nothing does.
    ///
    /// The write's own condition is the same rule: `available >= required AND next_expiry > now
    /// AND not frozen`. A due expiry is named before a shortage, because the numbers of a
    /// shortage are only right once expired credits are gone.
    pub fn obstacle(&self, required: Credits, now: Timestamp) -> Option<Obstacle> {
        if !self.frozen.is_empty() {
            let reasons = self.frozen.clone();
            return Some(Obstacle::Refused(Rejection::AccountFrozen { reasons }));
        }
        if self.expiry_due(now) {
            return Some(Obstacle::ExpiryDue);
        }
        if self.available < required {
            let available = self.available;
            let shortage = Rejection::InsufficientCredits { required, available };
            return Some(Obstacle::Refused(shortage));
        }
        None
    }
}

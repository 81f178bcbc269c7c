//! One immutable movement of credits: how much, when, why and by whom.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use crate::{
    AccountId, Credits, EntryId, HoldId,
    bucket::Source,
    hold::{Ending, HoldTerms},
};

pub use crate::grant_key::{GrantKey, InvalidGrantKey};

/// One immutable movement. An account's balance is the sum of its entries' amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name within the account.
    pub id: EntryId,
    /// Whose credits moved.
    pub account: AccountId,
    /// What moved: above zero in, below zero out.
    pub amount: Credits,
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// Why, with what the kind needs.
    pub cause: Cause,
}

/// The kind of an entry with what belongs to it. Closed: what is not here does not move credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Credits taken before a call.
    Hold(HoldTerms),
    /// The one end of a hold; the amount is what is given back.
    Outcome {
        /// The hold ended.
        hold: HoldId,
        /// How.
        ending: Ending,
    },
    /// A call delivered after its hold had expired, charged late.
    Charge {
        /// The hold that had expired.
        hold: HoldId,
    },
    /// Credits granted, which made a bucket of the entry's ULID.
    Grant {
        /// Where they come from.
        source: Source,
        /// The economic fact, if one is behind it.
        key: Option<GrantKey>,
        /// When what is left of them expires.
        expires_at: Option<Timestamp>,
        /// Free text of the granter, at most 500 characters.
        note: Option<String>,
    },
    /// A call's cost given back after its end, in part or whole.
    Refund {
        /// The call's hold.
        hold: HoldId,
        /// Free text of the refunder, at most 500 characters.
        note: Option<String>,
    },
    /// A balance moved by hand.
    Adjustment {
        /// Free text of the admin, at most 500 characters.
        reason: Option<String>,
    },
    /// Credits forfeited because their time was over.
    Expiry {
        /// Where they came from.
        source: Source,
    },
    /// Credits taken back because their payment was.
    Clawback {
        /// The movement of money, such as `stripe:re:…`.
        key: GrantKey,
        /// The payment that is taken back.
        payment: String,
    },
    /// Credits given again because a taken-back payment came back.
    Reinstatement {
        /// The movement of money, such as `stripe:dp:…:reinstated`.
        key: GrantKey,
        /// The payment that came back.
        payment: String,
    },
}

/// The nine kinds of entry there are, as the table and the answers write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Credits taken before a call.
    Hold,
    /// The one end of a hold.
    Outcome,
    /// A late charge.
    Charge,
    /// Credits granted.
    Grant,
    /// A call's cost given back.
    Refund,
    /// A balance moved by hand.
    Adjustment,
    /// Credits forfeited by time.
    Expiry,
    /// Credits taken back with their payment.
    Clawback,
    /// Credits given again with their payment.
    Reinstatement,
}

/// A kind of entry this version does not know. Its amount must not be guessed: the account is
/// quarantined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry kind `{0}` is not known")]
pub struct UnknownKind(pub String);

impl Kind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::Hold,
        Self::Outcome,
        Self::Charge,
        Self::Grant,
        Self::Refund,
        Self::Adjustment,
        Self::Expiry,
        Self::Clawback,
        Self::Reinstatement,
    ];

    /// The word in the table and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Outcome => "outcome",
            Self::Charge => "charge",
            Self::Grant => "grant",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
            Self::Expiry => "expiry",
            Self::Clawback => "clawback",
            Self::Reinstatement => "reinstatement",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Cause {
    /// The kind, without what belongs to it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hold(_) => Kind::Hold,
            Self::Outcome { .. } => Kind::Outcome,
            Self::Charge { .. } => Kind::Charge,
            Self::Grant { .. } => Kind::Grant,
            Self::Refund { .. } => Kind::Refund,
            Self::Adjustment { .. } => Kind::Adjustment,
            Self::Expiry { .. } => Kind::Expiry,
            Self::Clawback { .. } => Kind::Clawback,
            Self::Reinstatement { .. } => Kind::Reinstatement,
        }
    }
}

/// Who caused an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user, by Clerk id.
    User(String),
    /// An admin, by Clerk id.
    Admin(String),
    /// A back end with a service key, by the key's name.
    Service(String),
    /// One of the functions, by name.
    System(String),
}

/// Not an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an actor is `user:…`, `admin:…`, `service:…` or `system:…`")]
pub struct InvalidActor;

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        match text.split_once(':') {
            Some(("user", name)) => Ok(Self::User(name.to_owned())),
            Some(("admin", name)) => Ok(Self::Admin(name.to_owned())),
            Some(("service", name)) => Ok(Self::Service(name.to_owned())),
            Some(("system", name)) => Ok(Self::System(name.to_owned())),
            _ => Err(InvalidActor),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, name) = match self {
            Self::User(name) => ("user", name),
            Self::Admin(name) => ("admin", name),
            Self::Service(name) => ("service", name),
            Self::System(name) => ("system", name),
        };
        write!(formatter, "{role}:{name}")
    }
}

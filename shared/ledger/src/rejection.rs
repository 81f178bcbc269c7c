//! Why a command was refused. A closed list that callers branch on; infrastructure failures are
//! the store's own error type.

use std::collections::BTreeSet;

use crate::{Credits, balance::FreezeReason, credits::AmountTooLarge};

/// Why a command was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The balance does not cover it.
    #[error("credits short: {required} needed and {available} available")]
    InsufficientCredits {
        /// What the call or movement needs.
        required: Credits,
        /// What there is. Below zero while a debt stands.
        available: Credits,
    },
    /// The account places no holds while it is frozen.
    #[error("the account is frozen")]
    AccountFrozen {
        /// Every reason that stands.
        reasons: BTreeSet<FreezeReason>,
    },
    /// There is no such account yet.
    #[error("the account does not exist")]
    NoAccount,
    /// The account is there already.
    #[error("the account exists already")]
    AccountExists,
    /// There is no such hold.
    #[error("the hold does not exist")]
    NoHold,
    /// The hold was ended another way, and stays so.
    #[error("the hold was {ended} and cannot be {wanted}")]
    HoldEnded {
        /// How it ended.
        ended: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// More is to be charged than was held, or less than nothing.
    #[error("a charge of {charged} is not within the {held} credits held")]
    ChargeOutsideHold {
        /// What was asked for.
        charged: Credits,
        /// What the hold took.
        held: Credits,
    },
    /// The fact was granted before, to another account or in another amount.
    #[error("this grant key was used for another account or amount")]
    GrantKeyConflict,
    /// Giving or taking back this much would exceed what the call cost or the payment granted.
    #[error("the limit of {limit} credits would be exceeded")]
    ReversalLimit {
        /// What the call cost in the end, or the payment granted.
        limit: Credits,
    },
    /// The call has not ended, so what it cost is not known.
    #[error("the call has not ended")]
    CallOpen,
    /// The amount must be above zero here.
    #[error("the amount must be above zero")]
    AmountNotPositive,
    /// The amount, or the balance it would lead to, is out of bounds.
    #[error(transparent)]
    AmountTooLarge(#[from] AmountTooLarge),
    /// A grant that has expired before it is made.
    #[error("the expiry is not in the future")]
    ExpiryNotInFuture,
    /// The account holds as many buckets as it may.
    #[error("the account has {limit} buckets of credits, the most it may have")]
    TooManyBuckets {
        /// [`Account::BUCKETS_MAX`](crate::account::Account::BUCKETS_MAX).
        limit: u32,
    },
    /// More calls at once than one balance can be written for; nothing was held.
    #[error("the account is used faster than its balance can be written")]
    RateLimited,
    /// The balance kept moving while the command was decided; nothing was moved.
    #[error("the account is busy")]
    Busy,
}

impl Rejection {
    /// The stable code for answers, logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InsufficientCredits { .. } => "insufficient_credits",
            Self::AccountFrozen { .. } => "account_frozen",
            Self::NoAccount => "no_account",
            Self::AccountExists => "account_exists",
            Self::NoHold => "no_hold",
            Self::HoldEnded { .. } => "hold_ended",
            Self::ChargeOutsideHold { .. } => "charge_outside_hold",
            Self::GrantKeyConflict => "grant_key_conflict",
            Self::ReversalLimit { .. } => "reversal_limit",
            Self::CallOpen => "call_open",
            Self::AmountNotPositive => "amount_not_positive",
            Self::AmountTooLarge(_) => "amount_too_large",
            Self::ExpiryNotInFuture => "expiry_not_in_future",
            Self::TooManyBuckets { .. } => "too_many_buckets",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
        }
    }
}

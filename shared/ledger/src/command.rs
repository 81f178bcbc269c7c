//! What may be asked of an account beside a guarded call.

use jiff::Timestamp;
use ulid::Ulid;

use crate::{
    Credits, HoldId,
    balance::FreezeReason,
    bucket::Source,
    entry::{Actor, GrantKey},
};

/// A cold command: decided from the state read, committed on the revision read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The name of its entry, fixed before the first read and kept over every retry: finding an
    /// entry of this name means that the command is done.
    pub id: Ulid,
    /// Who asks.
    pub actor: Actor,
    /// For what.
    pub action: Action,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Opens the account with its sign-up grant (0 credits: with none).
    Open {
        /// Credits granted once at sign-up.
        signup: Credits,
    },
    /// Adds a bucket.
    Grant(Grant),
    /// Moves the balance by hand.
    Adjust {
        /// How far.
        adjustment: Adjustment,
        /// Why, at most 500 characters.
        reason: Option<String>,
    },
    /// Gives back what an ended call cost, in part or whole.
    Refund {
        /// The call's hold.
        hold: HoldId,
        /// What is given back; above zero.
        amount: Credits,
        /// What the call cost in the end.
        cost: Credits,
        /// Why, at most 500 characters.
        note: Option<String>,
    },
    /// Takes back what a reversed payment had granted. May leave a debt.
    Clawback(Reversal),
    /// Gives again what was taken back for a payment that came back.
    Reinstate(Reversal),
    /// Applies the expiries that are due, and nothing else.
    Expire,
    /// Stops new holds for this reason.
    Freeze(FreezeReason),
    /// Lifts this reason; others may stand.
    Unfreeze(FreezeReason),
}

/// Credits granted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The economic fact, if one is behind it: granted once, for ever.
    pub key: Option<GrantKey>,
    /// Where the credits come from.
    pub source: Source,
    /// How many; above zero.
    pub amount: Credits,
    /// When the rest is forfeited; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Free text, at most 500 characters.
    pub note: Option<String>,
}

/// How an adjustment moves a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// To this balance, 0 or above.
    To(Credits),
    /// By this much; refused if it would lead below zero.
    By(Credits),
    /// By this much, downwards only as far as there are credits.
    ByAtMost(Credits),
}

/// A payment's credits taken back or given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The movement of money behind it: applied once, for ever.
    pub key: GrantKey,
    /// The payment, whose refunds and disputes share one limit.
    pub payment: String,
    /// The bucket the payment granted, if it is still known.
    pub bucket: Option<Ulid>,
    /// Credits; above zero.
    pub amount: Credits,
    /// What the payment granted in all.
    pub granted: Credits,
}

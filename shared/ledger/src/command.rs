//! What may be asked of an account beside a guarded call.

use jiff::Timestamp;
use ulid::Ulid;

use crate::{
    AccountId, Credits, HoldId,
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
        /// What makes it happen once, for ever, such as [`GrantKey::adjustment`] of an idempotency
        /// key: the same key with another adjustment is a conflict.
        key: Option<GrantKey>,
    },
    /// Gives back what an ended call cost, in part or whole.
    Refund {
        /// The call's hold.
        hold: HoldId,
        /// What is given back, above zero; `None` for all that is left of the cost.
        amount: Option<Credits>,
        /// What the call cost in the end.
        cost: Credits,
        /// Why, at most 500 characters.
        note: Option<String>,
        /// What makes it happen once, for ever, such as [`GrantKey::refund`] of a reference: the
        /// same key with another call or amount is a conflict.
        key: Option<GrantKey>,
    },
    /// Raises a plan's period to the plan's credits.
    GrantPlan(PlanGrant),
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

impl Action {
    /// The fact behind it that counts once, for ever, on `account`.
    pub fn key(&self, account: &AccountId) -> Option<GrantKey> {
        match self {
            Self::Open { signup } if signup.is_positive() => Some(GrantKey::signup(account)),
            Self::Grant(grant) => grant.key.clone(),
            Self::Adjust { key, .. } | Self::Refund { key, .. } => key.clone(),
            Self::GrantPlan(plan) => Some(plan.key.clone()),
            Self::Clawback(reversal) | Self::Reinstate(reversal) => Some(reversal.key.clone()),
            Self::Open { .. } | Self::Expire | Self::Freeze(_) | Self::Unfreeze(_) => None,
        }
    }

    /// What is asked, in the words that are kept with its key and compared for ever; `None` where
    /// the key says it all or the amount does.
    pub fn asked(&self) -> Option<String> {
        match self {
            Self::Adjust { adjustment: Adjustment::To(target), .. } => Some(format!("to {target}")),
            Self::Adjust { adjustment: Adjustment::By(amount), .. } => Some(format!("by {amount}")),
            Self::Adjust { adjustment: Adjustment::ByAtMost(amount), .. } => {
                Some(format!("by at most {amount}"))
            }
            Self::Refund { hold, amount: Some(amount), .. } => Some(format!("{amount} of {hold}")),
            Self::Refund { hold, amount: None, .. } => Some(format!("all of {hold}")),
            _ => None,
        }
    }
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

/// A plan's credits for one period of a subscription.
///
/// A period is one bucket, and each fact *raises* it: what moves is the plan's credits less what
/// the period was granted before, never less than nothing. So an upgrade gives the difference, and
/// the order of the facts does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanGrant {
    /// The fact: this plan in this period, see [`GrantKey::plan`].
    pub key: GrantKey,
    /// The provider's subscription item with the provider's name before it, such as
    /// `clerk:subi_1`. Its next period closes this one.
    pub subscription: String,
    /// When the period began.
    pub period_start: Timestamp,
    /// The plan's credits for a period, which this one is raised to; above zero.
    pub credits: Credits,
    /// When the rest is forfeited: the period's end and the grace for its renewal. `None` for a
    /// period without an end.
    pub expires_at: Option<Timestamp>,
    /// What the next period takes over.
    pub roll_over: RollOver,
}

/// What of a closed period's rest its next period takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollOver {
    /// Nothing: the rest is forfeited.
    None,
    /// At most so many credits.
    Capped(Credits),
    /// All of it.
    All,
}

/// Not a way to roll over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a roll-over is `none`, `capped` with a cap of 0 or more credits, or `all`")]
pub struct InvalidRollOver;

impl RollOver {
    /// The way of that word, as [`RollOver::as_str`] and [`RollOver::cap`] give it;
    /// [`InvalidRollOver`] for another word, a cap where there can be none, and none or one below
    /// zero where there must be one.
    pub fn from_parts(word: &str, cap: Option<Credits>) -> Result<Self, InvalidRollOver> {
        match (word, cap) {
            ("none", None) => Ok(Self::None),
            ("capped", Some(cap)) if !cap.is_negative() => Ok(Self::Capped(cap)),
            ("all", None) => Ok(Self::All),
            _ => Err(InvalidRollOver),
        }
    }

    /// The word in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Capped(_) => "capped",
            Self::All => "all",
        }
    }

    /// The most credits taken over, where there is such a limit.
    pub const fn cap(self) -> Option<Credits> {
        match self {
            Self::Capped(cap) => Some(cap),
            Self::None | Self::All => None,
        }
    }

    /// What of `rest` is taken over where `taken_over` was before.
    pub(crate) fn of(self, rest: Credits, taken_over: Credits) -> Credits {
        match self {
            Self::None => Credits::ZERO,
            Self::Capped(cap) => {
                rest.min(cap.checked_sub(taken_over).unwrap_or_default()).or_zero()
            }
            Self::All => rest,
        }
    }
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

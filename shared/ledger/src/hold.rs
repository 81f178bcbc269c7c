//! A guarded call's two entries: the hold before it and the one outcome after it.

use jiff::Timestamp;

use crate::{
    AccountId, Credits, EntryId, HoldId, Rejection,
    entry::{Actor, Cause, Entry},
    feature::Feature,
    price::Tariff,
};

/// What is to be held, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its name, fixed before the first attempt and kept over every retry.
    pub id: HoldId,
    /// Who pays.
    pub account: AccountId,
    /// What is taken out of the balance: the most the call can cost. Never negative.
    pub amount: Credits,
    /// When it is placed.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
    /// What the call is for.
    pub terms: HoldTerms,
}

/// What a hold remembers about its call. Never prompts, never answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldTerms {
    /// The feature priced.
    pub feature: Feature,
    /// The model asked for, at most 128 characters.
    pub model: String,
    /// Units of the feature: images, completions.
    pub quantity: u32,
    /// The price book's version it was priced by.
    pub price_version: u32,
    /// The price it was priced by, and is charged by whatever the book says by then.
    pub tariff: Tariff,
    /// When it ends by itself, if nothing else has ended it.
    pub expires_at: Timestamp,
}

/// How a hold ends. Exactly one of these, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The call was delivered and costs `charged`, 0 ..= held; the rest is given back.
    Settled {
        /// Credits the call costs.
        charged: Credits,
    },
    /// The call was not delivered; everything is given back.
    Released,
    /// Nobody ended it in time; everything is given back.
    Expired,
}

/// An outcome found where another was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The same request again: answer as the first time.
    Same,
    /// It expired before the settle came: charge late, once.
    ExpiredBefore,
}

impl Hold {
    /// The entry that takes the credits out.
    pub fn entry(&self) -> Entry {
        Entry {
            id: self.id.entry(),
            account: self.account.clone(),
            amount: self.amount.negated(),
            at: self.at,
            actor: self.actor.clone(),
            cause: Cause::Hold(self.terms.clone()),
        }
    }

    /// The entry that ends it; [`Rejection::ChargeOutsideHold`] unless 0 ≤ charged ≤ held.
    pub fn outcome(&self, ending: Ending, at: Timestamp, actor: Actor) -> Result<Entry, Rejection> {
        let charged = ending.charged();
        if charged.is_negative() || charged > self.amount {
            return Err(Rejection::ChargeOutsideHold { charged, held: self.amount });
        }
        Ok(Entry {
            id: EntryId::Outcome(self.id),
            account: self.account.clone(),
            amount: self.amount.checked_sub(charged)?,
            at,
            actor,
            cause: Cause::Outcome { hold: self.id, ending },
        })
    }
}

impl Ending {
    /// What the call costs by this ending, in credits.
    pub const fn charged(self) -> Credits {
        match self {
            Self::Settled { charged } => charged,
            Self::Released | Self::Expired => Credits::ZERO,
        }
    }

    /// The word in the table, in answers and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled { .. } => "settled",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    /// What it means that a hold to be ended as `self` has ended as `found` before.
    ///
    /// A settled hold asked to settle again answers the first settle, whatever amount is asked
    /// for now: the first request's amount was computed once and stands. A settle that finds
    /// its hold expired is charged late. All else is [`Rejection::HoldEnded`].
    pub fn judge(self, found: Self) -> Result<Judgement, Rejection> {
        match (self, found) {
            (Self::Settled { .. }, Self::Settled { .. })
            | (Self::Released, Self::Released | Self::Expired)
            | (Self::Expired, _) => Ok(Judgement::Same),
            (Self::Settled { .. }, Self::Expired) => Ok(Judgement::ExpiredBefore),
            _ => Err(Rejection::HoldEnded { ended: found.as_str(), wanted: self.as_str() }),
        }
    }
}

//! What a call does to the books in each mode: a hold and its outcome, a measurement, or nothing.
//!
//! Everything that differs between the modes is here. A call takes its books before the provider
//! is asked and keeps them, so a change of mode meanwhile does not touch it.

use std::time::Duration;

use bytes::Bytes;
use http_api::ApiError;
use ledger::{AccountId, Credits, HoldId, balance::Balance, hold::Hold, mode::Mode};
use startup::error_chain;
use tokio::time::timeout;

use crate::{
    guard::{Admitted, Guard},
    meter::Meter,
    offer::Offer,
    replay::Replay,
    report::Remaining,
};

pub(crate) use shadow::Verdict;

mod place;
mod shadow;
#[cfg(test)]
mod tests;

/// How long an answer waits for a number that only decorates it.
const BALANCE_LIMIT: Duration = Duration::from_secs(1);

/// The books of one call.
#[derive(Debug)]
pub(crate) enum Books {
    /// Credits are held.
    Held { hold: Box<Hold>, offer: Offer },
    /// The call is measured as if it were guarded; why not, where it cannot be.
    Shadow(Result<Offer, Verdict>),
    /// Credits are off.
    Off,
}

/// How the books of a call open.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The call is to be made.
    Books(Books),
    /// It was made before, and charged: this is its answer.
    Before(Replay),
}

/// What was found out while the provider worked.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The balance, where it was asked for and could be read. A hold is already taken out of it.
    pub(crate) balance: Option<Balance>,
    /// What would have become of the call; only in shadow.
    pub(crate) verdict: Option<Verdict>,
}

impl Books {
    /// Opens the books of a call; in `enforce` that takes its credits, or refuses it: 402
    /// `insufficient_credits`, 403 `account_frozen`, 500 `price_missing`, 503
    /// `ledger_unavailable`, and what [`Offer::read`] refuses; with a key also 409
    /// `idempotency_in_flight` and `already_charged`, 422 `idempotency_key_reused`.
    pub(crate) async fn open(admitted: &Admitted) -> Result<Opened, ApiError> {
        Ok(Opened::Books(match admitted.settings.mode {
            Mode::Off => Self::Off,
            Mode::Shadow => Self::Shadow(shadow::offer(admitted).await),
            Mode::Enforce => return place::hold(admitted).await,
        }))
    }

    /// Reads what is told to the caller: at most one read, and none with credits off. That it
    /// cannot be read costs a header, nothing else.
    pub(crate) async fn look(&self, admitted: &Admitted) -> Seen {
        match self {
            Self::Off => Seen::default(),
            Self::Held { .. } => {
                let read = balance(&admitted.guard, &admitted.caller.account).await;
                Seen { balance: read.ok().flatten(), verdict: None }
            }
            Self::Shadow(offer) => shadow::measure(admitted, offer.as_ref()).await,
        }
    }

    /// What the call is offered at, where it is guarded or measured.
    pub(crate) fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Held { offer, .. } | Self::Shadow(Ok(offer)) => Some(offer),
            Self::Shadow(Err(_)) | Self::Off => None,
        }
    }

    /// What the provider is sent for `body`. The same bytes, unless they are priced by tokens.
    pub(crate) fn request(&self, body: &Bytes) -> Bytes {
        match self {
            Self::Held { offer, .. } => offer.request(body),
            Self::Shadow(Ok(offer)) => offer.measured_request(body),
            Self::Shadow(Err(_)) | Self::Off => body.clone(),
        }
    }

    /// What counts the call's tokens, where it is priced by them.
    pub(crate) fn meter(&self) -> Option<Meter> {
        self.offer().and_then(Offer::meter)
    }

    /// The hold, where there is one, and what it took.
    pub(crate) fn held(&self) -> Option<(HoldId, Credits)> {
        match self {
            Self::Held { hold, .. } => Some((hold.id, hold.amount)),
            Self::Shadow(_) | Self::Off => None,
        }
    }

    /// What is left to spend while the call's cost is not known yet.
    pub(crate) fn remaining(&self, seen: &Seen) -> Remaining {
        match (self, &seen.balance) {
            (Self::Off, _) => Remaining::Unlimited,
            (_, Some(balance)) => Remaining::Known(balance.available),
            (_, None) => Remaining::Unknown,
        }
    }
}

/// What is left to spend now, by one eventually consistent read.
pub(crate) async fn remaining(admitted: &Admitted) -> Remaining {
    let balance = balance(&admitted.guard, &admitted.caller.account).await.ok().flatten();
    balance.map_or(Remaining::Unknown, |balance| Remaining::Known(balance.available))
}

/// The balance, by one eventually consistent read; `Ok(None)` for an account that is not open.
pub(crate) async fn balance(guard: &Guard, account: &AccountId) -> Result<Option<Balance>, Unread> {
    match timeout(BALANCE_LIMIT, guard.store.balance(account)).await {
        Ok(Ok(balance)) => Ok(balance),
        Ok(Err(error)) => {
            tracing::warn!(error = error_chain(&error), "the balance could not be read");
            Err(Unread)
        }
        Err(_) => {
            tracing::warn!("the balance could not be read in time");
            Err(Unread)
        }
    }
}

/// A read failed; why is in the log.
pub(crate) struct Unread;

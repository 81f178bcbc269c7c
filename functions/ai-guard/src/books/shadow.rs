//! A call that is only measured: what it would have been offered at, and what would have become
//! of it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use ledger::{
    Credits, Rejection,
    balance::{Balance, Obstacle},
    price::PriceBook,
};
use startup::error_chain;
use tokio::time::timeout;

use super::{Seen, Unread, balance};
use crate::{
    guard::{Admitted, Guard},
    offer::Offer,
};

/// How long a call that is only measured waits for the prices before the provider is asked. They
/// are at hand but for a read once a minute, which takes some ten milliseconds.
const SHADOW_LIMIT: Duration = Duration::from_millis(250);

/// What would have become of a call that is only measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It would have been held at this many credits.
    Charged(Credits),
    /// It would have been refused with this code.
    Refused(&'static str),
    /// The table could not be asked.
    Unknown,
}

/// What a measured call would be offered at; why that is not known, where it is not.
pub(super) async fn offer(admitted: &Admitted) -> Result<Offer, Verdict> {
    let book = book_in_time(&admitted.guard).await.map_err(|Unread| Verdict::Unknown)?;
    Offer::read(&admitted.call, &book).map_err(|error| Verdict::Refused(error.code()))
}

pub(super) async fn measure(admitted: &Admitted, offer: Result<&Offer, &Verdict>) -> Seen {
    let balance = balance(&admitted.guard, &admitted.caller.account).await;
    let verdict = match (offer, &balance) {
        (Err(verdict), _) => *verdict,
        (_, Err(Unread)) => Verdict::Unknown,
        (Ok(offer), Ok(balance)) => {
            verdict(*offer, balance.as_ref(), admitted.settings.signup, admitted.now)
        }
    };
    Seen { balance: balance.ok().flatten(), verdict: Some(verdict) }
}

async fn book_in_time(guard: &Guard) -> Result<Arc<PriceBook>, Unread> {
    match timeout(SHADOW_LIMIT, guard.prices.current()).await {
        Ok(Ok(book)) => Ok(book),
        Ok(Err(error)) => {
            tracing::warn!(error = error_chain(error.as_ref()), "the prices could not be read");
            Err(Unread)
        }
        Err(_) => {
            tracing::warn!("the prices could not be read in time");
            Err(Unread)
        }
    }
}

/// What would become of a call. An account that is not open would open with `signup` credits. A
/// bucket that is due may make the balance look larger than it is: a measurement may be that far
/// off, and a guarded call is not.
pub(super) fn verdict(
    offer: Offer,
    balance: Option<&Balance>,
    signup: Credits,
    now: Timestamp,
) -> Verdict {
    let Ok(amount) = offer.amount() else {
        return Verdict::Refused("amount_too_large");
    };
    let available = balance.map_or(signup, |balance| balance.available);
    let obstacle = balance.and_then(|balance| balance.obstacle(amount, now));
    if let Some(Obstacle::Refused(rejection @ Rejection::AccountFrozen { .. })) = obstacle {
        return Verdict::Refused(rejection.code());
    }
    if available >= amount {
        return Verdict::Charged(amount);
    }
    let lowered = offer.lowered(available);
    match lowered.and_then(|offer| offer.amount().map_err(Rejection::from)) {
        Ok(amount) => Verdict::Charged(amount),
        Err(rejection) => Verdict::Refused(rejection.code()),
    }
}

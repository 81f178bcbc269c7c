//! What a call does to the books in each mode: a hold and its outcome, a measurement, or nothing.
//!
//! Everything that differs between the modes is here. A call takes its books before the provider
//! is asked and keeps them, so a change of mode meanwhile does not touch it.

use std::{error::Error, sync::Arc, time::Duration};

use http::StatusCode;
use http_api::ApiError;
use jiff::Timestamp;
use ledger::{
    Credits, HoldId, Rejection,
    balance::{Balance, Obstacle},
    entry::Actor,
    hold::{Hold, HoldTerms},
    mode::Mode,
    price::{Price, PriceBook},
};
use ledger_dynamodb::StoreError;
use startup::{error_chain, new_ulid};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    call::Call,
    guard::{Admitted, Guard},
    report::Remaining,
    settle,
};

#[cfg(test)]
mod tests;

/// How long an answer waits for a number that only decorates it.
const BALANCE_LIMIT: Duration = Duration::from_secs(1);

/// The least time for a hold to be worth trying: it takes some ten milliseconds, and a second
/// attempt after a lost connection not much more.
const HOLD_LIMIT_MIN: Duration = Duration::from_millis(500);

/// The books of one call.
#[derive(Debug)]
pub(crate) enum Books {
    /// Credits are held.
    Held { hold: Box<Hold>, price: Price },
    /// The call is measured as if it were guarded.
    Shadow,
    /// Credits are off.
    Off,
}

/// What was found out while the provider worked.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The balance, where it was asked for and could be read. A hold is already taken out of it.
    pub(crate) balance: Option<Balance>,
    /// What would have become of the call; only in shadow.
    pub(crate) verdict: Option<Verdict>,
}

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

impl Books {
    /// Opens the books of a call; in `enforce` that takes its credits, or refuses it: 402
    /// `insufficient_credits`, 403 `account_frozen`, 500 `price_missing`, 503
    /// `ledger_unavailable`.
    pub(crate) async fn open(admitted: &Admitted) -> Result<Self, ApiError> {
        match admitted.settings.mode {
            Mode::Off => Ok(Self::Off),
            Mode::Shadow => Ok(Self::Shadow),
            Mode::Enforce => {
                let (hold, price) = place_hold(admitted).await?;
                Ok(Self::Held { hold: Box::new(hold), price })
            }
        }
    }

    /// Reads what is told to the caller: at most one read, and none with credits off. That it
    /// cannot be read costs a header, nothing else.
    pub(crate) async fn look(&self, admitted: &Admitted) -> Seen {
        match self {
            Self::Off => Seen::default(),
            Self::Held { .. } => {
                Seen { balance: balance(admitted).await.ok().flatten(), verdict: None }
            }
            Self::Shadow => measure(admitted).await,
        }
    }

    /// The hold, where there is one, and what it took.
    pub(crate) fn held(&self) -> Option<(HoldId, Credits)> {
        match self {
            Self::Held { hold, .. } => Some((hold.id, hold.amount)),
            Self::Shadow | Self::Off => None,
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

async fn place_hold(admitted: &Admitted) -> Result<(Hold, Price), ApiError> {
    let Admitted { guard, settings, call, now, .. } = admitted;
    let book = guard.prices.current().await;
    let book = book.map_err(|error| unpriced(call, error.as_ref()))?;
    let feature = call.endpoint.feature();
    let price = book.price(&feature).ok_or_else(|| price_missing(call))?;
    let amount = price.times(call.quantity).map_err(Rejection::from)?;
    let hold = Hold {
        id: HoldId(new_ulid(*now)),
        account: admitted.caller.account.clone(),
        amount,
        at: *now,
        actor: Actor::User(admitted.caller.user.to_string()),
        terms: HoldTerms {
            feature,
            model: call.model.clone(),
            quantity: call.quantity,
            price_version: book.version(),
            expires_at: now.checked_add(settings.hold_time).unwrap_or(Timestamp::MAX),
        },
    };
    match hold_in_time(admitted, &hold).await? {
        Ok(()) => Ok((hold, price)),
        Err(StoreError::Rejected(rejection)) => Err(rejection.into()),
        Err(error @ StoreError::Unavailable(_)) => {
            settle::give_back(&guard.queue, &guard.clock, &hold, admitted.deadline).await;
            Err(not_known_held(&error))
        }
        Err(error @ StoreError::Corrupt { .. }) => Err(ApiError::internal(&error)),
    }
}

/// Places the hold while there is time for what follows it, and not at all where the time is
/// short already.
async fn hold_in_time(
    admitted: &Admitted,
    hold: &Hold,
) -> Result<Result<(), StoreError>, ApiError> {
    let Admitted { guard, settings, deadline, .. } = admitted;
    let holding = guard.store.hold(hold, settings.signup);
    let Some(deadline) = deadline else {
        return Ok(holding.await);
    };
    let by = deadline.checked_sub(settle::RESERVE);
    let Some(by) = by.filter(|by| *by >= Instant::now() + HOLD_LIMIT_MIN) else {
        tracing::error!("too little time is left to hold credits");
        let detail = "too little time is left for this call; nothing was held and nothing called";
        return Err(unavailable(detail));
    };
    let late = |_| Err(StoreError::Unavailable("no answer in time".into()));
    Ok(timeout_at(by, holding).await.unwrap_or_else(late))
}

/// The hold may be there or not.
fn not_known_held(error: &StoreError) -> ApiError {
    tracing::error!(error = error_chain(error), "it is not known whether credits were held");
    unavailable(
        "the ledger could not be reached; the provider was not called, and credits that may have \
         been held are given back",
    )
}

fn unavailable(detail: &str) -> ApiError {
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", detail);
    error.retry_after(1)
}

/// No price book at all: one that cannot be understood is as good as none.
fn unpriced(call: &Call, error: &(dyn Error + Send + Sync + 'static)) -> ApiError {
    match error.downcast_ref() {
        Some(StoreError::Corrupt { .. }) => {
            tracing::error!(error = error_chain(error), "the price book cannot be read");
            price_missing(call)
        }
        _ => ApiError::ledger_unavailable(error),
    }
}

/// A call without a price is never free by accident.
fn price_missing(call: &Call) -> ApiError {
    let feature = call.endpoint.feature();
    tracing::error!(feature = feature.as_str(), "the price book has no price for this feature");
    let detail = format!("there is no price for `{feature}`; nothing was charged");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "price_missing", detail)
}

/// The balance, by one eventually consistent read; `Ok(None)` for an account that is not open.
async fn balance(admitted: &Admitted) -> Result<Option<Balance>, Unread> {
    let Admitted { guard, caller, .. } = admitted;
    match timeout(BALANCE_LIMIT, guard.store.balance(&caller.account)).await {
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
struct Unread;

async fn measure(admitted: &Admitted) -> Seen {
    let Admitted { guard, settings, call, now, .. } = admitted;
    let (book, balance) = tokio::join!(book_in_time(guard), balance(admitted));
    let (Ok(book), Ok(balance)) = (book, balance) else {
        return Seen { balance: None, verdict: Some(Verdict::Unknown) };
    };
    let price = book.price(&call.endpoint.feature());
    let verdict = verdict(price, call.quantity, balance.as_ref(), settings.signup, *now);
    Seen { balance, verdict: Some(verdict) }
}

async fn book_in_time(guard: &Guard) -> Result<Arc<PriceBook>, Unread> {
    match timeout(BALANCE_LIMIT, guard.prices.current()).await {
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
fn verdict(
    price: Option<Price>,
    quantity: u32,
    balance: Option<&Balance>,
    signup: Credits,
    now: Timestamp,
) -> Verdict {
    let Some(price) = price else {
        return Verdict::Refused("price_missing");
    };
    let Ok(amount) = price.times(quantity) else {
        return Verdict::Refused("amount_too_large");
    };
    let available = balance.map_or(signup, |balance| balance.available);
    match balance.and_then(|balance| balance.obstacle(amount, now)) {
        Some(Obstacle::Refused(rejection)) => Verdict::Refused(rejection.code()),
        _ if available < amount => {
            let shortage = Rejection::InsufficientCredits { required: amount, available };
            Verdict::Refused(shortage.code())
        }
        _ => Verdict::Charged(amount),
    }
}

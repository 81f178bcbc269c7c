//! The hold of a guarded call: its worst case, or as much of it as can be paid.

use std::{error::Error, time::Duration};

use http::StatusCode;
use http_api::ApiError;
use jiff::Timestamp;
use ledger::{
    HoldId, Rejection,
    entry::Actor,
    hold::{Hold, HoldTerms},
};
use ledger_dynamodb::{Claimed, FoundClaim, StoreError};
use startup::{error_chain, new_ulid};
use tokio::time::{Instant, timeout_at};

use super::{Books, Opened};
use crate::{
    call::Call,
    guard::Admitted,
    idempotency::{self, Standing, TAKE_OVERS_MAX},
    offer::{Offer, price_missing},
    replay::Replay,
    settle,
};

/// The least time for a hold to be worth trying: it takes some ten milliseconds, and a second
/// attempt after a lost connection not much more.
const HOLD_LIMIT_MIN: Duration = Duration::from_millis(500);

/// How often a call whose worst case cannot be paid is offered less output instead. The balance
/// that the refusal names is enough for the first time, unless concurrent calls spend it meanwhile;
/// each try is a round trip.
const LOWERED_MAX: u32 = 2;

/// What the ledger has to say of one hold.
enum Tried {
    Held(Hold),
    Refused(Rejection),
    /// The key of the call is another hold's.
    Found(FoundClaim),
}

/// Takes the most that the call can cost. Where that cannot be paid, a call that is priced by
/// tokens is offered as much output as can. A call that was made before with the same key is not
/// made again, unless nothing came of it.
pub(super) async fn hold(admitted: &Admitted) -> Result<Opened, ApiError> {
    let Admitted { guard, call, .. } = admitted;
    let book = guard.prices.current().await;
    let book = book.map_err(|error| unpriced(call, error.as_ref()))?;
    let mut offer = Offer::read(call, &book)?;
    let (mut over, mut lowered, mut taken_over) = (None, 0, 0);
    loop {
        match try_hold(admitted, &offer, over).await? {
            Tried::Held(hold) => {
                return Ok(Opened::Books(Books::Held { hold: Box::new(hold), offer }));
            }
            Tried::Refused(Rejection::InsufficientCredits { available, .. })
                if lowered < LOWERED_MAX =>
            {
                offer = offer.lowered(available)?;
                lowered += 1;
            }
            Tried::Refused(rejection) => return Err(rejection.into()),
            Tried::Found(found) => match before(admitted, found).await? {
                Before::Answered(replay) => return Ok(Opened::Before(replay)),
                Before::InVain(hold) if taken_over < TAKE_OVERS_MAX => {
                    over = Some(hold);
                    taken_over += 1;
                }
                Before::InVain(_) => return Err(idempotency::in_flight()),
            },
        }
    }
}

/// What came of the call that has the key.
enum Before {
    Answered(Replay),
    /// Nothing: this hold was given back.
    InVain(HoldId),
}

async fn before(admitted: &Admitted, found: FoundClaim) -> Result<Before, ApiError> {
    let hold = found.hold;
    // INVARIANT: a claim is only found by a call that has a key.
    let key = admitted.key.as_ref().ok_or_else(idempotency::in_flight)?;
    match key.judge(&admitted.guard.store, found).await? {
        Standing::Open => Err(idempotency::in_flight()),
        Standing::Charged(charged, Some(answer)) => {
            Ok(Before::Answered(Replay { hold, charged, answer }))
        }
        Standing::Charged(charged, None) => Err(idempotency::already_charged(charged)),
        Standing::Free(hold) => Ok(Before::InVain(hold)),
    }
}

/// Places a hold of a name of its own: one that was refused wrote nothing, and one of another
/// amount, or over another hold, is another request.
async fn try_hold(
    admitted: &Admitted,
    offer: &Offer,
    over: Option<HoldId>,
) -> Result<Tried, ApiError> {
    let hold = new_hold(admitted, offer)?;
    match hold_in_time(admitted, &hold, over).await? {
        Ok(Claimed::Placed) => Ok(Tried::Held(hold)),
        Ok(Claimed::Found(found)) => Ok(Tried::Found(found)),
        Err(StoreError::Rejected(rejection)) => Ok(Tried::Refused(rejection)),
        Err(error @ StoreError::Unavailable(_)) => {
            let Admitted { guard, deadline, .. } = admitted;
            settle::give_back(&guard.queue, &guard.clock, &hold, *deadline).await;
            Err(not_known_held(&error))
        }
        Err(error @ StoreError::Corrupt { .. }) => Err(ApiError::internal(&error)),
    }
}

fn new_hold(admitted: &Admitted, offer: &Offer) -> Result<Hold, Rejection> {
    let Admitted { settings, caller, call, now, .. } = admitted;
    Ok(Hold {
        id: HoldId(new_ulid(*now)),
        account: caller.account.clone(),
        amount: offer.amount()?,
        at: *now,
        actor: Actor::User(caller.user.to_string()),
        terms: HoldTerms {
            feature: call.endpoint.feature(),
            model: call.model.clone(),
            quantity: offer.quantity,
            price_version: offer.price_version,
            tariff: offer.tariff,
            expires_at: now.checked_add(settings.hold_time).unwrap_or(Timestamp::MAX),
        },
    })
}

/// Places the hold while there is time for what follows it, and not at all where the time is
/// short already.
async fn hold_in_time(
    admitted: &Admitted,
    hold: &Hold,
    over: Option<HoldId>,
) -> Result<Result<Claimed, StoreError>, ApiError> {
    let holding = hold_and_claim(admitted, hold, over);
    let Some(deadline) = admitted.deadline else {
        return Ok(holding.await);
    };
    let by = deadline.checked_sub(admitted.reserve());
    let Some(by) = by.filter(|by| *by >= Instant::now() + HOLD_LIMIT_MIN) else {
        tracing::error!("too little time is left to hold credits");
        let detail = "too little time is left for this call; nothing was held and nothing called";
        return Err(unavailable(detail));
    };
    let late = |_| Err(StoreError::Unavailable("no answer in time".into()));
    Ok(timeout_at(by, holding).await.unwrap_or_else(late))
}

async fn hold_and_claim(
    admitted: &Admitted,
    hold: &Hold,
    over: Option<HoldId>,
) -> Result<Claimed, StoreError> {
    let Admitted { guard, settings, key, .. } = admitted;
    match key {
        None => guard.store.hold(hold, settings.signup).await.map(|()| Claimed::Placed),
        Some(key) => {
            let claim = key.claim(hold.at, over);
            guard.store.hold_claimed(hold, settings.signup, &claim).await
        }
    }
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

//! `POST /api/ai/holds/{id}/settle` and `…/release`: the one end of a hold, in every mode. A call
//! keeps the mode it began with, and what was held is ended however things stand now.

use axum::response::Response;
use http::StatusCode;
use http_api::ApiError;
use ledger::{
    Credits, Rejection,
    entry::Actor,
    hold::{Ending, Hold},
};
use ledger_dynamodb::{End, Ended, Fate, StoreError};
use serde_json::json;
use startup::{metric, new_ulid};

use super::{Asked, PublicId, json, request::Measure};
use crate::settle::{self, Attempt};

/// How the caller wants the hold to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The call was made; this is what it used.
    Settle(Measure),
    /// It was not.
    Release,
}

/// How the hold stands when it is answered.
struct Standing {
    status: &'static str,
    charged: Credits,
}

pub(super) async fn run(asked: Asked, id: PublicId, wish: Wish) -> Result<Response, ApiError> {
    let ended = end(&asked, &id, wish).await;
    ended.inspect_err(|error| {
        tracing::info!(
            account = id.account.as_str(),
            hold = %id.hold,
            actor = %asked.actor,
            code = error.code(),
            duration_ms = asked.duration_ms(),
            "hold not ended"
        );
    })
}

async fn end(asked: &Asked, id: &PublicId, wish: Wish) -> Result<Response, ApiError> {
    let hold = find(asked, id).await?;
    let ending = match wish {
        Wish::Release => Ending::Released,
        Wish::Settle(measure) => settled(asked, measure, &hold)?,
    };
    let end = End { ending, at: asked.now, actor: asked.actor.clone(), id: new_ulid(asked.now) };
    let guard = &asked.guard;
    let attempt = settle::attempt(&guard.store, &guard.queue, &hold, &end, asked.deadline).await;
    let standing = match attempt {
        Attempt::Ended(ended) => standing(asked, &hold, ending, ended).await?,
        Attempt::Refused(rejection) => return Err(rejection.into()),
        Attempt::Queued => Standing { status: "queued", charged: ending.charged() },
        Attempt::LeftToExpiry => return Err(unavailable()),
    };
    log(asked, &hold, &standing);
    Ok(answer(asked, id, &hold, &standing).await)
}

/// The hold, if a back end has placed it. One of a user's call is that call's own to end, and is
/// not even said to be there.
async fn find(asked: &Asked, id: &PublicId) -> Result<Hold, ApiError> {
    let found = asked.guard.store.find_hold(&id.account, id.hold).await;
    let hold = found.map_err(|error| match error {
        StoreError::Rejected(rejection) => rejection.into(),
        StoreError::Unavailable(_) => {
            tracing::error!(error = startup::error_chain(&error), "ledger unavailable");
            unavailable()
        }
        StoreError::Corrupt { .. } => ApiError::internal(&error),
    })?;
    let hold = hold.filter(|hold| matches!(hold.actor, Actor::Service(_)));
    hold.ok_or_else(|| Rejection::NoHold.into())
}

fn settled(asked: &Asked, measure: Measure, hold: &Hold) -> Result<Ending, ApiError> {
    let charge = measure.charge(hold)?;
    if charge.beyond.is_positive() {
        let feature = [("Feature", hold.terms.feature.as_str())];
        let beyond = u64::try_from(charge.beyond.get()).unwrap_or(0);
        metric::count(asked.now, "CreditsBeyondHold", &feature, beyond);
    }
    Ok(Ending::Settled { charged: charge.charged })
}

/// What the ledger has to say of a hold that ended as was asked, now or before.
async fn standing(
    asked: &Asked,
    hold: &Hold,
    ending: Ending,
    ended: Ended,
) -> Result<Standing, ApiError> {
    let charged = ended.charged;
    match ending {
        Ending::Settled { .. } if ended.late => Ok(Standing { status: "settled_late", charged }),
        Ending::Settled { .. } => Ok(Standing { status: "settled", charged }),
        // A hold can have ended by itself before, and its call been charged after that.
        _ if asked.now >= hold.terms.expires_at => after_expiry(asked, hold).await,
        _ => Ok(Standing { status: "released", charged }),
    }
}

async fn after_expiry(asked: &Asked, hold: &Hold) -> Result<Standing, ApiError> {
    let fate = asked.guard.store.fate(&hold.account, hold.id).await;
    let status = match fate.map_err(|error| ApiError::ledger_unavailable(&error))? {
        Fate::ChargedLate { .. } => {
            return Err(Rejection::HoldEnded { ended: "settled_late", wanted: "released" }.into());
        }
        Fate::Expired => "expired",
        Fate::Open | Fate::Settled { .. } | Fate::Released => "released",
    };
    Ok(Standing { status, charged: Credits::ZERO })
}

async fn answer(asked: &Asked, id: &PublicId, hold: &Hold, standing: &Standing) -> Response {
    let Standing { status, charged } = standing;
    let mut answer = json!({
        "id": id.to_string(),
        "status": status,
        "charged": charged,
        "held": hold.amount,
    });
    if *status == "queued" {
        return json(StatusCode::ACCEPTED, &answer);
    }
    if let (Some(remaining), Some(answer)) =
        (asked.remaining(&hold.account).await, answer.as_object_mut())
    {
        answer.insert("remaining".to_owned(), json!(remaining));
    }
    json(StatusCode::OK, &answer)
}

/// Whoever asked can ask again, and is better at it than any queue.
fn unavailable() -> ApiError {
    let detail = "the ledger could not be reached; the same request again is safe";
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", detail);
    error.retry_after(1)
}

fn log(asked: &Asked, hold: &Hold, standing: &Standing) {
    let feature = hold.terms.feature.as_str();
    tracing::info!(
        account = hold.account.as_str(),
        feature,
        model = hold.terms.model,
        quantity = hold.terms.quantity,
        actor = %asked.actor,
        mode = asked.settings.mode.as_str(),
        hold = %hold.id,
        held = hold.amount.get(),
        charged = standing.charged.get(),
        outcome = standing.status,
        duration_ms = asked.duration_ms(),
        "hold ended"
    );
    let feature = [("Feature", feature)];
    let charged = u64::try_from(standing.charged.get()).unwrap_or(0);
    if charged > 0 {
        metric::count(asked.now, "CreditsCharged", &feature, charged);
    }
    if standing.status == Ending::Released.as_str() {
        metric::count(asked.now, "HoldsReleased", &feature, 1);
    }
}

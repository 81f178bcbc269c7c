//! `POST /api/ai/holds`: takes the most a call can cost, before the back end makes it.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use http_api::ApiError;
use jiff::Timestamp;
use ledger::{
    Credits, HoldId, Rejection,
    balance::Obstacle,
    hold::{Hold, HoldTerms},
    mode::Mode,
    price::{PriceBook, Quote, Tariff},
};
use ledger_dynamodb::{Claimed, StoreError};
use serde_json::{Value, json};
use startup::{error_chain, metric, new_ulid};

use super::{Asked, PublicId, json, request::Order};
use crate::{
    idempotency::{self, Key, REPLAYED, Standing, TAKE_OVERS_MAX},
    settle,
};

/// Holds, measures, or does nothing, as the mode asks.
pub(super) async fn run(
    asked: Asked,
    order: Order,
    key: Option<Key>,
) -> Result<Response, ApiError> {
    let placed = match (asked.settings.mode, key) {
        (Mode::Off, _) => Ok(unlimited()),
        (Mode::Shadow, _) => Ok(measured(&asked, &order).await),
        (Mode::Enforce, None) => held(&asked, &order).await,
        (Mode::Enforce, Some(key)) => held_once(&asked, &order, &key).await,
    };
    placed.inspect_err(|error| refused(&asked, &order, error))
}

/// Credits are off: there is nothing to hold and nothing to end.
fn unlimited() -> Response {
    let answer = json!({"id": null, "held": 0, "unlimited": true, "creditsEnabled": false});
    json(StatusCode::OK, &answer)
}

async fn held(asked: &Asked, order: &Order) -> Result<Response, ApiError> {
    let guard = &asked.guard;
    let hold = new_hold(asked, order, &*book(asked).await?)?;
    if let Err(error) = guard.store.hold(&hold, asked.settings.signup).await {
        if matches!(error, StoreError::Unavailable(_)) {
            settle::give_back(&guard.queue, &guard.clock, &hold, asked.deadline).await;
        }
        return Err(not_held(error, "credits that may have been held are given back"));
    }
    log_placed(asked, &hold);
    Ok(json(StatusCode::CREATED, &answer(asked, &hold).await))
}

/// One hold for one key: the answer to a repeat is the hold itself.
async fn held_once(asked: &Asked, order: &Order, key: &Key) -> Result<Response, ApiError> {
    let store = &asked.guard.store;
    let book = book(asked).await?;
    let mut over = None;
    for _ in 0..=TAKE_OVERS_MAX {
        let hold = new_hold(asked, order, &book)?;
        let claim = key.claim(hold.at, over);
        // Nothing is given back where the answer is lost: whoever asks again with the key is told
        // of this very hold, and may be making the call by the time the queue would end it.
        let again = "the same request with the same key is safe";
        let claimed = store.hold_claimed(&hold, asked.settings.signup, &claim).await;
        let found = match claimed.map_err(|error| not_held(error, again))? {
            Claimed::Placed => {
                log_placed(asked, &hold);
                return Ok(json(StatusCode::CREATED, &answer(asked, &hold).await));
            }
            Claimed::Found(found) => found,
        };
        let id = found.hold;
        match key.judge(store, found).await? {
            Standing::Open => return replayed(asked, order, id).await,
            Standing::Charged(charged, _) => return Err(idempotency::already_charged(charged)),
            Standing::Free(hold) => over = Some(hold),
        }
    }
    Err(idempotency::in_flight())
}

async fn replayed(asked: &Asked, order: &Order, id: HoldId) -> Result<Response, ApiError> {
    let hold = asked.guard.store.find_hold(&order.account, id).await;
    let hold = hold.map_err(|error| not_held(error, "the same request again is safe"))?;
    let hold = hold.ok_or(Rejection::NoHold)?;
    tracing::info!(account = hold.account.as_str(), hold = %id, actor = %asked.actor, "hold told again");
    let mut response = json(StatusCode::CREATED, &answer(asked, &hold).await);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// The hold an order asks for, at the most its call can cost.
fn new_hold(asked: &Asked, order: &Order, book: &PriceBook) -> Result<Hold, ApiError> {
    // The table keeps milliseconds, and an answer is the same now and when it is asked for again.
    let now = asked.now.as_millisecond();
    let now = Timestamp::from_millisecond(now).unwrap_or(asked.now);
    let (tariff, amount) = price(order, book)?;
    let hold_time = order.hold_time.unwrap_or(asked.settings.hold_time);
    Ok(Hold {
        id: HoldId(new_ulid(now)),
        account: order.account.clone(),
        amount,
        at: now,
        actor: asked.actor.clone(),
        terms: HoldTerms {
            feature: order.feature.clone(),
            model: order.model.clone(),
            quantity: order.quantity,
            price_version: book.version(),
            tariff,
            expires_at: now.checked_add(hold_time).unwrap_or(Timestamp::MAX),
        },
    })
}

/// By what the call will be charged, and the most that can be. Of `quantity` and `estimate` the
/// price takes what it needs; the other may be sent as well, so that a price can change its kind
/// without stopping a back end that knows both.
fn price(order: &Order, book: &PriceBook) -> Result<(Tariff, Credits), ApiError> {
    let quote = book.quote(&order.feature, &order.model).ok_or_else(|| {
        let detail = format!("there is no price for `{}` with this model", order.feature);
        ApiError::new(StatusCode::BAD_REQUEST, "unknown_feature", detail).field("feature")
    })?;
    let amount = match quote {
        Quote::Fixed(price) => price.times(order.quantity),
        Quote::Tokens(model) => {
            let estimate = order.estimate.ok_or_else(|| {
                let detail = "`estimate` is missing: this model is priced by tokens";
                ApiError::invalid_field("estimate", detail)
            })?;
            model.price.cost(estimate)
        }
    };
    Ok((quote.tariff(), amount.map_err(Rejection::from)?))
}

async fn answer(asked: &Asked, hold: &Hold) -> Value {
    let id = PublicId { account: hold.account.clone(), hold: hold.id };
    json!({
        "id": id.to_string(),
        "account": hold.account.as_str(),
        "held": hold.amount,
        "remaining": asked.remaining(&hold.account).await,
        "expiresAt": hold.terms.expires_at.to_string(),
        "priceVersion": hold.terms.price_version,
        "price": tariff(hold.terms.tariff),
    })
}

fn tariff(tariff: Tariff) -> Value {
    match tariff {
        Tariff::Fixed(price) => json!({"type": "fixed", "perUnit": price.per_unit()}),
        Tariff::Tokens(price) => json!({
            "type": "tokens",
            "inputPer1000": price.input().per_unit(),
            "outputPer1000": price.output().per_unit(),
            "minimum": price.minimum().per_unit(),
        }),
    }
}

/// What would have become of the order; nothing is written and nothing refused for credits.
async fn measured(asked: &Asked, order: &Order) -> Response {
    let verdict = verdict(asked, order).await;
    let (member, value, word) = match &verdict {
        Ok(amount) => ("wouldHold", json!(amount), "charged"),
        Err(error) if error.status().is_server_error() => ("wouldHold", Value::Null, "unknown"),
        Err(error) => ("wouldRefuse", json!(error.code()), "refused"),
    };
    let dimensions = [("Feature", order.feature.as_str()), ("Verdict", word)];
    metric::count(asked.now, "ShadowCalls", &dimensions, 1);
    tracing::info!(
        account = order.account.as_str(),
        feature = order.feature.as_str(),
        model = order.model,
        quantity = order.quantity,
        actor = %asked.actor,
        mode = asked.settings.mode.as_str(),
        would_hold = verdict.as_ref().ok().map(|amount| amount.get()),
        would_refuse = verdict.as_ref().err().map(ApiError::code),
        duration_ms = asked.duration_ms(),
        "shadow: no hold placed"
    );
    let mut answer = json!({"id": null, "held": 0, "mode": asked.settings.mode.as_str()});
    if let Some(answer) = answer.as_object_mut() {
        answer.insert(member.to_owned(), value);
    }
    json(StatusCode::OK, &answer)
}

async fn verdict(asked: &Asked, order: &Order) -> Result<Credits, ApiError> {
    let store = &asked.guard.store;
    let (book, balance) = tokio::join!(book(asked), store.balance(&order.account));
    let (_, amount) = price(order, &*book?)?;
    let balance = balance.map_err(|error| ApiError::ledger_unavailable(&error))?;
    let obstacle = balance.as_ref().and_then(|balance| balance.obstacle(amount, asked.now));
    if let Some(Obstacle::Refused(rejection)) = obstacle {
        return Err(rejection.into());
    }
    // An account that is not open would open with the sign-up credits.
    let available = balance.map_or(asked.settings.signup, |balance| balance.available);
    if available < amount {
        return Err(Rejection::InsufficientCredits { required: amount, available }.into());
    }
    Ok(amount)
}

/// The prices in force. A book that cannot be understood is as good as none.
async fn book(asked: &Asked) -> Result<Arc<PriceBook>, ApiError> {
    asked.guard.prices.current().await.map_err(|error| match error.downcast_ref() {
        Some(StoreError::Corrupt { .. }) => {
            tracing::error!(error = error_chain(error.as_ref()), "the price book cannot be read");
            let detail = "there is no valid price book; nothing was held";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "price_missing", detail)
        }
        _ => ApiError::ledger_unavailable(error.as_ref()),
    })
}

/// Why nothing is held, or why that is not known.
fn not_held(error: StoreError, what_now: &str) -> ApiError {
    match error {
        StoreError::Rejected(rejection) => rejection.into(),
        StoreError::Unavailable(_) => {
            let chain = error_chain(&error);
            tracing::error!(error = chain, "it is not known whether credits were held");
            let detail = format!("the ledger could not be reached; {what_now}");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", detail)
                .retry_after(1)
        }
        StoreError::Corrupt { .. } => ApiError::internal(&error),
    }
}

fn log_placed(asked: &Asked, hold: &Hold) {
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
        duration_ms = asked.duration_ms(),
        "hold placed"
    );
    metric::count(asked.now, "HoldsPlaced", &[("Feature", feature)], 1);
}

fn refused(asked: &Asked, order: &Order, error: &ApiError) {
    let feature = order.feature.as_str();
    tracing::info!(
        account = order.account.as_str(),
        feature,
        model = order.model,
        quantity = order.quantity,
        actor = %asked.actor,
        mode = asked.settings.mode.as_str(),
        code = error.code(),
        duration_ms = asked.duration_ms(),
        "hold refused"
    );
    // A feature that has no price is a name somebody made up, and no dimension of a metric.
    if error.status() != StatusCode::BAD_REQUEST {
        let dimensions = [("Feature", feature), ("Code", error.code())];
        metric::count(asked.now, "CallsRefused", &dimensions, 1);
    }
}

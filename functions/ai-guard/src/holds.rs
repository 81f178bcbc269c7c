//! The guard split in two, for back ends that call their provider themselves: one request holds
//! the credits, another ends the hold with what was used, or gives it back.
//!
//! | route | scope of the service key | does |
//! |---|---|---|
//! | `POST /api/ai/holds` | `holds:place` | takes the most a call can cost |
//! | `POST /api/ai/holds/{id}/settle` | `holds:end` | charges what was used, gives back the rest |
//! | `POST /api/ai/holds/{id}/release` | `holds:end` | gives back everything |
//!
//! A public hold id contains its account. Only holds that were placed with a service key are
//! ended here: a user's call under way is that call's own to end.

use std::{fmt, str::FromStr, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequest, Path, Request, State, rejection::PathRejection},
    response::Response,
};
use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_api::{ApiError, RawBody, Scope};
use jiff::Timestamp;
use ledger::{AccountId, Credits, HoldId, Rejection, entry::Actor, mode::Mode};
use serde_json::Value;
use startup::Deadline;
use tokio::time::Instant;
use tracing::Instrument;

use self::{
    end::Wish,
    request::{Measure, Order},
};
use crate::{
    books,
    guard::{Guard, time_until},
    idempotency::{self, Key, Route},
    settings::Settings,
};

mod end;
mod place;
mod request;

/// A request of a back end that may be made.
#[derive(Debug)]
pub(crate) struct Asked {
    guard: Arc<Guard>,
    /// The settings as they were when the request began.
    settings: Arc<Settings>,
    /// The back end, by the name of its key.
    actor: Actor,
    now: Timestamp,
    began: Instant,
    deadline: Option<Instant>,
}

/// The public name of a hold: `{account}.{hold}`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PublicId {
    account: AccountId,
    hold: HoldId,
}

/// `POST /api/ai/holds`.
pub(crate) async fn place(
    State(guard): State<Arc<Guard>>,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = idempotency::header(request.headers());
    let (asked, body) = Asked::admit(guard, Scope::HoldsPlace, request).await?;
    let order = Order::parse(&body)?;
    let key = match asked.settings.mode {
        Mode::Enforce => {
            let (account, actor) = (&order.account, &asked.actor);
            let scope = idempotency::Scope { account, actor, route: Route::Holds };
            Key::read(&headers, scope, &body)?
        }
        Mode::Shadow | Mode::Off => None,
    };
    detached(place::run(asked, order, key)).await
}

/// `POST /api/ai/holds/{id}/settle`.
pub(crate) async fn settle(
    State(guard): State<Arc<Guard>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let (asked, body) = Asked::admit(guard, Scope::HoldsEnd, request).await?;
    let measure = Measure::parse(&body)?;
    detached(end::run(asked, public_id(id)?, Wish::Settle(measure))).await
}

/// `POST /api/ai/holds/{id}/release`. What the body holds is not looked at.
pub(crate) async fn release(
    State(guard): State<Arc<Guard>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let (asked, _) = Asked::admit(guard, Scope::HoldsEnd, request).await?;
    detached(end::run(asked, public_id(id)?, Wish::Release)).await
}

/// In a task of its own, because a caller who hangs up must not stop what moves credits.
async fn detached(
    work: impl Future<Output = Result<Response, ApiError>> + Send + 'static,
) -> Result<Response, ApiError> {
    let running = tokio::spawn(work.in_current_span());
    running.await.map_err(|error| ApiError::internal(&error))?
}

/// What is not the name of a hold names none.
fn public_id(id: Result<Path<String>, PathRejection>) -> Result<PublicId, ApiError> {
    let id = id.ok().and_then(|Path(id)| id.parse().ok());
    id.ok_or_else(|| Rejection::NoHold.into())
}

impl Asked {
    /// Who asks is known before anything of the body is looked at.
    async fn admit(
        guard: Arc<Guard>,
        scope: Scope,
        request: Request,
    ) -> Result<(Self, Bytes), ApiError> {
        let began = Instant::now();
        let settings = guard.settings.current().await;
        let now = guard.clock.now();
        let service = settings.service_keys.authenticate(request.headers(), scope);
        let service = service.inspect_err(|error| {
            tracing::info!(code = error.code(), scope = scope.as_str(), "service refused");
        })?;
        let deadline = request.extensions().get().and_then(|Deadline(at)| *at);
        let deadline = deadline.map(|at| Instant::now() + time_until(at, now));
        let RawBody(body) = RawBody::from_request(request, &()).await?;
        let actor = Actor::Service(service.name);
        Ok((Self { guard, settings, actor, now, began, deadline }, body))
    }

    /// What the account can spend, by one eventually consistent read; `None` where it cannot be
    /// read now.
    async fn remaining(&self, account: &AccountId) -> Option<Credits> {
        let balance = books::balance(&self.guard, account).await.ok().flatten();
        balance.map(|balance| balance.available)
    }

    fn duration_ms(&self) -> Option<u64> {
        u64::try_from(self.began.elapsed().as_millis()).ok()
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.account, self.hold)
    }
}

/// Not the public name of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NoPublicId;

impl FromStr for PublicId {
    type Err = NoPublicId;

    fn from_str(text: &str) -> Result<Self, NoPublicId> {
        let (account, hold) = text.split_once('.').ok_or(NoPublicId)?;
        let account = AccountId::parse(account).map_err(|_| NoPublicId)?;
        Ok(Self { account, hold: hold.parse().map_err(|_| NoPublicId)? })
    }
}

fn json(status: StatusCode, document: &Value) -> Response {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_id_is_read_as_it_is_written_and_in_no_other_spelling() {
        let id = "user_1.01KAGJYM0D1VNQ7R2M3X4Y5Z6A";
        let read: PublicId = id.parse().unwrap();
        assert_eq!((read.account.as_str(), read.to_string().as_str()), ("user_1", id));
        let others = [
            "",
            "user_1",
            "user_1.",
            ".01KAGJYM0D1VNQ7R2M3X4Y5Z6A",
            "01KAGJYM0D1VNQ7R2M3X4Y5Z6A",
            "admin.01KAGJYM0D1VNQ7R2M3X4Y5Z6A",
            "user_1.01kagjym0d1vnq7r2m3x4y5z6a",
            "user_1.01KAGJYM0D1VNQ7R2M3X4Y5Z6A.outcome",
        ];
        for other in others {
            assert_eq!(other.parse::<PublicId>(), Err(NoPublicId), "{other}");
        }
    }
}

//! `POST /api/admin/users/sync`: starts a run.

use admin::{Admin, credits_disabled};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{
    Operation, OperationResult,
    runs::{Run, RunOptions},
};
use http::{HeaderMap, StatusCode};
use http_api::{ApiError, RawBody, from_json};
use jiff::SignedDuration;
use ledger::mode::Mode;
use sync::Wish;

use crate::{
    AdminSync, FUNCTION, refusal,
    request::{Asked, Request, prefers_not_to_wait},
    shown::{self, answer},
    terms,
};

/// Up to so many users, a run is done while the caller waits: one page.
const AT_ONCE_MAX: u64 = 500;

/// How long the caller waits before what is left goes to the queue. The HTTP API gives up after
/// 30 seconds, and the step that is under way then has to end first.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

/// Users an `overrideCredits` may touch without being told their number.
const UNCONFIRMED_MAX: u64 = 100;

pub(crate) async fn start(
    admin: Admin,
    State(function): State<AdminSync>,
    headers: HeaderMap,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    let operation = admin.operation(FUNCTION, "sync", None);
    if admin.settings.mode == Mode::Off {
        let result = OperationResult::CreditsDisabled;
        function.deps.record(&Operation { result, ..operation }).await;
        return Ok(credits_disabled("sync", None));
    }
    let started = begin(&admin, &function, body).await;
    let run = match started {
        Ok(run) => run,
        Err(refused) => return function.deps.recorded(operation, Err(refused)).await,
    };
    let target = Some(run.id.to_string());
    let details = shown::asked(&run.options);
    function.deps.record(&Operation { target, details, ..operation }).await;
    let run = go_on(&admin, &function, run, prefers_not_to_wait(&headers)).await?;
    Ok(answer(&run, admin.now).into_response())
}

/// Checks what is asked, and starts the run.
async fn begin(
    admin: &Admin,
    function: &AdminSync,
    body: Result<RawBody, ApiError>,
) -> Result<Run, ApiError> {
    if !admin.settings.manual_sync {
        let detail = "the setting `MANUAL_SYNC_ENABLED` is off: users and plans are taken over by \
                      webhooks only";
        return Err(ApiError::new(StatusCode::CONFLICT, "manual_sync_disabled", detail));
    }
    let RawBody(bytes) = body?;
    let asked = if bytes.is_empty() { from_json(b"{}") } else { from_json::<Request>(&bytes) };
    let Asked { options, confirm, from } = asked?.checked()?;
    let parts = function.parts.current().await;
    let users = parts.projector.clerk.count_users().await;
    let users_total = users.map_err(|error| refusal::clerk(&error))?;
    confirmed(&options, users_total, confirm)?;
    let by = admin.actor().to_string();
    let wish = Wish { id: admin.operation, by, options, users_total, from };
    match sync::start(&parts, wish, admin.now).await.map_err(refusal::failed)? {
        Ok(run) => Ok(run),
        Err(other) => {
            let found = function.deps.directory.run(other).await.ok().flatten();
            let is_stalled = found.is_some_and(|run| run.is_stalled(admin.now));
            Err(refusal::running(other, is_stalled))
        }
    }
}

/// Setting everyone's balance takes the number of those it touches, where they are many.
fn confirmed(options: &RunOptions, users: u64, confirm: Option<u64>) -> Result<(), ApiError> {
    let harmless = options.override_credits.is_none() || options.dry_run;
    if harmless || users <= UNCONFIRMED_MAX || confirm == Some(users) {
        return Ok(());
    }
    let detail = format!(
        "`overrideCredits` would set the balance of {users} users: say so with `confirm`: {users}"
    );
    let refusal = ApiError::new(StatusCode::CONFLICT, "confirmation_required", detail);
    Err(refusal.field("confirm").with("users", users))
}

/// Does a small run while the caller waits; queues another.
async fn go_on(
    admin: &Admin,
    function: &AdminSync,
    run: Run,
    is_queued: bool,
) -> Result<Run, ApiError> {
    let parts = function.parts.current().await;
    if is_queued || run.users_total > AT_ONCE_MAX {
        let sent = sync::send_next(&parts, &run, std::time::Duration::ZERO).await;
        sent.map_err(refusal::failed)?;
        return Ok(run);
    }
    let until = admin.now.checked_add(PATIENCE).unwrap_or(jiff::Timestamp::MAX);
    let done = sync::at_once(&parts, &terms(&admin.settings), run, until).await;
    done.map_err(refusal::failed)
}

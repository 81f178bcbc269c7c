//! `POST /api/admin/users/sync/{run}/resume` and `…/cancel`: going on with a run, and ending one.

use admin::{Admin, credits_disabled};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{
    Operation, OperationResult,
    runs::{Run, RunState},
};
use http::StatusCode;
use http_api::{ApiError, Path};
use ledger::mode::Mode;
use sync::Resumed;

use crate::{AdminSync, FUNCTION, look::run_id, refusal, shown::answer};

pub(crate) async fn resume(
    admin: Admin,
    State(function): State<AdminSync>,
    path: Result<Path<String>, ApiError>,
) -> Result<Response, ApiError> {
    let target = path.as_ref().ok().map(|Path(text)| text.clone());
    let operation = admin.operation(FUNCTION, "sync-resume", target.clone());
    if admin.settings.mode == Mode::Off {
        let result = OperationResult::CreditsDisabled;
        function.deps.record(&Operation { result, ..operation }).await;
        return Ok(credits_disabled("sync-resume", target.as_deref()));
    }
    let resumed = resumed(&admin, &function, path).await;
    let run = function.deps.recorded_always(operation, resumed).await?;
    Ok(answer(&run, admin.now).into_response())
}

async fn resumed(
    admin: &Admin,
    function: &AdminSync,
    path: Result<Path<String>, ApiError>,
) -> Result<Run, ApiError> {
    let id = run_id(path)?;
    let parts = function.parts.current().await;
    match sync::resume(&parts, id, admin.now).await.map_err(refusal::failed)? {
        Resumed::Yes(run) => Ok(run),
        Resumed::Running(other) => Err(refusal::running(other, false)),
        Resumed::Ended(run) => Err(ended(&run)),
        Resumed::Missing => Err(refusal::missing()),
    }
}

pub(crate) async fn cancel(
    admin: Admin,
    State(function): State<AdminSync>,
    path: Result<Path<String>, ApiError>,
) -> Result<Response, ApiError> {
    let target = path.as_ref().ok().map(|Path(text)| text.clone());
    let operation = admin.operation(FUNCTION, "sync-cancel", target);
    let cancelled = cancelled(&admin, &function, path).await;
    let run = function.deps.recorded_always(operation, cancelled).await?;
    Ok(answer(&run, admin.now).into_response())
}

async fn cancelled(
    admin: &Admin,
    function: &AdminSync,
    path: Result<Path<String>, ApiError>,
) -> Result<Run, ApiError> {
    let id = run_id(path)?;
    let parts = function.parts.current().await;
    let run = sync::cancel(&parts, id, admin.now).await.map_err(refusal::failed)?;
    let run = run.ok_or_else(refusal::missing)?;
    match run.state {
        RunState::Running | RunState::Cancelled => Ok(run),
        RunState::Done | RunState::Stopped => Err(ended(&run)),
    }
}

fn ended(run: &Run) -> ApiError {
    let state = run.state.as_str();
    let detail = format!("the run has ended: it is {state}");
    ApiError::new(StatusCode::CONFLICT, "sync_ended", detail)
        .with("run", run.id.to_string())
        .with("state", state)
}

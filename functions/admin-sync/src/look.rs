//! `GET /api/admin/users/sync` and `…/{run}`: the runs, and how far one is.

use admin::{Admin, Limit, unreadable};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Path, Query};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{AdminSync, cursor, refusal, shown::ShownRun};

/// `?limit=&cursor=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

/// One page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Runs {
    runs: Vec<ShownRun>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(
    admin: Admin,
    State(function): State<AdminSync>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let after = cursor::runs_after(wanted.cursor.as_deref())?;
    let page = function.deps.directory.runs(wanted.limit.get(), after).await;
    let page = page.map_err(unreadable)?;
    let runs = page.runs.iter().map(|run| ShownRun::of(run, admin.now)).collect();
    let next_cursor = page.next.map(cursor::of_runs);
    Ok(([(CACHE_CONTROL, "no-store")], Json(Runs { runs, next_cursor })).into_response())
}

pub(crate) async fn show(
    admin: Admin,
    State(function): State<AdminSync>,
    path: Result<Path<String>, ApiError>,
) -> Result<Response, ApiError> {
    let id = run_id(path)?;
    let run = function.deps.directory.run(id).await.map_err(unreadable)?;
    let run = run.ok_or_else(refusal::missing)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(ShownRun::of(&run, admin.now))).into_response())
}

/// The run a path names; what is no id names none.
pub(crate) fn run_id(path: Result<Path<String>, ApiError>) -> Result<Ulid, ApiError> {
    let Path(text) = path?;
    // Only the canonical spelling counts.
    let id = Ulid::from_string(&text).ok().filter(|id| id.to_string() == text);
    id.ok_or_else(refusal::missing)
}

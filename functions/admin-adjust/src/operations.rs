//! `GET /api/admin/operations`: what admins did, or were refused, newest first.

use std::collections::BTreeMap;

use admin::{Admin, Limit};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{Operation, OperationFilter, OperationResult};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AdminAdjust, cursor};

/// `?actor=&action=&target=&result=&since=&until=&limit=&cursor=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    result: Option<OperationResult>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

/// One page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operations {
    operations: Vec<ShownOperation>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownOperation {
    id: String,
    at: Timestamp,
    actor: String,
    function: String,
    action: String,
    target: Option<String>,
    result: &'static str,
    error: Option<String>,
    details: BTreeMap<String, String>,
}

pub(crate) async fn list(
    admin: Admin,
    State(function): State<AdminAdjust>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let after = cursor::decode(wanted.cursor.as_deref())?;
    let filter = OperationFilter {
        actor: wanted.actor,
        action: wanted.action,
        target: wanted.target,
        result: wanted.result,
        since: wanted.since,
        until: wanted.until,
    };
    let directory = &function.deps.directory;
    let page = directory.operations(&filter, admin.now, wanted.limit.get(), after).await;
    let page = page.map_err(admin::unreadable)?;
    let operations = Operations {
        operations: page.operations.into_iter().map(ShownOperation::from).collect(),
        next_cursor: page.next.as_ref().map(cursor::encode),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(operations)).into_response())
}

impl From<Operation> for ShownOperation {
    fn from(operation: Operation) -> Self {
        Self {
            id: operation.id.to_string(),
            at: operation.at,
            actor: operation.actor,
            function: operation.function,
            action: operation.action,
            target: operation.target,
            result: operation.result.as_str(),
            error: operation.error,
            details: operation.details,
        }
    }
}

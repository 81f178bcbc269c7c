//! `POST /api/admin/accounts/{account}/freeze` and `…/unfreeze`: calls stopped, and let go on.

use std::collections::BTreeMap;

use admin::Admin;
use axum::{extract::State, response::Response};
use http_api::{ApiError, Path, RawBody, from_json};
use ledger::{AccountId, balance::FreezeReason, command::Action};
use serde::Deserialize;

use crate::{
    AdminAdjust, asked,
    movement::{Asked, Order},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FreezeBody {
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UnfreezeBody {
    reason: String,
    of: Option<Lifted>,
}

/// What an admin can lift. A dispute ends with its payment, and a closed account stays closed.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Lifted {
    Admin,
    Quarantine,
}

pub(crate) async fn freeze(
    admin: Admin,
    State(function): State<AdminAdjust>,
    account: Result<Path<String>, ApiError>,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    let account = asked::account(account, "account");
    let read = |_: &AccountId| {
        let FreezeBody { reason } = from_json(&body?.0)?;
        order(Action::Freeze(FreezeReason::Admin), FreezeReason::Admin, reason)
    };
    let as_read = async |_: &AccountId, order| Ok(order);
    function.carry_out(Asked { admin: &admin, word: "freeze", account }, read, as_read).await
}

pub(crate) async fn unfreeze(
    admin: Admin,
    State(function): State<AdminAdjust>,
    account: Result<Path<String>, ApiError>,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    let account = asked::account(account, "account");
    let read = |_: &AccountId| {
        let UnfreezeBody { reason, of } = from_json(&body?.0)?;
        let of = match of.unwrap_or(Lifted::Admin) {
            Lifted::Admin => FreezeReason::Admin,
            Lifted::Quarantine => FreezeReason::Quarantine,
        };
        order(Action::Unfreeze(of), of, reason)
    };
    let as_read = async |_: &AccountId, order| Ok(order);
    function.carry_out(Asked { admin: &admin, word: "unfreeze", account }, read, as_read).await
}

/// Why somebody was kept from what they paid for is always on record.
fn order(action: Action, of: FreezeReason, reason: String) -> Result<Order, ApiError> {
    let Some(reason) = asked::text("reason", Some(reason))? else {
        return Err(ApiError::invalid_field("reason", "`reason` must say something"));
    };
    let details = [("of".to_owned(), of.to_string()), ("reason".to_owned(), reason)];
    Ok(Order { action, details: BTreeMap::from(details) })
}

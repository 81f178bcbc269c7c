//! `POST /api/admin/accounts/{account}/entries/{id}/refund`: a call's cost given back.

use std::collections::BTreeMap;

use admin::Admin;
use axum::{extract::State, response::Response};
use http::HeaderMap;
use http_api::{ApiError, Path, RawBody, from_json};
use ledger::{
    AccountId, Credits, EntryId, HoldId, Rejection,
    command::Action,
    entry::{Cause, GrantKey},
};
use ledger_dynamodb::{Fate, Refundable};
use serde::Deserialize;

use crate::{
    AdminAdjust, asked,
    movement::{Asked, Order},
};

/// Without `credits` all that is left of the cost is given back.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    credits: Option<Credits>,
    reference: Option<String>,
    note: Option<String>,
}

/// A request understood.
struct Request {
    entry: EntryId,
    amount: Option<Credits>,
    note: Option<String>,
    key: Option<GrantKey>,
}

pub(crate) async fn refund(
    admin: Admin,
    State(function): State<AdminAdjust>,
    path: Result<Path<(String, String)>, ApiError>,
    headers: HeaderMap,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    let (account, entry) = match path {
        Ok(Path((account, entry))) => (Ok(Path(account)), entry),
        Err(rejection) => (Err(rejection), String::new()),
    };
    let account = asked::account(account, "account");
    let read = |account: &AccountId| Request::read(account, &entry, &headers, &body?);
    let order = async |account: &AccountId, request| function.refund(account, request).await;
    function.carry_out(Asked { admin: &admin, word: "refund", account }, read, order).await
}

impl Request {
    fn read(
        account: &AccountId,
        entry: &str,
        headers: &HeaderMap,
        body: &RawBody,
    ) -> Result<Self, ApiError> {
        let entry = entry
            .parse()
            .map_err(|_| ApiError::invalid_field("id", "`id` must name an entry of the account"))?;
        // The whole cost, with nothing said about it, needs no body.
        let body: Body = if body.0.is_empty() { Body::default() } else { from_json(&body.0)? };
        let reference = body.reference.map(asked::reference).transpose()?;
        let key = match reference {
            Some(reference) => Some(reference),
            None => asked::idempotency_key(headers)?,
        };
        let key = key.map(|key| GrantKey::refund(account, &key)).transpose();
        Ok(Self {
            entry,
            amount: body.credits,
            note: asked::text("note", body.note)?,
            key: key.map_err(|error| ApiError::internal(&error))?,
        })
    }
}

impl AdminAdjust {
    async fn refund(&self, account: &AccountId, request: Request) -> Result<Order, ApiError> {
        let call = self.call(account, request.entry).await?;
        if call.fate == Fate::Open {
            return Err(Rejection::CallOpen.into());
        }
        let asked = request.amount.map_or_else(|| "all".to_owned(), |asked| asked.to_string());
        let mut details = BTreeMap::from([
            ("asked".to_owned(), asked),
            ("call".to_owned(), call.hold.id.to_string()),
            ("cost".to_owned(), call.cost.to_string()),
        ]);
        details.extend(request.note.clone().map(|note| ("note".to_owned(), note)));
        details.extend(request.key.as_ref().map(|key| ("key".to_owned(), key.to_string())));
        let Request { amount, note, key, .. } = request;
        let action = Action::Refund { hold: call.hold.id, amount, cost: call.cost, note, key };
        Ok(Order { action, details })
    }

    /// The call that an entry belongs to: its hold, its outcome and a late charge all name it.
    async fn call(&self, account: &AccountId, entry: EntryId) -> Result<Refundable, ApiError> {
        let hold = match entry {
            EntryId::Own(id) => HoldId(id),
            EntryId::Outcome(hold) => hold,
        };
        let store = &self.deps.store;
        if let Some(call) =
            Box::pin(store.refundable(account, hold)).await.map_err(admin::unreadable)?
        {
            return Ok(call);
        }
        let found = store.entry(account, entry).await.map_err(admin::unreadable)?;
        let Some(Cause::Charge { hold }) = found.map(|entry| entry.cause) else {
            return Err(Rejection::NoHold.into());
        };
        let call = Box::pin(store.refundable(account, hold)).await.map_err(admin::unreadable)?;
        call.ok_or_else(|| Rejection::NoHold.into())
    }
}

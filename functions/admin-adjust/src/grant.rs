//! `POST /api/admin/accounts/{account}/grants`: credits that were paid for elsewhere, or given.

use std::collections::BTreeMap;

use admin::Admin;
use axum::{extract::State, response::Response};
use http_api::{ApiError, Path, RawBody, from_json};
use jiff::Timestamp;
use ledger::{
    AccountId, Credits,
    bucket::Source,
    command::{Action, Grant},
    entry::GrantKey,
};
use serde::Deserialize;

use crate::{
    AdminAdjust, asked,
    movement::{Asked, Order},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    credits: Credits,
    source: Option<GrantSource>,
    reference: String,
    expires_at: Option<Timestamp>,
    note: Option<String>,
}

/// Where credits come from that an admin can grant; the other sources have their own ways in.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GrantSource {
    Manual,
    Pack,
}

/// A request understood.
struct Request {
    grant: Grant,
    reference: String,
}

pub(crate) async fn grant(
    admin: Admin,
    State(function): State<AdminAdjust>,
    account: Result<Path<String>, ApiError>,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    let account = asked::account(account, "account");
    let read = |account: &AccountId| Request::read(account, &body?);
    let order = async |_: &AccountId, request: Request| Ok(request.order());
    function.carry_out(Asked { admin: &admin, word: "grant", account }, read, order).await
}

impl Request {
    fn read(account: &AccountId, body: &RawBody) -> Result<Self, ApiError> {
        let body: Body = from_json(&body.0)?;
        let reference = asked::reference(body.reference)?;
        let key = GrantKey::manual(account, &reference);
        let source = match body.source.unwrap_or(GrantSource::Manual) {
            GrantSource::Manual => Source::Manual,
            GrantSource::Pack => Source::Pack,
        };
        let grant = Grant {
            key: Some(key.map_err(|error| ApiError::internal(&error))?),
            source,
            amount: body.credits,
            expires_at: body.expires_at,
            note: asked::text("note", body.note)?,
        };
        Ok(Self { grant, reference })
    }

    fn order(self) -> Order {
        let Self { grant, reference } = self;
        let mut details = BTreeMap::from([
            ("asked".to_owned(), grant.amount.to_string()),
            ("source".to_owned(), grant.source.to_string()),
            ("reference".to_owned(), reference),
        ]);
        details.extend(grant.expires_at.map(|at| ("expiresAt".to_owned(), at.to_string())));
        details.extend(grant.note.clone().map(|note| ("note".to_owned(), note)));
        Order { action: Action::Grant(grant), details }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Request, ApiError> {
        let account = AccountId::parse("org_1").unwrap();
        Request::read(&account, &RawBody(body.to_owned().into()))
    }

    #[test]
    fn the_reference_and_the_account_are_the_fact() {
        let Request { grant, .. } = read(r#"{"credits": 5, "reference": "pix:E1"}"#).unwrap();
        assert_eq!(grant.key.unwrap().as_str(), "manual:org_1:pix:E1");
        assert_eq!(grant.source, Source::Manual);
        let body = r#"{"credits": 5, "reference": "1", "source": "pack"}"#;
        assert_eq!(read(body).unwrap().grant.source, Source::Pack);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (body, field) in [
            (r#"{"credits": 5}"#, "reference"),
            (r#"{"reference": "1"}"#, "credits"),
            (r#"{"credits": 5, "reference": ""}"#, "reference"),
            (r#"{"credits": 5, "reference": "a b"}"#, "reference"),
            (r#"{"credits": 5, "reference": "1", "source": "signup"}"#, "source"),
            (r#"{"credits": 5, "reference": "1", "expiresAt": "soon"}"#, "expiresAt"),
            (r#"{"credits": 5, "reference": "1", "expires": "soon"}"#, "expires"),
        ] {
            let error = read(body).err().unwrap();
            assert_eq!(error.document()["field"], field, "{body}");
        }
    }
}

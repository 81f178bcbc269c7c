//! `PUT /api/admin/users/{id}/credits`, `PUT /api/admin/credits/{id}`: a balance moved by hand.

use std::collections::BTreeMap;

use admin::Admin;
use axum::{extract::State, response::Response};
use http::HeaderMap;
use http_api::{ApiError, Path, RawBody, from_json};
use ledger::{
    AccountId, Credits,
    command::{Action, Adjustment},
    entry::GrantKey,
};
use serde::Deserialize;

use crate::{
    AdminAdjust, asked,
    movement::{Asked, Order},
};

/// `{"credits": 100}` sets the balance, `{"adjustment": -50}` moves it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    credits: Option<Credits>,
    adjustment: Option<Credits>,
    reason: Option<String>,
    clamp: Option<bool>,
}

/// A request understood.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    adjustment: Adjustment,
    reason: Option<String>,
    key: Option<GrantKey>,
}

pub(crate) async fn user(
    admin: Admin,
    State(function): State<AdminAdjust>,
    id: Result<Path<String>, ApiError>,
    headers: HeaderMap,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    adjust(&function, &admin, asked::user(id), &headers, body).await
}

pub(crate) async fn account(
    admin: Admin,
    State(function): State<AdminAdjust>,
    id: Result<Path<String>, ApiError>,
    headers: HeaderMap,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    adjust(&function, &admin, asked::account(id, "id"), &headers, body).await
}

async fn adjust(
    function: &AdminAdjust,
    admin: &Admin,
    account: Result<AccountId, ApiError>,
    headers: &HeaderMap,
    body: Result<RawBody, ApiError>,
) -> Result<Response, ApiError> {
    let read = |account: &AccountId| Request::read(account, headers, &body?);
    let order = async |_: &AccountId, request: Request| Ok(request.order());
    function.carry_out(Asked { admin, word: "adjust", account }, read, order).await
}

impl Request {
    fn read(account: &AccountId, headers: &HeaderMap, body: &RawBody) -> Result<Self, ApiError> {
        let body: Body = from_json(&body.0)?;
        let key = asked::idempotency_key(headers)?;
        let key = key.map(|key| GrantKey::adjustment(account, &key)).transpose();
        Ok(Self {
            adjustment: adjustment(&body)?,
            reason: asked::text("reason", body.reason)?,
            key: key.map_err(|error| ApiError::internal(&error))?,
        })
    }

    fn order(self) -> Order {
        let asked = match self.adjustment {
            Adjustment::To(credits) => format!("to {credits}"),
            Adjustment::By(credits) => format!("by {credits}"),
            Adjustment::ByAtMost(credits) => format!("by {credits} at most"),
        };
        let mut details = BTreeMap::from([("asked".to_owned(), asked)]);
        details.extend(self.reason.clone().map(|reason| ("reason".to_owned(), reason)));
        details.extend(self.key.as_ref().map(|key| ("key".to_owned(), key.to_string())));
        let Self { adjustment, reason, key } = self;
        Order { action: Action::Adjust { adjustment, reason, key }, details }
    }
}

fn adjustment(body: &Body) -> Result<Adjustment, ApiError> {
    let clamp = body.clamp == Some(true);
    match (body.credits, body.adjustment) {
        (Some(credits), None) if credits.is_negative() => {
            Err(ApiError::invalid_field("credits", "`credits` must be zero or above"))
        }
        (Some(_), None) if clamp => {
            let detail =
                "`clamp` goes with `adjustment`: a balance that is set has nothing to clamp";
            Err(ApiError::invalid_field("clamp", detail))
        }
        (Some(credits), None) => Ok(Adjustment::To(credits)),
        (None, Some(adjustment)) if clamp => Ok(Adjustment::ByAtMost(adjustment)),
        (None, Some(adjustment)) => Ok(Adjustment::By(adjustment)),
        (None, None) | (Some(_), Some(_)) => {
            let detail = "exactly one of `credits` and `adjustment` must be there";
            Err(ApiError::invalid_field("credits", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Request, ApiError> {
        let account = AccountId::parse("user_1").unwrap();
        Request::read(&account, &HeaderMap::new(), &RawBody(body.to_owned().into()))
    }

    fn credits(value: i64) -> Credits {
        Credits::new(value).unwrap()
    }

    #[test]
    fn a_balance_is_set_or_moved() {
        for (body, expected) in [
            (r#"{"credits": 0}"#, Adjustment::To(credits(0))),
            (r#"{"credits": 7, "adjustment": null}"#, Adjustment::To(credits(7))),
            (r#"{"adjustment": -50}"#, Adjustment::By(credits(-50))),
            (r#"{"adjustment": -50, "clamp": false}"#, Adjustment::By(credits(-50))),
            (r#"{"adjustment": -50, "clamp": true}"#, Adjustment::ByAtMost(credits(-50))),
        ] {
            assert_eq!(read(body).unwrap().adjustment, expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let long = format!(r#"{{"credits": 1, "reason": "{}"}}"#, "r".repeat(501));
        for (body, code, field) in [
            ("{}", "invalid_field", "credits"),
            (r#"{"credits": 1, "adjustment": 1}"#, "invalid_field", "credits"),
            (r#"{"credits": -1}"#, "invalid_field", "credits"),
            (r#"{"credits": 1.5}"#, "invalid_field", "credits"),
            (r#"{"credits": "1"}"#, "invalid_field", "credits"),
            (r#"{"credits": 1000000000001}"#, "invalid_field", "credits"),
            (r#"{"adjustment": 1e3}"#, "invalid_field", "adjustment"),
            (r#"{"adjustment": NaN}"#, "malformed_json", ""),
            (r#"{"credits": 1, "clamp": true}"#, "invalid_field", "clamp"),
            (r#"{"credits": 1, "amount": 2}"#, "invalid_field", "amount"),
            (&long, "invalid_field", "reason"),
            ("", "malformed_json", ""),
        ] {
            let error = read(body).unwrap_err();
            assert_eq!(error.code(), code, "{body}");
            let named = error.document().get("field").cloned();
            assert_eq!(
                named.as_ref().and_then(|name| name.as_str()).unwrap_or(""),
                field,
                "{body}"
            );
        }
    }

    #[test]
    fn the_record_keeps_what_was_asked() {
        let request = read(r#"{"adjustment": -50, "clamp": true, "reason": "chargeback"}"#);
        let order = request.unwrap().order();
        assert_eq!(order.details["asked"], "by -50 at most");
        assert_eq!(order.details["reason"], "chargeback");
    }
}

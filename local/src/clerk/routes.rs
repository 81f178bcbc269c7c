//! The routes of the Backend API.

use http::{Method, header};
use serde_json::{Value, json};

use super::billing;
use super::reply::{Fault, Reply};
use super::server::Asked;
use super::state::Shared;
use super::users;

/// The longest page there is.
const LIMIT_MAX: usize = 500;

/// The page of whoever does not say.
const LIMIT: usize = 10;

/// Whose metadata a call writes.
pub(super) fn writes_of(asked: &Asked) -> Option<&str> {
    let writes = matches!(asked.method, Method::PATCH | Method::PUT);
    let path = asked.path.strip_prefix("/v1/")?;
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["users" | "organizations", id, "metadata"] if writes => Some(*id),
        _ => None,
    }
}

/// What Clerk answers.
pub(super) fn reply(asked: &Asked, shared: &Shared) -> Result<Reply, Fault> {
    let keys = ["/v1/jwks", "/.well-known/jwks.json"];
    if asked.path == keys[1] {
        return Ok(Reply::Json(shared.options.jwks.clone()));
    }
    authorize(asked, shared)?;
    if asked.path == keys[0] {
        return Ok(Reply::Json(shared.options.jwks.clone()));
    }
    shared.state().limits.take(shared.now_ms())?;
    let Some(path) = asked.path.strip_prefix("/v1/") else {
        return Ok(Reply::NoRoute);
    };
    let parts: Vec<&str> = path.split('/').collect();
    let state = || shared.state();
    let found = |json: Option<Value>| json.map(Reply::Json).ok_or_else(Fault::not_found);
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["users"]) => list_users(asked, shared),
        ("GET", ["users", "count"]) => {
            let total_count = state().users.count();
            Ok(Reply::Json(json!({"object": "total_count", "total_count": total_count})))
        }
        ("GET", ["users", id]) => found(state().users.json(id)),
        ("DELETE", ["users", id]) => {
            let removed = state().users.remove(id);
            found(removed.then(|| json!({"id": id, "object": "user", "deleted": true})))
        }
        ("GET", ["organizations", id]) => found(state().organization(id)),
        ("PATCH" | "PUT", ["users" | "organizations", id, "metadata"]) => {
            write_metadata(asked, shared, id, parts.first() == Some(&"users"))
        }
        ("GET", ["users" | "organizations", id, "billing", "subscription"]) => {
            found(state().billing.subscription(id))
        }
        ("GET", ["billing", "plans"]) => list_plans(asked, shared),
        ("GET", ["billing", "subscription_items"]) => list_items(asked, shared),
        _ => Ok(Reply::NoRoute),
    }
}

fn authorize(asked: &Asked, shared: &Shared) -> Result<(), Fault> {
    let given = asked.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = given.and_then(|given| given.strip_prefix("Bearer "));
    if key == Some(shared.options.secret_key.as_str()) { Ok(()) } else { Err(Fault::wrong_key()) }
}

fn write_metadata(asked: &Asked, shared: &Shared, id: &str, user: bool) -> Result<Reply, Fault> {
    let now_ms = shared.now_ms();
    let mut state = shared.state();
    let known = if user { state.users.contains(id) } else { state.organizations.contains_key(id) };
    if !known {
        return Err(Fault::not_found());
    }
    state.limits.take_of(id, now_ms)?;
    let body = asked.json().ok_or_else(Fault::not_json)?;
    let body = body.as_object().ok_or_else(Fault::not_json)?;
    let merge = asked.method == Method::PATCH;
    let owners = if user { &mut state.users.owners } else { &mut state.organization_owners };
    owners.write(id, body, merge, now_ms).map_err(|bad| Fault::invalid(bad.0))?;
    state.owner(id).map(Reply::Json).ok_or_else(Fault::not_found)
}

fn list_users(asked: &Asked, shared: &Shared) -> Result<Reply, Fault> {
    let mut wanted = users::Wanted { limit: LIMIT, ..users::Wanted::default() };
    for (name, value) in parameters(&asked.query) {
        match name.as_str() {
            "limit" => wanted.limit = limit(&value)?,
            "offset" => wanted.offset = number(&name, &value)?,
            "starting_after" => wanted.starting_after = Some(value),
            // Only the first one counts.
            "order_by" => wanted.order_by = wanted.order_by.or(Some(value)),
            "user_id" | "user_id[]" => wanted.ids.push(value),
            _ => return Err(Fault::invalid(name)),
        }
    }
    Ok(Reply::Json(shared.state().users.list(&wanted)?.into()))
}

fn list_plans(asked: &Asked, shared: &Shared) -> Result<Reply, Fault> {
    let (mut most, mut offset, mut payer) = (LIMIT, 0, None);
    for (name, value) in parameters(&asked.query) {
        match name.as_str() {
            "limit" => most = limit(&value)?,
            "offset" => offset = number(&name, &value)?,
            "payer_type" => payer = Some(value),
            "paginated" => {}
            _ => return Err(Fault::invalid(name)),
        }
    }
    Ok(Reply::Json(shared.state().billing.plans(most, offset, payer.as_deref())))
}

fn list_items(asked: &Asked, shared: &Shared) -> Result<Reply, Fault> {
    let mut wanted = billing::Wanted {
        limit: LIMIT,
        offset: 0,
        status: None,
        payer_type: None,
        plan_id: None,
        include_free: false,
    };
    for (name, value) in parameters(&asked.query) {
        match name.as_str() {
            "limit" => wanted.limit = limit(&value)?,
            "offset" => wanted.offset = number(&name, &value)?,
            "status" => wanted.status = Some(value),
            "payer_type" => wanted.payer_type = Some(value),
            "plan_id" => wanted.plan_id = Some(value),
            "include_free" => wanted.include_free = value == "true",
            "paginated" => {}
            _ => return Err(Fault::invalid(name)),
        }
    }
    Ok(Reply::Json(shared.state().billing.items(&wanted)))
}

fn limit(value: &str) -> Result<usize, Fault> {
    let limit = number("limit", value)?;
    if (1..=LIMIT_MAX).contains(&limit) { Ok(limit) } else { Err(Fault::invalid("limit")) }
}

fn number(name: &str, value: &str) -> Result<usize, Fault> {
    value.parse().map_err(|_| Fault::invalid(name))
}

/// The parameters of a query, decoded.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// `%2B` is a plus sign, and `+` a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = match after {
            [high, low, ..] if *first == b'%' => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

//! The controls over HTTP, for a stack that somebody else has started. The module above lists them.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::billing::{Plan, Subscription};
use super::reply::{Fault, Reply};
use super::server::Asked;
use super::state::{Outage, Shared};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewUser {
    id: String,
    email: Option<String>,
    public_metadata: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUsers {
    count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    mode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLimits {
    all: u32,
    user: u32,
}

pub(super) fn reply(asked: &Asked, shared: &Shared) -> Reply {
    let done = match control(asked, shared) {
        Ok(Some(json)) => Ok(json),
        Ok(None) => return Reply::NoRoute,
        Err(fault) => Err(fault),
    };
    done.map_or_else(Reply::Fault, Reply::Json)
}

/// `None` where there is no such control.
fn control(asked: &Asked, shared: &Shared) -> Result<Option<Value>, Fault> {
    let path = asked.path.strip_prefix("/_stand-in/").unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["users"]) => add_users(asked, shared)?,
        ("GET", ["users", id]) => {
            return shared.state().owner(id).ok_or_else(Fault::not_found).map(Some);
        }
        ("DELETE", ["users", id]) => {
            if !shared.state().users.remove(id) {
                return Err(Fault::not_found());
            }
        }
        ("POST", ["organizations"]) => {
            shared.state().add_organization(&read::<NewOrganization>(asked)?.id);
        }
        ("POST", ["plans"]) => shared.state().billing.put_plan(read::<Plan>(asked)?),
        ("POST", ["subscriptions"]) => {
            let given: Subscription = read(asked)?;
            let now_ms = shared.now_ms();
            shared.state().billing.put_item(&given, now_ms)?;
        }
        ("PUT", ["outage"]) => {
            let outage = match read::<Mode>(asked)?.mode.as_str() {
                "none" => Outage::None,
                "drop" => Outage::Drop,
                "503" => Outage::Unavailable,
                _ => return Err(Fault::invalid("mode")),
            };
            shared.state().outage = outage;
        }
        ("PUT", ["slow"]) => {
            let ms = read::<Slow>(asked)?.ms;
            shared.state().slow = (ms > 0).then(|| Duration::from_millis(ms));
        }
        ("PUT", ["limits"]) => {
            let NewLimits { all, user } = read(asked)?;
            shared.state().limits.set(all, user);
        }
        ("GET", ["calls"]) => {
            let state = shared.state();
            return Ok(Some(json!({ "count": state.call_count, "calls": state.calls })));
        }
        _ => return Ok(None),
    }
    Ok(Some(summary(shared)))
}

/// A user of one's own, or many.
fn add_users(asked: &Asked, shared: &Shared) -> Result<(), Fault> {
    if let Ok(NewUsers { count }) = read(asked) {
        shared.state().users.add_many(count);
        return Ok(());
    }
    let new: NewUser = read(asked)?;
    if !new.id.starts_with("user_") {
        return Err(Fault::invalid("id"));
    }
    let now_ms = shared.now_ms();
    let mut state = shared.state();
    state.users.add(&new.id);
    if let Some(email) = new.email {
        state.users.set_email(&new.id, &email, now_ms);
    }
    if let Some(metadata) = new.public_metadata {
        state.users.owners.replace(&new.id, "public_metadata", &metadata, now_ms);
    }
    Ok(())
}

/// How the stand-in is after a control.
fn summary(shared: &Shared) -> Value {
    let state = shared.state();
    let (all, user) = state.limits.get();
    json!({
        "users": state.users.count(),
        "organizations": state.organizations.len(),
        "outage": state.outage,
        "slowMs": state.slow.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        "limits": { "all": all, "user": user },
    })
}

fn read<T: DeserializeOwned>(asked: &Asked) -> Result<T, Fault> {
    serde_json::from_slice(&asked.body).map_err(|_| Fault::not_json())
}

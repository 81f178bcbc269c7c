//! Who there is at the Clerk that stands in: the users of the printed lines and some more, so that
//! there is something to take over, to list and to look for.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::CommandError;
use crate::clerk::{self, ClerkStandIn, Subscription};
use crate::{listener, machine};

/// The user of the tokens that are printed.
pub(super) const USER: &str = "user_local";
/// The user whose credits the printed lines use up.
pub(super) const SHORT_USER: &str = "user_short";
/// The administrator.
pub(super) const ADMIN: &str = "user_admin";

/// How many there are beside those, and every which of them pays for a plan.
const MORE: usize = 20;
const PLAN_EVERY: usize = 4;

/// The functions that have a key of Clerk's.
const FUNCTIONS: [&str; 3] = ["admin-adjust", "admin-sync", "retry-worker"];

/// Starts the stand-in with everybody in it, unless `settings` name another Clerk; puts its
/// address and its key where the functions look for them.
pub(super) async fn at_clerk(
    settings: &mut BTreeMap<String, String>,
    secrets: &mut BTreeMap<String, String>,
) -> Result<Option<ClerkStandIn>, CommandError> {
    if settings.contains_key("CLERK_API_URL") {
        return Ok(None);
    }
    let clerk = clerk::start(listener::bind(0).await?)?;
    for (user, metadata) in
        [(USER, json!({})), (SHORT_USER, json!({})), (ADMIN, json!({"role": "admin"}))]
    {
        clerk.add_user(user, &metadata);
    }
    clerk.add_users(MORE);
    for number in (1..=MORE).step_by(PLAN_EVERY) {
        clerk.add_subscription(&subscription(number, machine::now()));
    }
    settings.insert("CLERK_API_URL".to_owned(), clerk.url.clone());
    for function in FUNCTIONS {
        let name = format!("{function}/CLERK_SECRET_KEY");
        secrets.entry(name).or_insert_with(|| clerk::SECRET_KEY.to_owned());
    }
    Ok(Some(clerk))
}

/// A subscription of the n-th user, in the middle of its period.
fn subscription(number: usize, now: Timestamp) -> Subscription {
    let half = SignedDuration::from_hours(15 * 24);
    Subscription {
        item: format!("csub_item_{number}"),
        account: format!("user_{number}"),
        plan: "cplan_PRO".to_owned(),
        status: "active".to_owned(),
        period_start: now.saturating_sub(half).unwrap_or(now),
        period_end: now.saturating_add(half).ok(),
    }
}

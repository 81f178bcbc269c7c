//! Everything the stand-in remembers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::billing::Billing;
use super::limits::Limits;
use super::owners::Owners;
use super::users::Users;
use super::{LIMIT_ALL, LIMIT_USER, Options};

/// How many calls are kept.
const CALLS_KEPT: usize = 20_000;

/// How the stand-in fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Outage {
    /// It does not.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Connections break without an answer.
    #[serde(rename = "drop")]
    Drop,
    /// 503, as from a proxy before Clerk: no JSON.
    #[serde(rename = "503")]
    Unavailable,
}

/// One call as it arrived, without its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// The method, such as `PATCH`.
    pub method: String,
    /// The path, from `/v1` on, without the query.
    pub path: String,
    /// The query without its question mark.
    pub query: String,
    /// The body; `null` where there was none or it was no JSON.
    pub body: Value,
    /// The status of the answer; `None` while it is awaited or where the connection broke.
    pub status: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    /// Never held across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) users: Users,
    pub(super) organizations: BTreeMap<String, i64>,
    pub(super) organization_owners: Owners,
    pub(super) billing: Billing,
    pub(super) limits: Limits,
    pub(super) outage: Outage,
    pub(super) slow: Option<Duration>,
    pub(super) calls: VecDeque<Call>,
    pub(super) call_count: u64,
    pub(super) at_once: HashMap<String, AtOnce>,
}

/// The writes of one user in progress, and the most there ever were.
#[derive(Debug, Default)]
pub(super) struct AtOnce {
    now: usize,
    pub(super) most: usize,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        let state = State {
            users: Users::default(),
            organizations: BTreeMap::new(),
            organization_owners: Owners::default(),
            billing: Billing::with_usual_plans(),
            limits: Limits::new(LIMIT_ALL, LIMIT_USER),
            outage: Outage::None,
            slow: None,
            calls: VecDeque::new(),
            call_count: 0,
            at_once: HashMap::new(),
        };
        Self { options, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.options.clock.now().as_millisecond()
    }

    /// Keeps the call and returns its number, the first being 1.
    pub(super) fn record(&self, call: Call) -> u64 {
        let mut state = self.state();
        if state.calls.len() == CALLS_KEPT {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
        state.call_count = state.call_count.saturating_add(1);
        state.call_count
    }

    /// Notes how call `number` was answered, unless it is forgotten by now.
    pub(super) fn answered(&self, number: u64, status: u16) {
        let mut state = self.state();
        let behind = usize::try_from(state.call_count.saturating_sub(number)).ok();
        let place = behind.and_then(|behind| state.calls.len().checked_sub(behind + 1));
        if let Some(call) = place.and_then(|place| state.calls.get_mut(place)) {
            call.status = Some(status);
        }
    }
}

impl State {
    pub(super) fn add_organization(&mut self, id: &str) {
        let created_ms = self.users.next_ms();
        self.organizations.entry(id.to_owned()).or_insert(created_ms);
    }

    /// The user or organization as JSON.
    pub(super) fn owner(&self, id: &str) -> Option<Value> {
        self.users.json(id).or_else(|| self.organization(id))
    }

    /// The organization as JSON.
    pub(super) fn organization(&self, id: &str) -> Option<Value> {
        let created_ms = *self.organizations.get(id)?;
        let owner = self.organization_owners.get(id);
        let name = id.strip_prefix("org_").unwrap_or(id);
        Some(json!({
            "object": "organization",
            "id": id,
            "name": name,
            "slug": name.to_lowercase(),
            "has_image": false,
            "image_url": "https://img.clerk.com/stand-in",
            "members_count": 1,
            "missing_member_with_elevated_permissions": false,
            "pending_invitations_count": 0,
            "max_allowed_memberships": 5,
            "admin_delete_enabled": true,
            "public_metadata": owner.field("public_metadata"),
            "private_metadata": owner.field("private_metadata"),
            "created_by": "user_1",
            "created_at": created_ms,
            "updated_at": owner.updated_ms().unwrap_or(created_ms),
        }))
    }

    pub(super) fn write_begins(&mut self, id: &str) {
        let at_once = self.at_once.entry(id.to_owned()).or_default();
        at_once.now = at_once.now.saturating_add(1);
        at_once.most = at_once.most.max(at_once.now);
    }

    pub(super) fn write_ends(&mut self, id: &str) {
        if let Some(at_once) = self.at_once.get_mut(id) {
            at_once.now = at_once.now.saturating_sub(1);
        }
    }
}

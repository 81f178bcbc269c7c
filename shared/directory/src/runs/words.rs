//! What a run is asked for, where it is, and what it has done.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::Credits;
use serde::{Deserialize, Serialize};

use super::LISTED_MAX;

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// It came to its end, or to the last page it was allowed.
    Done,
    /// Credits were switched off meanwhile; it can be resumed.
    Stopped,
    /// An admin ended it.
    Cancelled,
}

impl RunState {
    /// The word in the table, in answers and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Which of the two lists a run walks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The users, oldest first.
    #[default]
    Users,
    /// The subscription items, newest first.
    Plans,
}

impl Phase {
    /// The word in the table, in answers and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Plans => "plans",
        }
    }
}

/// Where a run is: what the next step reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// In which list.
    pub phase: Phase,
    /// Users: the last user done.
    #[serde(default)]
    pub after: Option<String>,
    /// Plans: how many items of the list lie before the next one.
    #[serde(default)]
    pub offset: u64,
    /// Plans: how long the list was when it was read last.
    #[serde(default)]
    pub total: u64,
    /// Plans: the last items done, by which a shift of the list is noticed.
    #[serde(default)]
    pub tail: Vec<String>,
}

impl Position {
    /// The beginning of the second list.
    pub fn plans() -> Self {
        Self { phase: Phase::Plans, ..Self::default() }
    }
}

/// What was asked of a run.
#[expect(clippy::struct_excessive_bools, reason = "the request has them, each on its own")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Take users over.
    pub sync_users: bool,
    /// Take subscriptions over.
    pub sync_plans: bool,
    /// Grant what the current period's plans give.
    pub set_credits: bool,
    /// Set everyone's balance to this.
    pub override_credits: Option<Credits>,
    /// Users or items in one page; 1 to 500.
    pub page_size: u16,
    /// Pages after which it ends, complete or not.
    pub max_pages: Option<u32>,
    /// Keep the timing of every page.
    pub debug: bool,
    /// Find out what would change, and change nothing.
    pub dry_run: bool,
}

impl RunOptions {
    /// Whether the users have to be walked.
    pub const fn walks_users(&self) -> bool {
        self.sync_users || self.override_credits.is_some()
    }

    /// Whether the subscription items have to be walked.
    pub const fn walks_plans(&self) -> bool {
        self.sync_plans || self.set_credits
    }
}

/// What a run has counted, each thing once however often a step was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Users walked past.
    pub processed: u64,
    /// Users that were not known before.
    pub created_users: u64,
    /// Accounts this run has opened.
    pub created_balances: u64,
    /// Subscription items walked past.
    pub subscription_items: u64,
    /// Of them, those that give something now.
    pub active_subscriptions: u64,
    /// Grants and adjustments of this run that moved a balance.
    pub credits_refreshed: u64,
    /// Users and items that could not be done.
    pub errors: u64,
}

impl Counters {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = u64::saturating_add;
        Self {
            processed: sum(self.processed, other.processed),
            created_users: sum(self.created_users, other.created_users),
            created_balances: sum(self.created_balances, other.created_balances),
            subscription_items: sum(self.subscription_items, other.subscription_items),
            active_subscriptions: sum(self.active_subscriptions, other.active_subscriptions),
            credits_refreshed: sum(self.credits_refreshed, other.credits_refreshed),
            errors: sum(self.errors, other.errors),
        }
    }
}

/// A user or item that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTrouble {
    /// Whom it concerns, as far as that is known.
    pub account: Option<String>,
    /// The subscription item, where it was about one.
    pub item: Option<String>,
    /// A stable code, such as `grant_key_conflict`.
    pub code: String,
}

/// What a run that changes nothing would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Whose.
    pub account: String,
    /// `create_user`, `update_user`, `open`, `subscription`, `grant` or `override`.
    pub change: String,
    /// How far the balance would move.
    pub credits: Option<Credits>,
    /// The plan that would be granted.
    pub plan: Option<String>,
}

/// One page of a run that keeps timings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The step that did it.
    pub step: u32,
    /// Of which list.
    pub phase: Phase,
    /// Users or items in it.
    pub size: u64,
    /// How long the provider took to give it, in milliseconds.
    pub provider_ms: u64,
    /// How long the step took in all, in milliseconds.
    pub step_ms: u64,
    /// When it was done.
    pub at: Timestamp,
}

/// Where a run is and what it has done: what a step moves on, all at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What the next step reads.
    pub position: Position,
    /// Pages done.
    pub pages: u32,
    /// Of them, those of the list it is in.
    pub phase_pages: u32,
    /// What was counted.
    pub counters: Counters,
    /// Whether it came to the end of everything it was asked for.
    pub complete: bool,
    /// The first users and items that could not be done.
    pub troubles: Vec<RunTrouble>,
    /// Provider's plans that no plan of ours stands for.
    pub unmapped_plans: BTreeSet<String>,
    /// The first changes of a run that makes none.
    pub changes: Vec<PlannedChange>,
    /// The last pages, where timings are kept.
    pub timings: Vec<Page>,
}

impl Progress {
    /// Keeps what fits of the lists: the first troubles and changes, the last timings.
    pub fn bound(&mut self) {
        self.troubles.truncate(LISTED_MAX);
        self.changes.truncate(LISTED_MAX);
        let surplus = self.timings.len().saturating_sub(LISTED_MAX);
        self.timings.drain(..surplus);
        while self.unmapped_plans.len() > LISTED_MAX {
            self.unmapped_plans.pop_last();
        }
    }
}

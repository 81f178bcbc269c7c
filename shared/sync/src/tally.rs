//! What one step did and saw, added up.

use std::collections::BTreeSet;

use directory::runs::{Counters, LISTED_MAX, PlannedChange, Progress, RunTrouble};
use ledger::{AccountId, Credits};

/// What was done for some of a page. Merged in the page's order.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counters: Counters,
    pub(crate) troubles: Vec<RunTrouble>,
    pub(crate) unmapped: BTreeSet<String>,
    pub(crate) changes: Vec<PlannedChange>,
    /// Whose balance Clerk does not show as it is now.
    pub(crate) to_show: BTreeSet<AccountId>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.counters = self.counters.plus(other.counters);
        self.troubles.extend(other.troubles);
        self.unmapped.extend(other.unmapped);
        self.changes.extend(other.changes);
        self.to_show.extend(other.to_show);
    }

    /// Something could not be done for this account or subscription item.
    pub(crate) fn trouble(&mut self, account: Option<&AccountId>, item: Option<&str>, code: &str) {
        self.counters.errors = self.counters.errors.saturating_add(1);
        if self.troubles.len() < LISTED_MAX {
            self.troubles.push(RunTrouble {
                account: account.map(ToString::to_string),
                item: item.map(str::to_owned),
                code: code.to_owned(),
            });
        }
    }

    /// Something would be changed.
    pub(crate) fn would(&mut self, account: &AccountId, change: &str, credits: Option<Credits>) {
        self.would_grant(account, change, credits, None);
    }

    /// Something would be changed, for a plan.
    pub(crate) fn would_grant(
        &mut self,
        account: &AccountId,
        change: &str,
        credits: Option<Credits>,
        plan: Option<&str>,
    ) {
        if self.changes.len() < LISTED_MAX {
            self.changes.push(PlannedChange {
                account: account.to_string(),
                change: change.to_owned(),
                credits,
                plan: plan.map(str::to_owned),
            });
        }
    }

    /// Adds everything to a run's progress.
    pub(crate) fn commit_to(self, progress: &mut Progress) {
        progress.counters = progress.counters.plus(self.counters);
        progress.troubles.extend(self.troubles);
        progress.unmapped_plans.extend(self.unmapped);
        progress.changes.extend(self.changes);
        progress.bound();
    }
}

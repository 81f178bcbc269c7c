//! One account's items in memory, written only by the conditional writes the table knows. Every
//! method is one transaction: all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ledger::{
    Credits, EntryId, HoldId, Rejection,
    account::Account,
    balance::Obstacle,
    change::{Change, Condition, Fact},
    command::{Action, Command},
    entry::{Cause, Entry, GrantKey},
    hold::{Ending, Hold},
    invariant::{Audit, Violation},
    period::{Known, NewestPeriod, Period, start_of},
};

/// The items of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) account: Account,
    /// Every put that went through, in the order it did.
    pub(crate) journal: Vec<Entry>,
    pub(crate) facts: BTreeMap<GrantKey, Fact>,
    pub(crate) taken: BTreeMap<String, Credits>,
    pub(crate) late: BTreeSet<HoldId>,
    /// What each period of each subscription was granted.
    pub(crate) periods: BTreeMap<(String, Timestamp), Period>,
    pub(crate) newest: BTreeMap<String, NewestPeriod>,
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It went through.
    Done,
    /// It had gone through before.
    Before,
    /// The hold has ended so already.
    Ended(Ending),
    /// A bucket has expired: expiry must run first.
    ExpiryDue,
    /// The account changed since it was read, or a condition on its balance failed.
    Stale,
    /// Refused for good.
    Refused(Rejection),
}

impl Table {
    pub(crate) fn new(account: Account) -> Self {
        Self {
            account,
            journal: Vec::new(),
            facts: BTreeMap::new(),
            taken: BTreeMap::new(),
            late: BTreeSet::new(),
            periods: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }

    pub(crate) fn find(&self, id: EntryId) -> Option<&Entry> {
        self.journal.iter().find(|entry| entry.id == id)
    }

    /// Put the hold if absent; take it from the balance if the balance allows.
    pub(crate) fn put_hold(&mut self, hold: &Hold, now: Timestamp) -> Written {
        if self.find(hold.id.entry()).is_some() {
            return Written::Before;
        }
        if !self.account.is_open() {
            return Written::Refused(Rejection::NoAccount);
        }
        match self.account.balance.obstacle(hold.amount, now) {
            None => self.put(hold.entry()),
            Some(Obstacle::ExpiryDue) => Written::ExpiryDue,
            Some(Obstacle::Refused(rejection)) => Written::Refused(rejection),
        }
    }

    /// Put the outcome if absent; give back what it gives back if the hold is there.
    pub(crate) fn put_outcome(&mut self, hold: &Hold, outcome: Entry, now: Timestamp) -> Written {
        if let Some(found) = self.ending(hold.id) {
            return Written::Ended(found);
        }
        if outcome.amount == Credits::ZERO {
            return self.put(outcome);
        }
        if self.find(hold.id.entry()).is_none() {
            return Written::Refused(Rejection::NoHold);
        }
        if self.account.balance.expiry_due(now) {
            return Written::ExpiryDue;
        }
        self.put(outcome)
    }

    /// Put the late charge if its hold has none; take it from the balance, below zero if need be.
    pub(crate) fn put_charge(&mut self, hold: HoldId, charge: Entry, now: Timestamp) -> Written {
        if self.late.contains(&hold) {
            return Written::Before;
        }
        if self.account.balance.expiry_due(now) {
            return Written::ExpiryDue;
        }
        self.late.insert(hold);
        self.put(charge)
    }

    /// Commit a decision on the revision it was made from.
    pub(crate) fn commit(&mut self, command: &Command, read: u64, change: &Change) -> Written {
        if self.find(EntryId::Own(command.id)).is_some() {
            return Written::Before;
        }
        if let Some(found) = self.done_before(command) {
            return found;
        }
        let available = self.account.balance.available;
        let holds = match change.condition {
            Condition::None => true,
            Condition::AtLeast(least) => available >= least,
            Condition::Exactly(exact) => available == exact,
        };
        if self.account.balance.revision != read || !holds {
            return Written::Stale;
        }
        if let Some(taken) = &change.taken {
            let before = self.taken.get(&taken.subject).copied().unwrap_or_default();
            let after = before.checked_add(taken.amount).unwrap();
            // No more is given again than was taken, as no more is taken than there was.
            if after > taken.limit || after.is_negative() {
                let limit = taken.limit;
                return Written::Refused(Rejection::ReversalLimit { limit });
            }
            self.taken.insert(taken.subject.clone(), after);
        }
        self.facts.extend(change.fact.iter().map(|fact| (fact.key.clone(), fact.clone())));
        if let Some(of) = &change.periods {
            let period = (of.subscription.clone(), of.start);
            self.periods.extend(of.period.map(|granted| (period, granted)));
            self.newest.extend(of.newest.map(|newest| (of.subscription.clone(), newest)));
        }
        self.account = change.after.clone();
        self.account.balance.available = available.checked_add(change.delta).unwrap();
        self.journal.extend(change.entries.iter().cloned());
        Written::Done
    }

    /// What is remembered beside the account that a decision on `action` depends on.
    pub(crate) fn known(&self, action: &Action) -> Known {
        match action {
            Action::Refund { hold, .. } => {
                let taken = self.taken.get(&hold.to_string()).copied().unwrap_or_default();
                Known { taken, ..Known::default() }
            }
            Action::GrantPlan(plan) => {
                let newest = self.newest.get(&plan.subscription).copied();
                let start = start_of(plan.period_start, newest);
                let period = self.periods.get(&(plan.subscription.clone(), start)).copied();
                Known { newest, period, ..Known::default() }
            }
            _ => Known::default(),
        }
    }

    /// What became of the fact behind `command`, if it is there.
    pub(crate) fn done_before(&self, command: &Command) -> Option<Written> {
        let found = self.facts.get(&command.action.key(&self.account.id)?)?;
        let same = match &command.action {
            Action::GrantPlan(_) => true,
            Action::Adjust { .. } | Action::Refund { .. } => found.asked == command.action.asked(),
            Action::Grant(grant) => found.amount == grant.amount,
            Action::Clawback(reversal) => found.amount == reversal.amount.negated(),
            Action::Reinstate(reversal) => found.amount == reversal.amount,
            Action::Open { .. } => return Some(Written::Refused(Rejection::AccountExists)),
            _ => unreachable!("{command:?} has no fact"),
        };
        let conflict = Written::Refused(Rejection::GrantKeyConflict);
        Some(if same { Written::Before } else { conflict })
    }

    pub(crate) fn ending(&self, hold: HoldId) -> Option<Ending> {
        match self.find(hold.outcome())?.cause {
            Cause::Outcome { ending, .. } => Some(ending),
            _ => None,
        }
    }

    /// What the call cost in the end: −Σ of hold, outcome and late charge; none while it runs.
    pub(crate) fn cost(&self, hold: HoldId) -> Option<Credits> {
        self.ending(hold)?;
        let amounts = self.journal.iter().filter(|entry| match &entry.cause {
            Cause::Hold(_) => entry.id == hold.entry(),
            Cause::Outcome { hold: ended, .. } | Cause::Charge { hold: ended } => *ended == hold,
            _ => false,
        });
        Some(Credits::sum(amounts.map(|entry| entry.amount)).unwrap().negated())
    }

    /// What the audit finds, reading the entries in the order of their keys.
    pub(crate) fn violations(&self, now: Timestamp) -> Vec<Violation> {
        audit(&self.journal, &self.account, now)
    }

    /// One entry and its movement together.
    fn put(&mut self, entry: Entry) -> Written {
        let balance = &mut self.account.balance;
        balance.available = balance.available.checked_add(entry.amount).unwrap();
        self.journal.push(entry);
        Written::Done
    }
}

/// What the audit finds in `entries`, which it reads in the order of their keys.
pub(crate) fn audit(entries: &[Entry], account: &Account, now: Timestamp) -> Vec<Violation> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| match entry.id {
        EntryId::Own(id) => (id, 0),
        EntryId::Outcome(hold) => (hold.0, 1),
    });
    let mut audit = Audit::default();
    for entry in sorted {
        audit.add(entry);
    }
    audit.finish(account, now)
}

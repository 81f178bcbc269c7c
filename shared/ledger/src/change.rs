//! A decision, ready to commit: all of it in one transaction, or none.

use jiff::Timestamp;

use crate::{
    Credits, EntryId,
    account::Account,
    entry::{Entry, GrantKey},
    period::{NewestPeriod, Period},
};

/// What one command does to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entries to put, expiries first. Their amounts sum to [`Change::delta`].
    pub entries: Vec<Entry>,
    /// How far the balance moves.
    pub delta: Credits,
    /// The account after it; its revision is the one read plus one.
    pub after: Account,
    /// What must hold of the balance at the commit, beside the revision.
    pub condition: Condition,
    /// The economic fact to record, so that it never counts twice.
    pub fact: Option<Fact>,
    /// The limit to move, so that reversals never add up to more than there was.
    pub taken: Option<Taken>,
    /// What is to be remembered of a subscription's periods.
    pub periods: Option<Periods>,
}

/// What a commit asks of `available` beside the revision read. Hot writes move `available`
/// without touching the revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: the movement does not depend on the balance.
    None,
    /// There are at least so many credits.
    AtLeast(Credits),
    /// It is the balance read: the movement was computed from it.
    Exactly(Credits),
}

/// An economic fact and what it became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its key.
    pub key: GrantKey,
    /// What moved for it; zero where nothing did, which is recorded all the same.
    pub amount: Credits,
    /// The entry of what moved.
    pub entry: Option<EntryId>,
    /// What was asked, in words, where the same key must come with the same ask.
    pub asked: Option<String>,
}

/// A running total with a limit: what was given back of one call, or taken back of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The call's hold or the payment.
    pub subject: String,
    /// What this command adds to the total; below zero for a reinstatement.
    pub amount: Credits,
    /// What the total may not exceed.
    pub limit: Credits,
}

/// What a plan's fact changes of what is remembered of its subscription: what was read, which must
/// still be so, and what is to be written. A side that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periods {
    /// The subscription.
    pub subscription: String,
    /// When the fact's period began.
    pub start: Timestamp,
    /// What the fact's period has been granted by then.
    pub period: Option<Period>,
    /// The newest period there is by then.
    pub newest: Option<NewestPeriod>,
}

impl Change {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self, before: &Account) -> bool {
        self.entries.is_empty()
            && self.fact.is_none()
            && self.after.balance.frozen == before.balance.frozen
            && before.is_open()
            && self.after.buckets.len() == before.buckets.len()
            && self.after.balance.next_expiry == before.balance.next_expiry
    }
}

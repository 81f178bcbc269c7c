//! An account as a cold command sees it: the balance and the buckets together.

use jiff::{SignedDuration, Timestamp};

use crate::{
    AccountId, Credits,
    balance::Balance,
    bucket::{self, Bucket, Source},
    credits::AmountTooLarge,
};

/// An account's state: its balance, and its buckets as last marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose it is.
    pub id: AccountId,
    /// The hot number.
    pub balance: Balance,
    /// The buckets with what was left in them when they were last marked.
    pub buckets: Vec<Bucket>,
    /// The balance they were marked at.
    pub marked_balance: Credits,
    /// When they were marked.
    pub marked_at: Timestamp,
    /// When the last grant, adjustment or sync came.
    pub last_synced_at: Option<Timestamp>,
}

/// What an owner has at one moment, due expiries left out although they may not have run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What can be spent.
    pub available: Credits,
    /// The buckets with what is left in each now, in burn order. Empty `restored` ones, which
    /// are nothing but room, are left out.
    pub buckets: Vec<Bucket>,
}

impl Account {
    /// The most buckets an account may have, so that they always fit one small item and one
    /// transaction. Twelve monthly plans with their restored places and two packs a month fit.
    pub const BUCKETS_MAX: usize = 50;

    /// How long an empty bucket that never expires is kept under its own name: longer than any
    /// hold lives, so that what a running call gives back finds the bucket it was taken from.
    /// After that it leaves room in [`bucket::place_left_by`].
    pub const EMPTY_KEPT: SignedDuration = SignedDuration::from_hours(24);

    /// An account nobody has opened: no balance, no buckets.
    pub fn unopened(id: AccountId) -> Self {
        Self {
            id,
            balance: Balance {
                available: Credits::ZERO,
                next_expiry: None,
                frozen: std::collections::BTreeSet::new(),
                revision: 0,
            },
            buckets: Vec::new(),
            marked_balance: Credits::ZERO,
            marked_at: Timestamp::UNIX_EPOCH,
            last_synced_at: None,
        }
    }

    /// Whether it has been opened: the opening writes revision 1.
    pub fn is_open(&self) -> bool {
        self.balance.revision > 0
    }

    /// What the owner has at `now`: exact buckets, without those that are due.
    pub fn view(&self, now: Timestamp) -> Result<View, AmountTooLarge> {
        let (buckets, _) =
            bucket::derive(&self.buckets, self.marked_balance, self.balance.available)?;
        let (due, open): (Vec<_>, Vec<_>) = buckets.into_iter().partition(|b| b.is_due(now));
        let forfeited = Credits::sum(due.iter().map(|bucket| bucket.left))?;
        let buckets = open.into_iter().filter(|bucket| !bucket.is_empty_place()).collect();
        Ok(View { available: self.balance.available.checked_sub(forfeited)?, buckets })
    }
}

impl View {
    /// What the buckets still in use were granted in all. A restored bucket was granted nothing
    /// anew: it counts with what came back.
    pub fn granted(&self) -> Result<Credits, AmountTooLarge> {
        Credits::sum(self.buckets.iter().map(|bucket| match bucket.source {
            Source::Restored => bucket.left,
            _ => bucket.granted,
        }))
    }
}

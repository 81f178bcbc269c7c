//! The decision on a cold command: pure, from the account read, the command and the time.
//!
//! Every decision first applies all expiries due at its `now`, then does what was asked, then
//! marks the buckets at the balance it leads to.

mod adjustment;
mod expiry;
mod plan;
mod reversal;

use jiff::Timestamp;
use ulid::Ulid;

use crate::{
    Credits, EntryId, Rejection,
    account::Account,
    bucket::{self, Bucket, Source},
    change::{Change, Condition, Fact, Periods, Taken},
    command::{Action, Command, Grant},
    credits::AmountTooLarge,
    entry::{Actor, Cause, Entry, GrantKey},
    period::Known,
};

/// What `command` does to `account` at `now`.
///
/// Errors are [`Rejection`]s and leave everything as it was. A change may be empty
/// ([`Change::is_empty`]), for instance an adjustment to the balance there already is.
///
/// A refund with a limit and a plan's fact also depend on what is remembered beside the account:
/// see [`decide_knowing`].
pub fn decide(account: &Account, command: &Command, now: Timestamp) -> Result<Change, Rejection> {
    decide_knowing(account, &Known::default(), command, now)
}

/// As [`decide`], for an account of which `known` is remembered beside it.
pub fn decide_knowing(
    account: &Account,
    known: &Known,
    command: &Command,
    now: Timestamp,
) -> Result<Change, Rejection> {
    let mut draft = Draft::begin(account, known, command, now)?;
    match &command.action {
        Action::Open { signup } => draft.open(*signup)?,
        _ if !account.is_open() => return Err(Rejection::NoAccount),
        Action::Grant(grant) => draft.grant(grant)?,
        Action::Adjust { adjustment, reason, key } => {
            draft.adjust(*adjustment, reason.as_ref())?;
            draft.ask(key.as_ref(), command.action.asked());
        }
        Action::Refund { hold, amount, cost, note, key } => {
            let moved = reversal::refunded(*amount, *cost, known.taken)?;
            draft.refund(moved, Cause::Refund { hold: *hold, note: note.clone() })?;
            draft.limit(hold.to_string(), moved, *cost)?;
            draft.ask(key.as_ref(), command.action.asked());
        }
        Action::GrantPlan(plan) => draft.grant_plan(plan, known)?,
        Action::Clawback(reversal) => draft.clawback(reversal)?,
        Action::Reinstate(reversal) => draft.reinstate(reversal)?,
        Action::Expire => {}
        Action::Freeze(reason) => {
            draft.after.balance.frozen.insert(*reason);
        }
        Action::Unfreeze(reason) => {
            draft.after.balance.frozen.remove(reason);
        }
    }
    draft.finish(account)
}

/// A change while it is being made. `after` holds the derived buckets and the new balance.
struct Draft<'a> {
    id: Ulid,
    actor: &'a Actor,
    now: Timestamp,
    after: Account,
    entries: Vec<Entry>,
    condition: Condition,
    fact: Option<Fact>,
    taken: Option<Taken>,
    periods: Option<Periods>,
    /// What a new period takes over from the one it closes.
    carried: Credits,
}

impl<'a> Draft<'a> {
    fn begin(
        account: &Account,
        known: &Known,
        command: &'a Command,
        now: Timestamp,
    ) -> Result<Self, AmountTooLarge> {
        let mut after = account.clone();
        let (buckets, unplaced) =
            bucket::derive(&account.buckets, account.marked_balance, account.balance.available)?;
        after.buckets = buckets;
        let mut draft = Self {
            id: command.id,
            actor: &command.actor,
            now,
            after,
            entries: Vec::new(),
            condition: Condition::None,
            fact: None,
            taken: None,
            periods: None,
            carried: Credits::ZERO,
        };
        draft.fold_long_empty(account);
        if let Action::GrantPlan(plan) = &command.action {
            draft.close_former(plan, known)?;
        }
        draft.expire(unplaced)?;
        Ok(draft)
    }

    fn open(&mut self, signup: Credits) -> Result<(), Rejection> {
        if self.after.is_open() {
            return Err(Rejection::AccountExists);
        }
        if !signup.is_positive() {
            return Ok(());
        }
        self.grant(&Grant {
            key: Some(GrantKey::signup(&self.after.id)),
            source: Source::Signup,
            amount: signup,
            expires_at: None,
            note: None,
        })
    }

    fn grant(&mut self, grant: &Grant) -> Result<(), Rejection> {
        if grant.expires_at.is_some_and(|expiry| expiry <= self.now) {
            return Err(Rejection::ExpiryNotInFuture);
        }
        let cause = Cause::Grant {
            source: grant.source,
            key: grant.key.clone(),
            expires_at: grant.expires_at,
            note: grant.note.clone(),
        };
        let spendable = self.receive(grant.amount, cause)?;
        self.add_bucket(grant.source, grant.amount, spendable, grant.expires_at)?;
        if let Some(key) = &grant.key {
            self.record(key);
        }
        self.after.last_synced_at = Some(self.now);
        Ok(())
    }

    /// Puts the entry of credits coming in. Returns what of them can be spent: a debt is paid
    /// first.
    fn receive(&mut self, amount: Credits, cause: Cause) -> Result<Credits, Rejection> {
        if !amount.is_positive() {
            return Err(Rejection::AmountNotPositive);
        }
        let before = self.after.balance.available.or_zero();
        self.put(self.id, amount, cause)?;
        Ok(self.after.balance.available.or_zero().checked_sub(before)?)
    }

    /// Records the fact of this change, with what of it has moved by now.
    fn record(&mut self, key: &GrantKey) {
        let own = EntryId::Own(self.id);
        let entry = self.entries.iter().find(|entry| entry.id == own);
        self.fact = Some(Fact {
            key: key.clone(),
            amount: entry.map_or(Credits::ZERO, |entry| entry.amount),
            entry: entry.map(|entry| entry.id),
            asked: None,
        });
    }

    /// Records what was asked under `key`, if there is one, with what of it has moved by now.
    fn ask(&mut self, key: Option<&GrantKey>, asked: Option<String>) {
        if let Some(key) = key {
            self.record(key);
            self.fact = self.fact.take().map(|fact| Fact { asked, ..fact });
        }
    }

    fn put(&mut self, id: Ulid, amount: Credits, cause: Cause) -> Result<(), AmountTooLarge> {
        self.after.balance.available = self.after.balance.available.checked_add(amount)?;
        self.entries.push(Entry {
            id: EntryId::Own(id),
            account: self.after.id.clone(),
            amount,
            at: self.now,
            actor: self.actor.clone(),
            cause,
        });
        Ok(())
    }

    /// The balance as read: before the expiries this change applies.
    fn read_balance(&self) -> Result<Credits, AmountTooLarge> {
        let moved = Credits::sum(self.entries.iter().map(|entry| entry.amount))?;
        self.after.balance.available.checked_sub(moved)
    }

    fn limit(&mut self, subject: String, amount: Credits, limit: Credits) -> Result<(), Rejection> {
        if amount > limit {
            return Err(Rejection::ReversalLimit { limit });
        }
        self.taken = Some(Taken { subject, amount, limit });
        Ok(())
    }

    fn merge_or_add(
        &mut self,
        source: Source,
        granted: Credits,
        left: Credits,
    ) -> Result<(), Rejection> {
        let twin = |bucket: &&mut Bucket| bucket.source == source && bucket.expires_at.is_none();
        let Some(bucket) = self.after.buckets.iter_mut().find(twin) else {
            return self.add_bucket(source, granted, left, None);
        };
        bucket.granted = bucket.granted.checked_add(granted)?;
        bucket.left = bucket.left.checked_add(left)?;
        Ok(())
    }

    fn add_bucket(
        &mut self,
        source: Source,
        granted: Credits,
        left: Credits,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Rejection> {
        if self.after.buckets.len() >= Account::BUCKETS_MAX {
            let limit = u32::try_from(Account::BUCKETS_MAX).unwrap_or(u32::MAX);
            return Err(Rejection::TooManyBuckets { limit });
        }
        let priority = source.priority();
        let period = None;
        let bucket = Bucket { id: self.id, source, granted, left, expires_at, priority, period };
        self.after.buckets.push(bucket);
        Ok(())
    }

    /// Marks the buckets at the balance reached.
    fn finish(mut self, before: &Account) -> Result<Change, Rejection> {
        bucket::sort_by_burn_order(&mut self.after.buckets);
        let delta = Credits::sum(self.entries.iter().map(|entry| entry.amount))?;
        self.after.marked_balance = self.after.balance.available;
        self.after.marked_at = self.now;
        self.after.balance.next_expiry =
            self.after.buckets.iter().filter_map(|bucket| bucket.expires_at).min();
        self.after.balance.revision = before.balance.revision.saturating_add(1);
        Ok(Change {
            entries: self.entries,
            delta,
            after: self.after,
            condition: self.condition,
            fact: self.fact,
            taken: self.taken,
            periods: self.periods,
        })
    }
}

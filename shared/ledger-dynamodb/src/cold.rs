//! Cold writes: read the account, decide, commit all of it or nothing, on the revision read.

mod before;
mod commit;

use jiff::Timestamp;
use ledger::{
    AccountId, Credits, EntryId, Rejection,
    account::Account,
    change::Change,
    command::{Action, Command},
    decide::decide_knowing,
    entry::Entry,
};

use crate::{
    cold::before::Before,
    error::StoreError,
    item::{Item, fact::Recorded},
    projection::Turn,
    retry::{self, Again, Attempts},
    store::LedgerStore,
    transaction::{Cancelled, failed, send},
};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The command's own entry; `None` if it moved nothing.
    pub entry: Option<Entry>,
    /// The account after it, or as it is now if the command had been done before. Running calls
    /// move the balance meanwhile: `available` is exact as of the read it was decided from.
    pub account: Account,
    /// Whether an earlier request had done it, and this one moved nothing.
    pub replayed: bool,
}

/// What a command commits beside its movement, in the same transaction. The default is nothing.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Makes an item of State from what the receipt will be, under a key nobody else has: put with
    /// the entry, or not at all. It may be asked more than once.
    pub record: Option<&'a (dyn Fn(&Receipt) -> Item + Send + Sync)>,
    /// Whether to take the turn to tell the identity provider of the new balance.
    pub projection: bool,
}

/// What became of a command and of what it was to commit beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// What became of the command.
    pub receipt: Receipt,
    /// Whether this request committed something, and the record with it. If not, it had been done
    /// before or there was nothing to do, and whoever wants a record of that writes it.
    pub recorded: bool,
    /// The turn that was asked for. [`Turn::NotAsked`] also where nothing was committed.
    pub turn: Turn,
}

/// A transaction whose answer was lost: it may have been applied.
struct Lost {
    record: Option<(String, String)>,
    turn: Turn,
}

impl LedgerStore {
    /// Decides `command` on `account` at `now` and commits the decision: one read and one
    /// transaction, again from the read when another write came between.
    ///
    /// The command's id makes it happen once: finding an entry of that name means that it is
    /// done. A grant key makes its fact count once, whatever ids its requests have.
    ///
    /// Errors: every [`Rejection`] of [`decide_knowing`]; [`Rejection::GrantKeyConflict`];
    /// [`Rejection::ReversalLimit`]; [`Rejection::Busy`] when the balance kept moving, with
    /// nothing moved; [`StoreError::Unavailable`] when it is not known whether it was done, and
    /// the same request again is safe.
    pub async fn submit(
        &self,
        account: &AccountId,
        command: &Command,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        Ok(self.submit_beside(account, command, now, Beside::default()).await?.receipt)
    }

    /// As [`LedgerStore::submit`], and commits `beside` in the same transaction: no more requests,
    /// and no movement without its record.
    ///
    /// Errors: as `submit`. A refusal records nothing.
    pub async fn submit_beside(
        &self,
        account: &AccountId,
        command: &Command,
        now: Timestamp,
        beside: Beside<'_>,
    ) -> Result<Submitted, StoreError> {
        let mut attempts = self.attempts();
        let mut lost: Option<Lost> = None;
        loop {
            let record = lost.as_ref().and_then(|lost| lost.record.as_ref());
            let before = self.read_before(account, command, (beside.projection, record)).await?;
            if let Some(receipt) = self.done_before(&before, command).await? {
                return Ok(found_done(receipt, &before, lost));
            }
            let change = decide_knowing(&before.account, &before.known(account)?, command, now)?;
            if change.is_empty(&before.account) {
                let receipt = Receipt { entry: None, account: before.account, replayed: false };
                return Ok(Submitted { receipt, recorded: false, turn: Turn::NotAsked });
            }
            let turn = match before.projection {
                Some(projection) if beside.projection => projection.turn(now),
                None if beside.projection => Turn::Taken,
                _ => Turn::NotAsked,
            };
            let receipt = receipt(command, &change);
            let record = beside.record.map(|record| record(&receipt));
            let lost_record = record.as_ref().and_then(commit::key_of);
            let writes = self.writes(&before, &change, (record, turn, now))?;
            // A new name for every attempt: its bytes are of the state just read, and two
            // processes may be at the same command. The command's entry is what makes it once.
            let token = format!("{:032x}", fastrand::u128(..));
            let why = match send(self.transaction(writes.items, token)).await? {
                Ok(()) => return Ok(Submitted { receipt, recorded: true, turn }),
                Err(Cancelled::Again(Again::Transient)) => {
                    lost = Some(Lost { record: lost_record, turn });
                    Again::Transient
                }
                Err(Cancelled::Again(why)) => why,
                Err(Cancelled::Reasons(reasons)) => {
                    let over = |position| failed(&reasons, position) && !failed(&reasons, 0);
                    if let Some(taken) = &change.taken
                        && writes.taken.is_some_and(over)
                    {
                        return Err(Rejection::ReversalLimit { limit: taken.limit }.into());
                    }
                    Again::Conflict
                }
            };
            again(&mut attempts, why).await?;
        }
    }

    /// What [`LedgerStore::submit`] would answer now, with nothing written.
    ///
    /// Errors: as `submit`, but for those that only a commit can find.
    pub async fn preview(
        &self,
        account: &AccountId,
        command: &Command,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        let before = self.read_before(account, command, (false, None)).await?;
        if let Some(receipt) = self.done_before(&before, command).await? {
            return Ok(receipt);
        }
        let change = decide_knowing(&before.account, &before.known(account)?, command, now)?;
        Ok(receipt(command, &change))
    }

    /// The first result, if the command or its fact was done before.
    async fn done_before(
        &self,
        before: &Before,
        command: &Command,
    ) -> Result<Option<Receipt>, StoreError> {
        let id = &before.account.id;
        if let Some(entry) = &before.own_entry {
            let (entry, account) = (Some(entry.clone()), before.account.clone());
            return Ok(Some(Receipt { entry, account, replayed: true }));
        }
        let Some(fact) = &before.fact else {
            return Ok(None);
        };
        if matches!(command.action, Action::Open { .. }) {
            return Err(Rejection::AccountExists.into());
        }
        if fact.account != *id || !is_same(fact, &command.action) {
            return Err(Rejection::GrantKeyConflict.into());
        }
        let entry = match fact.entry {
            Some(entry) => self.entry(id, entry).await?,
            None => None,
        };
        Ok(Some(Receipt { entry, account: before.account.clone(), replayed: true }))
    }
}

/// Whether a recorded fact is what `action` asks for. A plan's fact is: what the plan's credits
/// were when it came stands.
fn is_same(fact: &Recorded, action: &Action) -> bool {
    match action {
        Action::GrantPlan(_) => true,
        Action::Adjust { .. } | Action::Refund { .. } => fact.asked == action.asked(),
        _ => moved_by(action) == Some(fact.amount),
    }
}

/// What the fact behind an action moves, where the action alone tells.
fn moved_by(action: &Action) -> Option<Credits> {
    match action {
        Action::Grant(grant) => Some(grant.amount),
        Action::Clawback(reversal) => Some(reversal.amount.negated()),
        Action::Reinstate(reversal) => Some(reversal.amount),
        _ => None,
    }
}

/// What is answered where the command is found done. Done by this very request, if a transaction
/// whose answer was lost had put this request's own record.
fn found_done(receipt: Receipt, before: &Before, lost: Option<Lost>) -> Submitted {
    match lost {
        Some(lost) if before.record => Submitted {
            receipt: Receipt { replayed: false, ..receipt },
            recorded: true,
            turn: lost.turn,
        },
        _ => Submitted { receipt, recorded: false, turn: Turn::NotAsked },
    }
}

/// Waits before another attempt, or says why there is none.
async fn again(attempts: &mut Attempts, why: Again) -> Result<(), StoreError> {
    if attempts.again(why).await {
        return Ok(());
    }
    // Conflicts alone mean that nothing was applied; a lost answer means "not known".
    Err(if attempts.only_conflicts() {
        Rejection::Busy.into()
    } else {
        retry::exhausted(attempts.made())
    })
}

fn receipt(command: &Command, change: &Change) -> Receipt {
    let own = EntryId::Own(command.id);
    let entry = change.entries.iter().find(|entry| entry.id == own).cloned();
    Receipt { entry, account: change.after.clone(), replayed: false }
}

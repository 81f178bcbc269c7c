//! What a step does to one account: open it, move its balance, or find out what would move.

use std::collections::BTreeMap;

use directory::Directory;
use ledger::{
    AccountId, Credits, EntryId, Rejection,
    balance::Balance,
    command::{Action, Command},
    entry::Actor,
};
use ledger_dynamodb::{Beside, Receipt, StoreError};

use crate::{SyncError, name, step::Step, tally::Tally};

/// Accounts of one page in work at the same time: the work is waiting for the table.
pub(crate) const AT_ONCE: usize = 12;

/// What became of a command.
pub(crate) struct Moved {
    /// How far this run moved the balance by it, in this try or an earlier one.
    pub(crate) credits: Option<Credits>,
    /// The revision of the balance now.
    pub(crate) revision: u64,
}

impl Step<'_> {
    /// The balances of these accounts, as far as they are open. One that cannot be read is left
    /// out, with trouble.
    pub(crate) async fn balances(
        &self,
        accounts: &[AccountId],
        tally: &mut Tally,
    ) -> Result<BTreeMap<AccountId, Result<Balance, ()>>, SyncError> {
        let store = &self.parts.projector.store;
        match store.balances(accounts).await {
            Ok(found) => return Ok(found.into_iter().map(|(id, found)| (id, Ok(found))).collect()),
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        // One of them is not as it should be. The others must not wait for it to be put right.
        let mut balances = BTreeMap::new();
        for account in accounts {
            match store.balance(account).await {
                Ok(Some(balance)) => drop(balances.insert(account.clone(), Ok(balance))),
                Ok(None) => {}
                Err(StoreError::Corrupt { .. }) => {
                    tally.trouble(Some(account), None, "account_unreadable");
                    balances.insert(account.clone(), Err(()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(balances)
    }

    /// Opens the account unless it is open, with a mark that says that this run did, and for what.
    /// Returns the balance's revision, where this try has opened it.
    pub(crate) async fn open(
        &self,
        account: &AccountId,
        opened_for: &str,
    ) -> Result<Option<u64>, SyncError> {
        let now = self.now();
        let action = Action::Open { signup: self.terms.signup };
        let command = self.command(&["open", account.as_str()], action);
        let record = |_: &Receipt| Directory::opened_mark(self.run.id, account, opened_for, now);
        let beside = Beside { record: Some(&record), projection: false };
        let store = &self.parts.projector.store;
        match store.submit_beside(account, &command, now, beside).await {
            Ok(submitted) => Ok(Some(submitted.receipt.account.balance.revision)),
            // Another try of this step, or a call of its owner, was quicker.
            Err(StoreError::Rejected(Rejection::AccountExists)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Does `action` to the account once in this run. A refusal is counted as trouble.
    pub(crate) async fn submit(
        &self,
        account: &AccountId,
        what: &[&str],
        action: Action,
        tally: &mut Tally,
    ) -> Result<Option<Moved>, SyncError> {
        let (command, now) = (self.command(what, action), self.now());
        let store = &self.parts.projector.store;
        let done = if self.run.options.dry_run {
            store.preview(account, &command, now).await
        } else {
            store.submit(account, &command, now).await
        };
        match done {
            Ok(receipt) => Ok(Some(moved(&command, &receipt))),
            Err(StoreError::Rejected(rejection)) => {
                tally.trouble(Some(account), None, rejection.code());
                Ok(None)
            }
            Err(StoreError::Corrupt { .. }) => {
                tally.trouble(Some(account), None, "account_unreadable");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn command(&self, what: &[&str], action: Action) -> Command {
        let actor = self.run.by.parse().unwrap_or_else(|_| Actor::System("sync".to_owned()));
        Command { id: name::command(self.run, what), actor, action }
    }
}

/// What this command moved, now or in an earlier try: a fact that somebody else had brought
/// before has another entry.
fn moved(command: &Command, receipt: &Receipt) -> Moved {
    let own = receipt.entry.as_ref().filter(|entry| entry.id == EntryId::Own(command.id));
    let credits = own.map(|entry| entry.amount).filter(|amount| *amount != Credits::ZERO);
    Moved { credits, revision: receipt.account.balance.revision }
}

//! What of a call can be given back.

use ledger::{AccountId, Credits, HoldId, hold::Hold};

use crate::{
    claim::Fate,
    error::StoreError,
    item::{self, Reader, corrupt},
    key,
    store::LedgerStore,
};

/// A call with what it cost and what of that was given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refundable {
    /// The call's hold.
    pub hold: Hold,
    /// How it ended, if it has.
    pub fate: Fate,
    /// What it cost in the end; nothing while it runs.
    pub cost: Credits,
    /// What of that was given back so far.
    pub taken: Credits,
}

impl LedgerStore {
    /// The call of that hold, read consistently by two requests, and one more where it expired;
    /// `None` where the account has no such hold.
    ///
    /// What it says may be behind by the time it is used: the refund itself asks again.
    pub async fn refundable(
        &self,
        account: &AccountId,
        hold: HoldId,
    ) -> Result<Option<Refundable>, StoreError> {
        let (found, outcome) = self.hold_and_outcome(account, hold).await?;
        let Some(found) = found.and_then(item::entry::hold) else {
            return Ok(None);
        };
        let fate = self.fate_by(account, hold, outcome.as_ref()).await?;
        let cost = match fate {
            Fate::Settled { charged } | Fate::ChargedLate { charged } => charged,
            Fate::Open | Fate::Released | Fate::Expired => Credits::ZERO,
        };
        let subject = key::taken(&hold.to_string());
        let taken = self.state_item(subject, key::ONLY.to_owned()).await?;
        let taken = taken.map(|item| Reader::new(&item).credits("taken")).transpose();
        let taken = taken.map_err(corrupt(account))?.unwrap_or_default();
        Ok(Some(Refundable { hold: found, fate, cost, taken }))
    }
}

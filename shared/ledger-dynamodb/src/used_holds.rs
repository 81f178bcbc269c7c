//! The holds of one slot of the index with how they ended, for the use by feature and day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::{
    AccountId, EntryId, HoldId,
    entry::{Cause, Entry},
    hold::{Ending, Hold},
};

use crate::{
    batch::Reading,
    claim::Fate,
    error::StoreError,
    item::{self, Item, Reader, corrupt, keyed},
    key,
    store::LedgerStore,
};

/// Everything, as it was last written.
const WHOLE: Reading = Reading { consistent: true, only: None };

impl LedgerStore {
    /// All holds of `shard` that were to expire in the minute of `minute`, with how they ended.
    ///
    /// The index may lag a little behind what was placed just now. Errors:
    /// [`StoreError::Corrupt`] where an entry cannot be read; nothing is left out.
    pub async fn used_holds(
        &self,
        minute: Timestamp,
        shard: u8,
    ) -> Result<Vec<(Hold, Fate)>, StoreError> {
        let mut used = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let (holds, more) = self.holds_of_slot(minute, shard, start.take()).await?;
            used.extend(self.with_fates(&holds).await?);
            match more {
                Some(last) => start = Some(last),
                None => return Ok(used),
            }
        }
    }

    async fn with_fates(
        &self,
        holds: &[(AccountId, HoldId)],
    ) -> Result<Vec<(Hold, Fate)>, StoreError> {
        let keys: Vec<Item> = holds
            .iter()
            .flat_map(|(account, hold)| [(account, hold.entry()), (account, hold.outcome())])
            .map(|(account, entry)| keyed(key::account(account), key::entry(entry)))
            .collect();
        let mut placed = Vec::new();
        let mut endings = BTreeMap::new();
        for item in self.batch(&self.names.ledger, &keys, WHOLE).await? {
            let entry = read_entry(&item)?;
            match (entry.id, &entry.cause) {
                (EntryId::Outcome(hold), Cause::Outcome { ending, .. }) => {
                    endings.insert((entry.account, hold), *ending);
                }
                _ => placed.extend(item::entry::hold(entry)),
            }
        }
        let ending = |hold: &Hold| endings.get(&(hold.account.clone(), hold.id)).copied();
        let expired = placed.iter().filter(|hold| ending(hold) == Some(Ending::Expired));
        let late = self.charged_late(expired).await?;
        let fates = placed.iter().map(|hold| match ending(hold) {
            None => Fate::Open,
            Some(Ending::Settled { charged }) => Fate::Settled { charged },
            Some(Ending::Released) => Fate::Released,
            Some(Ending::Expired) => late.get(&hold.id).copied().unwrap_or(Fate::Expired),
        });
        let fates: Vec<_> = fates.collect();
        Ok(placed.into_iter().zip(fates).collect())
    }

    /// What became of expired holds that were charged late.
    async fn charged_late(
        &self,
        expired: impl Iterator<Item = &Hold>,
    ) -> Result<BTreeMap<HoldId, Fate>, StoreError> {
        let expired: Vec<&Hold> = expired.collect();
        let keys: Vec<Item> =
            expired.iter().map(|hold| keyed(key::late(hold.id), key::ONLY)).collect();
        let markers = self.batch(&self.names.state, &keys, WHOLE).await?;
        let mut late = BTreeMap::new();
        for hold in expired {
            let pk = item::text(key::late(hold.id));
            if let Some(marker) = markers.iter().find(|marker| marker.get(key::PK) == Some(&pk)) {
                let charged = Reader::new(marker).credits("charged");
                let charged = charged.map_err(corrupt(&hold.account))?;
                late.insert(hold.id, Fate::ChargedLate { charged });
            }
        }
        Ok(late)
    }
}

/// An entry found by its key, in whichever account's partition it lies.
fn read_entry(item: &Item) -> Result<Entry, StoreError> {
    let reader = Reader::new(item);
    let fault = |account: &str, source| StoreError::Corrupt { account: account.to_owned(), source };
    let pk = reader.text(key::PK).map_err(|source| fault("?", source))?;
    let account = key::parse_account(pk)
        .ok_or_else(|| fault(pk, reader.fault(key::PK, "is not an account's")))?;
    item::entry::read(&account, item).map_err(corrupt(&account))
}

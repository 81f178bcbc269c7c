//! An account's entries by kind, feature and time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId, EntryId, HoldId,
    entry::{Cause, Entry, Kind},
    feature::Feature,
};

use crate::{
    error::StoreError,
    item::{self, Reader},
    key,
    read::{Page, read_entries},
    store::LedgerStore,
};

/// How much later than its name's time an entry can have been decided: an outcome is named after
/// its hold, which lives an hour at most, and the job that ends it may have been down.
const NAMED_BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// How much earlier than its name's time an entry can have been decided: functions' clocks differ.
const NAMED_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Which entries are wanted. The default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only of these kinds; empty for all.
    pub kinds: BTreeSet<Kind>,
    /// Only holds of this feature and their outcomes.
    pub feature: Option<Feature>,
    /// Only decided at this time or later.
    pub since: Option<Timestamp>,
    /// Only decided before this time.
    pub until: Option<Timestamp>,
}

impl EntryFilter {
    fn admits(&self, entry: &Entry) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&entry.cause.kind()))
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }
}

impl LedgerStore {
    /// Those of the account's next `examine` entries that `filter` wants, newest first, after the
    /// entry `after` of the page before. One request; one more where the page ends between an
    /// outcome and its hold and a feature is asked for.
    ///
    /// A page may come back short, or empty, with a `next`: the entry it was examined up to. An
    /// entry that cannot be read is [`StoreError::Corrupt`], never left out.
    pub async fn entries(
        &self,
        account: &AccountId,
        filter: &EntryFilter,
        examine: u32,
        after: Option<EntryId>,
    ) -> Result<Page, StoreError> {
        let bound = |at: Option<Timestamp>, by: SignedDuration| at?.checked_add(by).ok();
        let first = bound(filter.since, -NAMED_BEFORE)
            .map_or_else(|| key::ENTRY_PREFIX.to_owned(), key::first_entry);
        let last = bound(filter.until, NAMED_AFTER).map(key::last_entry);
        let start = after.map(|id| item::keyed(key::account(account), key::entry(id)));
        // A start outside the range asked for is refused by the table: nothing follows it there.
        let before_first = after.is_some_and(|after| key::entry(after) <= first);
        if before_first || last.as_ref().is_some_and(|last| *last <= first) {
            return Ok(Page { entries: Vec::new(), next: None });
        }
        let start = start.filter(|_| {
            let key = after.map(key::entry);
            last.as_ref().is_none_or(|last| key.is_some_and(|key| key <= *last))
        });
        let request = self
            .entry_query(account, &first, last.as_deref())
            .scan_index_forward(false)
            .limit(i32::try_from(examine.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = self.retried(|| request.clone().send()).await?;
        let examined = read_entries(account, answer.items())?;
        let more = answer
            .last_evaluated_key()
            .and_then(|key| key::parse_entry(Reader::new(key).name()).ok());
        let mut entries = examined;
        if let Some(feature) = &filter.feature {
            entries = self.of_feature(account, feature, entries).await?;
        }
        entries.retain(|entry| filter.admits(entry));
        Ok(Page { entries, next: more })
    }

    /// The holds of `feature` among `entries` and their outcomes.
    async fn of_feature(
        &self,
        account: &AccountId,
        feature: &Feature,
        entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut calls: BTreeMap<HoldId, bool> = BTreeMap::new();
        for entry in &entries {
            if let (EntryId::Own(id), Cause::Hold(terms)) = (entry.id, &entry.cause) {
                calls.insert(HoldId(id), terms.feature == *feature);
            }
        }
        // An outcome comes right before its hold: only the last of a page can be without it.
        if let Some(EntryId::Outcome(hold)) = entries.last().map(|entry| entry.id) {
            let found = self.find_hold(account, hold).await?;
            calls.insert(hold, found.is_some_and(|hold| hold.terms.feature == *feature));
        }
        let wanted = |entry: &Entry| match (entry.id, &entry.cause) {
            (EntryId::Own(id), Cause::Hold(_)) => calls.get(&HoldId(id)) == Some(&true),
            (EntryId::Outcome(hold), _) => calls.get(&hold) == Some(&true),
            _ => false,
        };
        Ok(entries.into_iter().filter(wanted).collect())
    }
}

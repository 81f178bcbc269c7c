//! Reads: the balance alone, the account whole, the history by pages.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId, EntryId, HoldId,
    account::Account,
    balance::Balance,
    entry::{Cause, Entry},
    hold::Hold,
};

use crate::{
    error::{BoxError, StoreError},
    item::{self, Item, Reader, corrupt, text},
    key,
    store::LedgerStore,
};

/// How often a read of both items is repeated when a cold write went through between them.
const TORN_READS_MAX: u32 = 5;

/// How far back holds are looked for that are still open: twice the longest life a hold can be
/// given (one hour).
const OPEN_HOLDS_BEHIND: SignedDuration = SignedDuration::from_hours(2);

/// Among how many of the newest entries open holds are looked for: what one account can write in
/// some ten seconds at its very fastest, and a few hundred kilobytes.
const OPEN_HOLDS_AMONG: i32 = 1_000;

/// Newest entries first, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries, newest first; an outcome comes before its hold.
    pub entries: Vec<Entry>,
    /// Ask again `after` this entry for older ones; `None` at the end.
    pub next: Option<EntryId>,
}

impl LedgerStore {
    /// The balance, by one eventually consistent read (half a read unit): good to show, never to
    /// decide on. `None` if the account was never opened.
    pub async fn balance(&self, account: &AccountId) -> Result<Option<Balance>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.names.state)
            .key(key::PK, text(key::account(account)))
            .key(key::SK, text(key::BALANCE));
        let answer = self.retried(|| request.clone().send()).await?;
        let balance = answer.item.map(|item| item::account::read_balance(&item));
        balance.transpose().map_err(corrupt(account))
    }

    /// Balance and buckets, consistent, in one request. `None` if the account was never opened.
    pub async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        let request = self
            .client
            .query()
            .table_name(&self.names.state)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :balance AND :buckets")
            .expression_attribute_values(":pk", text(key::account(account)))
            .expression_attribute_values(":balance", text(key::BALANCE))
            .expression_attribute_values(":buckets", text(key::BUCKETS));
        for _ in 0..TORN_READS_MAX {
            let answer = self.retried(|| request.clone().send()).await?;
            let [balance, buckets] = answer.items() else {
                return Ok(None);
            };
            let read = item::account::read(account, balance, buckets).map_err(corrupt(account))?;
            if read.is_some() {
                return Ok(read);
            }
        }
        let busy = "balance and buckets kept changing between their reads";
        Err(StoreError::Unavailable(BoxError::from(busy)))
    }

    /// At most `limit` entries of the account, newest first, after the entry `after` of the page
    /// before. An entry that cannot be read is [`StoreError::Corrupt`], never left out.
    pub async fn history(
        &self,
        account: &AccountId,
        limit: u32,
        after: Option<EntryId>,
    ) -> Result<Page, StoreError> {
        let start = after.map(|id| item::keyed(key::account(account), key::entry(id)));
        let request = self
            .entry_query(account, key::ENTRY_PREFIX, None)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = self.retried(|| request.clone().send()).await?;
        let entries = read_entries(account, answer.items())?;
        let more = answer.last_evaluated_key().is_some();
        let next = entries.last().map(|entry| entry.id).filter(|_| more);
        Ok(Page { entries, next })
    }

    /// The holds without an outcome at `now` among the account's newest entries, newest first, by
    /// one request: of at most two hours and 1,000 entries.
    pub async fn open_holds(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Hold>, StoreError> {
        let since = now.checked_sub(OPEN_HOLDS_BEHIND).unwrap_or(Timestamp::UNIX_EPOCH);
        let request = self
            .entry_query(account, &key::first_entry(since), None)
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(OPEN_HOLDS_AMONG);
        let answer = self.retried(|| request.clone().send()).await?;
        let mut ended = BTreeSet::new();
        let mut open = Vec::new();
        // Newest first, an outcome comes before its hold.
        for entry in read_entries(account, answer.items())? {
            match entry.cause {
                Cause::Outcome { hold, .. } => drop(ended.insert(hold)),
                Cause::Hold(_) => open.extend(item::entry::hold(entry)),
                _ => {}
            }
        }
        open.retain(|hold| !ended.contains(&hold.id));
        Ok(open)
    }

    /// The hold of that name, read consistently.
    pub async fn find_hold(
        &self,
        account: &AccountId,
        id: HoldId,
    ) -> Result<Option<Hold>, StoreError> {
        Ok(self.entry(account, id.entry()).await?.and_then(item::entry::hold))
    }

    /// The entry of a hold and the one that ended it, read consistently in one request.
    pub(crate) async fn hold_and_outcome(
        &self,
        account: &AccountId,
        id: HoldId,
    ) -> Result<(Option<Entry>, Option<Entry>), StoreError> {
        let request = self
            .client
            .query()
            .table_name(&self.names.ledger)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :hold AND :outcome")
            .expression_attribute_values(":pk", text(key::account(account)))
            .expression_attribute_values(":hold", text(key::entry(id.entry())))
            .expression_attribute_values(":outcome", text(key::entry(id.outcome())));
        let answer = self.retried(|| request.clone().send()).await?;
        let mut hold = None;
        let mut outcome = None;
        for entry in read_entries(account, answer.items())? {
            if entry.id == id.outcome() { outcome = Some(entry) } else { hold = Some(entry) }
        }
        Ok((hold, outcome))
    }

    /// The entry of that name, read consistently.
    pub async fn entry(
        &self,
        account: &AccountId,
        id: EntryId,
    ) -> Result<Option<Entry>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.names.ledger)
            .consistent_read(true)
            .key(key::PK, text(key::account(account)))
            .key(key::SK, text(key::entry(id)));
        let answer = self.retried(|| request.clone().send()).await?;
        let entry = answer.item.map(|item| item::entry::read(account, &item));
        entry.transpose().map_err(corrupt(account))
    }

    /// Every account that was ever opened. Reads the whole State table: for tools, never for a
    /// request.
    pub async fn accounts(&self) -> Result<Vec<AccountId>, StoreError> {
        let mut accounts = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let request = self
                .client
                .scan()
                .table_name(&self.names.state)
                .filter_expression("sk = :balance")
                .expression_attribute_values(":balance", text(key::BALANCE))
                .projection_expression("pk")
                .set_exclusive_start_key(start.take());
            let answer = self.retried(|| request.clone().send()).await?;
            let partitions = answer.items().iter().filter_map(|item| item.get(key::PK));
            accounts.extend(partitions.filter_map(|pk| key::parse_account(pk.as_s().ok()?)));
            match answer.last_evaluated_key {
                Some(last) => start = Some(last),
                None => return Ok(accounts),
            }
        }
    }

    /// All entries of the account from the sort key `first` on, oldest first, consistent.
    pub(crate) async fn all(
        &self,
        account: &AccountId,
        first: &str,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let request = self
                .entry_query(account, first, None)
                .consistent_read(true)
                .set_exclusive_start_key(start.take());
            let answer = self.retried(|| request.clone().send()).await?;
            entries.extend(read_entries(account, answer.items())?);
            match answer.last_evaluated_key {
                Some(last) => start = Some(last),
                None => return Ok(entries),
            }
        }
    }

    /// A query of the account's entries whose sort key is `first` or greater, up to `last`.
    pub(crate) fn entry_query(
        &self,
        account: &AccountId,
        first: &str,
        last: Option<&str>,
    ) -> QueryFluentBuilder {
        // `$` is the character after `#`: everything that starts with `ENTRY#` sorts below it.
        let end = last.unwrap_or("ENTRY$").to_owned();
        self.client
            .query()
            .table_name(&self.names.ledger)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :end")
            .expression_attribute_values(":pk", text(key::account(account)))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":end", AttributeValue::S(end))
    }
}

pub(crate) fn read_entries(account: &AccountId, items: &[Item]) -> Result<Vec<Entry>, StoreError> {
    let entries = items.iter().map(|item| {
        item::entry::read(account, item).inspect_err(|fault| {
            let item = Reader::new(item).name();
            tracing::error!(account = %account, item, %fault, "an entry cannot be read");
        })
    });
    entries.collect::<Result<_, _>>().map_err(corrupt(account))
}

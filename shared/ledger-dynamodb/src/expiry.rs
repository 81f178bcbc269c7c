//! What the job that expires holds reads and remembers.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use ledger::{AccountId, EntryId, HoldId};

use crate::{
    batch::Reading,
    error::{StoreError, Unreadable},
    item::{Item, Reader, keyed, text, time},
    key::{self, EXPIRY_SLOT},
    store::LedgerStore,
};

impl LedgerStore {
    /// The holds of `shard` that expire in the minute of `minute` and have no outcome.
    ///
    /// The index is only asked for candidates; whether one has ended is read from the table,
    /// consistently. The index may lag: ask again later for what it did not show yet.
    pub async fn unended_holds(
        &self,
        minute: Timestamp,
        shard: u8,
    ) -> Result<Vec<(AccountId, HoldId)>, StoreError> {
        let mut unended = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let (holds, more) = self.holds_of_slot(minute, shard, start.take()).await?;
            unended.extend(self.without_outcome(&holds).await?);
            match more {
                Some(last) => start = Some(last),
                None => return Ok(unended),
            }
        }
    }

    /// One page of the holds of `shard` that expire in the minute of `minute`, by the index, and
    /// where the next page starts.
    pub(crate) async fn holds_of_slot(
        &self,
        minute: Timestamp,
        shard: u8,
        start: Option<Item>,
    ) -> Result<(Vec<(AccountId, HoldId)>, Option<Item>), StoreError> {
        let request = self
            .client
            .query()
            .table_name(&self.names.ledger)
            .index_name(key::HOLDS_BY_EXPIRY)
            .key_condition_expression("#slot = :slot")
            .expression_attribute_names("#slot", EXPIRY_SLOT)
            .expression_attribute_values(":slot", text(key::expiry_slot(minute, shard)))
            .set_exclusive_start_key(start);
        let answer = self.retried(|| request.clone().send()).await?;
        let holds = answer.items().iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
        Ok((holds, answer.last_evaluated_key))
    }

    /// The last minute of `shard` whose holds have all ended, as remembered.
    pub async fn completed_minute(&self, shard: u8) -> Result<Option<Timestamp>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.names.state)
            .consistent_read(true)
            .key(key::PK, text(key::expiry_progress(shard)))
            .key(key::SK, text(key::ONLY));
        let answer = self.retried(|| request.clone().send()).await?;
        let minute = answer.item.map(|item| Reader::new(&item).time("completed_minute"));
        minute.transpose().map_err(|source| fault(&key::expiry_progress(shard), source))
    }

    /// Remembers that all holds of `shard` up to the minute of `minute` have ended. Two runs at
    /// once may overwrite each other: the smaller progress only means looking again.
    pub async fn complete_minute(&self, shard: u8, minute: Timestamp) -> Result<(), StoreError> {
        let mut item = keyed(key::expiry_progress(shard), key::ONLY);
        item.insert("completed_minute".to_owned(), time(key::minute(minute)));
        let request = self.client.put_item().table_name(&self.names.state).set_item(Some(item));
        self.retried(|| request.clone().send()).await.map(drop)
    }

    async fn without_outcome(
        &self,
        holds: &[(AccountId, HoldId)],
    ) -> Result<Vec<(AccountId, HoldId)>, StoreError> {
        let keys: Vec<Item> = holds
            .iter()
            .map(|(account, hold)| keyed(key::account(account), key::entry(hold.outcome())))
            .collect();
        let reading = Reading { consistent: true, only: Some("pk, sk") };
        let found = self.batch(&self.names.ledger, &keys, reading).await?;
        let ended: Vec<_> = found.into_iter().filter_map(|mut item| item.remove(key::SK)).collect();
        let open = holds
            .iter()
            .filter(|(_, hold)| !ended.contains(&AttributeValue::S(key::entry(hold.outcome()))));
        Ok(open.cloned().collect())
    }
}

/// The hold whose keys an index item carries.
fn read_key(item: &Item) -> Result<(AccountId, HoldId), StoreError> {
    let reader = Reader::new(item);
    let pk = reader.text(key::PK).map_err(|source| fault("?", source))?;
    let account = key::parse_account(pk);
    match (account, key::parse_entry(reader.name())) {
        (Some(account), Ok(EntryId::Own(ulid))) => Ok((account, HoldId(ulid))),
        _ => Err(fault(pk, reader.fault(key::SK, "is not a hold's"))),
    }
}

fn fault(partition: &str, source: Unreadable) -> StoreError {
    StoreError::Corrupt { account: partition.to_owned(), source }
}

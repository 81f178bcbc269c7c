//! What the job that expires holds reads and remembers.

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::Timestamp;
use ledger::{AccountId, EntryId, HoldId};

use crate::{
    error::{BoxError, StoreError, Unreadable},
    item::{Item, Reader, keyed, text, time},
    key::{self, EXPIRY_SLOT},
    retry::Again,
    store::LedgerStore,
};

/// The most keys one `BatchGetItem` takes.
const BATCH_MAX: usize = 100;

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
            let request = self
                .client
                .query()
                .table_name(&self.names.ledger)
                .index_name(key::HOLDS_BY_EXPIRY)
                .key_condition_expression("#slot = :slot")
                .expression_attribute_names("#slot", EXPIRY_SLOT)
                .expression_attribute_values(":slot", text(key::expiry_slot(minute, shard)))
                .set_exclusive_start_key(start.take());
            let answer = self.retried(|| request.clone().send()).await?;
            let holds = answer.items().iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
            for batch in holds.chunks(BATCH_MAX) {
                unended.extend(self.without_outcome(batch).await?);
            }
            match answer.last_evaluated_key {
                Some(last) => start = Some(last),
                None => return Ok(unended),
            }
        }
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
        let mut asked: Vec<Item> = holds
            .iter()
            .map(|(account, hold)| keyed(key::account(account), key::entry(hold.outcome())))
            .collect();
        let mut ended = Vec::new();
        let mut attempts = self.attempts();
        while !asked.is_empty() {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(asked))
                .consistent_read(true)
                .projection_expression("pk, sk")
                .build()
                .map_err(StoreError::unavailable)?;
            let request = self.client.batch_get_item().request_items(&self.names.ledger, keys);
            let answer = self.retried(|| request.clone().send()).await?;
            let found = answer.responses.unwrap_or_default();
            ended.extend(found.into_values().flatten().filter_map(|mut item| item.remove(key::SK)));
            let rest = answer.unprocessed_keys.unwrap_or_default();
            asked = rest.into_values().flat_map(|keys| keys.keys).collect();
            if !asked.is_empty() && !attempts.again(Again::Transient).await {
                return Err(StoreError::Unavailable(BoxError::from("batch reads are throttled")));
            }
        }
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

//! The ways to read: one item, a partition in order, many keys at once.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, KeysAndAttributes},
};
use serde::de::DeserializeOwned;

use crate::{
    Directory,
    error::{BoxError, DirectoryError},
    item::{self, Item, keyed, text},
    key::{PK, SK},
};

/// The most keys one `BatchGetItem` takes.
const BATCH_MAX: usize = 100;

/// How often keys that a batch left out are asked for again. The table leaves some out where it is
/// short of capacity; the client repeats whole requests by itself, but never these.
const BATCH_TRIES: u32 = 6;

/// The longest pause before the first of these; it doubles with each.
const BATCH_PAUSE: Duration = Duration::from_millis(25);

impl Directory {
    /// The row under this key, read consistently.
    pub(crate) async fn row<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk: &str,
    ) -> Result<Option<T>, DirectoryError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.state_table)
            .consistent_read(true)
            .key(PK, text(pk))
            .key(SK, text(sk));
        let answer = request.send().await.map_err(DirectoryError::unavailable)?;
        answer.item.map(item::read).transpose()
    }

    /// A query of one partition, to which the caller adds what it wants of it.
    pub(crate) fn partition(&self, pk: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.state_table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
    }

    /// At most `limit` items of a query; every one where there is no limit.
    pub(crate) async fn items(
        &self,
        query: QueryFluentBuilder,
        limit: Option<usize>,
    ) -> Result<Vec<Item>, DirectoryError> {
        let mut items = Vec::new();
        let mut start = query.get_exclusive_start_key().clone();
        loop {
            let left = limit.map(|limit| limit.saturating_sub(items.len()));
            if left == Some(0) {
                return Ok(items);
            }
            let request = query
                .clone()
                .set_exclusive_start_key(start.take())
                .set_limit(left.map(|left| i32::try_from(left).unwrap_or(i32::MAX)));
            let answer = request.send().await.map_err(DirectoryError::unavailable)?;
            items.extend(answer.items.unwrap_or_default());
            match answer.last_evaluated_key {
                Some(last) => start = Some(last),
                None => return Ok(items),
            }
        }
    }

    /// The items under these keys that exist, in no order, read consistently.
    pub(crate) async fn items_by_key(
        &self,
        keys: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Vec<Item>, DirectoryError> {
        // A batch that names a key twice is refused as a whole.
        let keys: BTreeSet<(String, String)> = keys.into_iter().collect();
        let keys: Vec<Item> = keys.into_iter().map(|(pk, sk)| keyed(pk, sk)).collect();
        let mut found = Vec::with_capacity(keys.len());
        for batch in keys.chunks(BATCH_MAX) {
            let mut asked = batch.to_vec();
            let mut tries = 0;
            while !asked.is_empty() {
                if tries == BATCH_TRIES {
                    let text = "a batch read was never answered in full";
                    return Err(DirectoryError::Unavailable(BoxError::from(text)));
                }
                pause_before(tries).await;
                tries += 1;
                let (items, rest) = self.batch(asked).await?;
                found.extend(items);
                asked = rest;
            }
        }
        Ok(found)
    }

    async fn batch(&self, keys: Vec<Item>) -> Result<(Vec<Item>, Vec<Item>), DirectoryError> {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let keys = keys.map_err(DirectoryError::unavailable)?;
        let request = self.client.batch_get_item().request_items(&self.state_table, keys);
        let answer = request.send().await.map_err(DirectoryError::unavailable)?;
        let found = answer.responses.unwrap_or_default().into_values().flatten().collect();
        let rest = answer.unprocessed_keys.unwrap_or_default();
        Ok((found, rest.into_values().flat_map(|keys| keys.keys).collect()))
    }
}

/// Waits before a repetition, and not before the first request.
async fn pause_before(tries: u32) {
    if tries > 0 {
        let longest = BATCH_PAUSE.saturating_mul(1 << tries.min(BATCH_TRIES));
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_micros(fastrand::u64(..=micros))).await;
    }
}

/// The text of an item's attribute; empty where there is none.
pub(crate) fn text_of<'a>(item: &'a Item, attribute: &str) -> &'a str {
    match item.get(attribute) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

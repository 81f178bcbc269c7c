//! Many items by their keys.

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::{
    error::{BoxError, StoreError},
    item::Item,
    retry::Again,
    store::LedgerStore,
};

/// The most keys one `BatchGetItem` takes.
const BATCH_MAX: usize = 100;

/// How a batch is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Whether what was written before must be seen.
    pub(crate) consistent: bool,
    /// The only attributes wanted; `None` for all.
    pub(crate) only: Option<&'static str>,
}

impl LedgerStore {
    /// The items of `table` under `keys`, which must all differ, in any order; what is not there is
    /// left out. As many requests as there are hundreds, and more where the table asks for patience.
    pub(crate) async fn batch(
        &self,
        table: &str,
        keys: &[Item],
        reading: Reading,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        for chunk in keys.chunks(BATCH_MAX) {
            let mut asked = chunk.to_vec();
            let mut attempts = self.attempts();
            while !asked.is_empty() {
                let keys = KeysAndAttributes::builder()
                    .set_keys(Some(asked))
                    .consistent_read(reading.consistent)
                    .set_projection_expression(reading.only.map(str::to_owned))
                    .build()
                    .map_err(StoreError::unavailable)?;
                let request = self.client.batch_get_item().request_items(table, keys);
                let answer = self.retried(|| request.clone().send()).await?;
                found.extend(answer.responses.unwrap_or_default().into_values().flatten());
                let rest = answer.unprocessed_keys.unwrap_or_default();
                asked = rest.into_values().flat_map(|keys| keys.keys).collect();
                if !asked.is_empty() && !attempts.again(Again::Transient).await {
                    let text = "batch reads are throttled";
                    return Err(StoreError::Unavailable(BoxError::from(text)));
                }
            }
        }
        Ok(found)
    }
}

//! Passes: begun once a day, moved on page by page, read when they are through.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use jiff::{SignedDuration, Timestamp, civil::Date};
use ledger::AccountId;

use super::{Band, Pass, bands};
use crate::{
    Directory,
    conditional::{Written, put},
    error::DirectoryError,
    item::{self, number},
    key::{AUDIT_PASSES, TTL},
};

/// How long the lists of a pass are kept: for whoever still pages through yesterday's, and for a
/// few days in which no pass came through.
const LISTS_KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Among how many of the newest passes the last finished one is looked for. The one under way is
/// finished before the next is begun, so it is the first or the second.
const AMONG: usize = 3;

impl Directory {
    /// The newest pass that is through.
    pub async fn latest_pass(&self) -> Result<Option<Pass>, DirectoryError> {
        let passes = self.newest_passes(AMONG).await?;
        Ok(passes.into_iter().find(|pass| pass.finished_at.is_some()))
    }

    /// The newest pass, through or not.
    pub async fn newest_pass(&self) -> Result<Option<Pass>, DirectoryError> {
        Ok(self.newest_passes(1).await?.into_iter().next())
    }

    /// The pass of that day.
    pub async fn pass(&self, day: Date) -> Result<Option<Pass>, DirectoryError> {
        self.row(AUDIT_PASSES, &day.to_string()).await
    }

    async fn newest_passes(&self, limit: usize) -> Result<Vec<Pass>, DirectoryError> {
        let query = self.partition(AUDIT_PASSES).scan_index_forward(false).consistent_read(true);
        item::read_all(self.items(query, Some(limit)).await?)
    }

    /// Begins the pass; `false` if its day has one.
    pub async fn begin_pass(&self, pass: &Pass) -> Result<bool, DirectoryError> {
        let item = item::write(AUDIT_PASSES, &pass.day.to_string(), pass)?;
        let request = self.client.put_item().table_name(&self.state_table).set_item(Some(item));
        let begun = put(request.condition_expression("attribute_not_exists(pk)")).await?;
        Ok(matches!(begun, Written::Done(_)))
    }

    /// Moves the pass on by one page, from the step before `pass.step`, together with the accounts
    /// the page has in each band: all of it or nothing. `false` if another run has done so.
    pub async fn advance_pass(
        &self,
        pass: &Pass,
        lists: &BTreeMap<Band, Vec<AccountId>>,
    ) -> Result<bool, DirectoryError> {
        let item = item::write(AUDIT_PASSES, &pass.day.to_string(), pass)?;
        let progress = Put::builder()
            .table_name(&self.state_table)
            .set_item(Some(item))
            .condition_expression("#id = :id AND #step = :before")
            .expression_attribute_names("#id", "id")
            .expression_attribute_names("#step", "step")
            .expression_attribute_values(":id", item::text(pass.id))
            .expression_attribute_values(":before", number(pass.step.saturating_sub(1)));
        let mut puts = vec![progress.build()];
        let lists = lists.iter().filter(|(_, accounts)| !accounts.is_empty());
        for (band, accounts) in lists {
            let mut list = bands::write(pass, *band, accounts)?;
            list.insert(TTL.to_owned(), number(lists_end(pass.started_at)));
            puts.push(Put::builder().table_name(&self.state_table).set_item(Some(list)).build());
        }
        let puts = puts.into_iter().map(|put| {
            let put = put.map_err(DirectoryError::unavailable)?;
            Ok(TransactWriteItem::builder().put(put).build())
        });
        self.transact(puts.collect::<Result<_, DirectoryError>>()?).await
    }
}

fn lists_end(started_at: Timestamp) -> i64 {
    started_at.checked_add(LISTS_KEPT).unwrap_or(started_at).as_second()
}

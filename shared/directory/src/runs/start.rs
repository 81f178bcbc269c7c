//! Starting, finding and going on with runs.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use jiff::Timestamp;
use serde::Deserialize;
use ulid::Ulid;

use super::{Run, RunPage, Started};
use crate::{
    Directory, DirectoryError,
    item::{self, keyed, number, text},
    key::{ONLY, SYNC_LOCK, SYNC_RUNS},
};

/// The row that lets one run at a time.
#[derive(Deserialize)]
struct Lock {
    #[serde(with = "item::as_text")]
    run: Ulid,
}

/// How often a start is tried whose lock was given back just when it was looked at.
const START_TRIES: u32 = 3;

impl Directory {
    /// Starts `run` unless another one is running: puts its row and takes the lock, both or none.
    pub async fn start_run(&self, run: &Run) -> Result<Started, DirectoryError> {
        let put = Put::builder()
            .table_name(&self.state_table)
            .set_item(Some(item::write(SYNC_RUNS, &run.id.to_string(), run)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(DirectoryError::unavailable)?;
        let change = TransactWriteItem::builder().put(put).build();
        for _ in 0..START_TRIES {
            if let Some(started) = self.with_lock(run.id, change.clone()).await? {
                return Ok(started);
            }
        }
        Err(DirectoryError::unavailable("the lock was taken and given back again and again"))
    }

    /// Goes on with a run that was stopped, unless another one is running. `Ok(None)` if it is not
    /// a stopped one.
    pub async fn reopen_run(
        &self,
        run: &Run,
        now: Timestamp,
    ) -> Result<Option<Started>, DirectoryError> {
        let update = Update::builder()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_RUNS, run.id)))
            .update_expression("SET #state = :running, updated_at = :now REMOVE finished_at")
            .condition_expression("#state = :stopped AND step = :step")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":stopped", text("stopped"))
            .expression_attribute_values(":step", number(run.step))
            .expression_attribute_values(":now", text(now))
            .build()
            .map_err(DirectoryError::unavailable)?;
        let change = TransactWriteItem::builder().update(update).build();
        let started = self.with_lock(run.id, change).await?;
        // Somebody else has just gone on with it: that is what was wanted.
        Ok(started.map(|started| match started {
            Started::Running(other) if other == run.id => Started::Yes,
            started => started,
        }))
    }

    /// Commits `change` together with taking the lock for `run`. `Ok(None)` if the lock was free
    /// and the change's own condition did not hold, or the lock became free meanwhile.
    async fn with_lock(
        &self,
        run: Ulid,
        change: TransactWriteItem,
    ) -> Result<Option<Started>, DirectoryError> {
        let mut item = keyed(SYNC_LOCK, ONLY);
        item.insert("run".to_owned(), text(run));
        let put = Put::builder()
            .table_name(&self.state_table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(DirectoryError::unavailable)?;
        let items = vec![TransactWriteItem::builder().put(put).build(), change];
        if self.commit_together(items).await? {
            return Ok(Some(Started::Yes));
        }
        Ok(self.running().await?.map(Started::Running))
    }

    /// The run that holds the lock.
    pub async fn running(&self) -> Result<Option<Ulid>, DirectoryError> {
        let lock: Option<Lock> = self.row(SYNC_LOCK, ONLY).await?;
        Ok(lock.map(|lock| lock.run))
    }

    /// One run as it is now.
    pub async fn run(&self, id: Ulid) -> Result<Option<Run>, DirectoryError> {
        self.row(SYNC_RUNS, &id.to_string()).await
    }

    /// Runs, newest first, those older than `after`; `limit` of them at most.
    pub async fn runs(&self, limit: u32, after: Option<Ulid>) -> Result<RunPage, DirectoryError> {
        let mut request = self
            .partition(SYNC_RUNS)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        if let Some(after) = after {
            request = request
                .key_condition_expression("pk = :pk AND sk < :after")
                .expression_attribute_values(":after", text(after));
        }
        let answer = request.send().await.map_err(DirectoryError::unavailable)?;
        let more = answer.last_evaluated_key.is_some();
        let runs: Vec<Run> = item::read_all(answer.items.unwrap_or_default())?;
        let next = runs.last().filter(|_| more).map(|run| run.id);
        Ok(RunPage { runs, next })
    }
}

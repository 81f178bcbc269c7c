//! The end of a run: its row and the lock, in one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{Delete, TransactWriteItem, Update},
};
use jiff::Timestamp;
use ulid::Ulid;

use super::{Progress, RunState, progress_value};
use crate::{
    Directory, DirectoryError,
    item::{keyed, number, text},
    key::{ONLY, SYNC_LOCK, SYNC_RUNS},
};

/// How often a transaction that met another one is sent again.
const TRIES: u32 = 6;

/// The longest pause before the second try; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

impl Directory {
    /// Ends the run, which is at step `step`, with what that step did: its row and the lock change
    /// together. `false` if it is not at that step any more, or has ended.
    pub async fn finish_run(
        &self,
        id: Ulid,
        step: u32,
        (progress, state): (&Progress, RunState),
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        let update = Update::builder()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_RUNS, id)))
            .update_expression(
                "SET progress = :progress, step = :next, step_at = :now, #state = :state, updated_at = :now, \
                 finished_at = :now REMOVE last_failure",
            )
            .condition_expression("step = :step AND #state = :running")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":progress", progress_value(progress)?)
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":next", number(step.saturating_add(1)))
            .expression_attribute_values(":now", text(now))
            .build()
            .map_err(DirectoryError::unavailable)?;
        // INVARIANT: while a run is running it holds the lock.
        let delete = Delete::builder()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_LOCK, ONLY)))
            .condition_expression("#run = :run")
            .expression_attribute_names("#run", "run")
            .expression_attribute_values(":run", text(id))
            .build()
            .map_err(DirectoryError::unavailable)?;
        let items = vec![
            TransactWriteItem::builder().update(update).build(),
            TransactWriteItem::builder().delete(delete).build(),
        ];
        self.commit_together(items).await
    }

    /// Commits all of the items or none; `false` if a condition did not hold.
    pub(super) async fn commit_together(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<bool, DirectoryError> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        // One name for all tries: one whose answer was lost is not applied twice.
        let token = format!("{:032x}", fastrand::u128(..));
        loop {
            let request = self.client.transact_write_items().client_request_token(&token);
            let request = request.set_transact_items(Some(items.clone()));
            let Err(error) = request.send().await else { return Ok(true) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let mut codes =
                        cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
                    let met = codes.any(|code| code == "TransactionConflict");
                    let mut codes =
                        cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
                    if !met && codes.any(|code| code == "ConditionalCheckFailed") {
                        return Ok(false);
                    }
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
                _ => return Err(DirectoryError::unavailable(error)),
            }
            if tries >= TRIES {
                return Err(DirectoryError::unavailable(error));
            }
            tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
            pause = pause.saturating_mul(2);
            tries += 1;
        }
    }
}

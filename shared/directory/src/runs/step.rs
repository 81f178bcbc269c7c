//! One step of a run: taken by a worker, given back, moved on.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue,
};
use jiff::Timestamp;
use ulid::Ulid;

use super::{CLAIM_STANDS, Progress, Run, progress_value};
use crate::{
    Directory, DirectoryError,
    conditional::{self, Written},
    item::{self, keyed, number, text},
    key::SYNC_RUNS,
};

impl Directory {
    /// Takes step `step` of the run for a worker; `None` if the run is at another step, has ended,
    /// or somebody else has the step.
    ///
    /// With `take_over` a claim that stands is no obstacle: the message of whoever made it came
    /// back, so they failed.
    pub async fn claim_step(
        &self,
        id: Ulid,
        step: u32,
        take_over: bool,
        now: Timestamp,
    ) -> Result<Option<Run>, DirectoryError> {
        let mut condition = "step = :step AND #state = :running".to_owned();
        // Names this request: the client repeats it where an answer is lost, and the repetition
        // must not take its own claim for another's.
        let claim = format!("{:032x}", fastrand::u128(..));
        let mut request = self.client.update_item().table_name(&self.state_table);
        if !take_over {
            condition.push_str(
                " AND (claimed_step < :step OR claimed_at < :long_ago OR claim = :claim)",
            );
            let long_ago = now - CLAIM_STANDS;
            let long_ago = number(long_ago.as_millisecond());
            request = request.expression_attribute_values(":long_ago", long_ago);
        }
        let request = request
            .set_key(Some(keyed(SYNC_RUNS, id)))
            .update_expression("SET claimed_step = :step, claimed_at = :now, claim = :claim")
            .expression_attribute_values(":claim", text(claim))
            .condition_expression(condition)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":now", number(now.as_millisecond()));
        changed(request).await
    }

    /// Gives the claim on step `step` back, so that the next message of it is no duplicate, and
    /// keeps why the step was not done.
    pub async fn release_step(
        &self,
        id: Ulid,
        step: u32,
        failure: &str,
        now: Timestamp,
    ) -> Result<Option<Run>, DirectoryError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_RUNS, id)))
            .update_expression(
                "SET claimed_step = :before, updated_at = :now, last_failure = :failure",
            )
            .expression_attribute_values(":failure", text(failure))
            .condition_expression("step = :step AND #state = :running")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":before", number(step.saturating_sub(1)))
            .expression_attribute_values(":now", text(now));
        changed(request).await
    }

    /// Moves the run on from step `step`; `None` if it is not at that step any more.
    pub async fn commit_step(
        &self,
        id: Ulid,
        step: u32,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<Option<Run>, DirectoryError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_RUNS, id)))
            .update_expression(
                "SET progress = :progress, step = :next, step_at = :now, updated_at = :now \
                 REMOVE last_failure",
            )
            .condition_expression("step = :step AND #state = :running")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":progress", progress_value(progress)?)
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":next", number(step.saturating_add(1)))
            .expression_attribute_values(":now", text(now));
        changed(request).await
    }

    /// Says that the run is to end after the step that is being worked on; `None` if it has ended.
    pub async fn ask_to_cancel(
        &self,
        id: Ulid,
        now: Timestamp,
    ) -> Result<Option<Run>, DirectoryError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_RUNS, id)))
            .update_expression("SET cancelling = :yes, updated_at = :now")
            .condition_expression("#state = :running")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":now", text(now));
        changed(request).await
    }

    /// Says that the run's end is told by the caller; `false` if somebody else has said so. So it is
    /// told once.
    pub async fn report_run(&self, id: Ulid) -> Result<bool, DirectoryError> {
        // Names this request, as in `claim_step`.
        let report = format!("{:032x}", fastrand::u128(..));
        let request = self
            .client
            .update_item()
            .table_name(&self.state_table)
            .set_key(Some(keyed(SYNC_RUNS, id)))
            .update_expression("SET reported = :report")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(reported) OR reported = :report)",
            )
            .expression_attribute_values(":report", text(report));
        Ok(changed(request).await?.is_some())
    }
}

/// The run after an update, or nothing if its condition did not hold.
async fn changed(request: UpdateItemFluentBuilder) -> Result<Option<Run>, DirectoryError> {
    match conditional::update(request).await? {
        Written::Done(item) => item::read(item).map(Some),
        Written::Refused(_) => Ok(None),
    }
}

//! Functions that work off a queue, with partial batches: a message that failed comes back by
//! itself, and the others of its batch do not.

mod back_off;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::{
    BoxError,
    batch::back_off::Failed,
    runtime::{self, Error},
    telemetry::{error_chain, invocation_span},
};

pub use self::back_off::BackOff;

/// Messages of one batch in work at the same time. The work is waiting for the table, so a few
/// at once shorten a batch; more would only queue up behind the same few connections.
const AT_ONCE: usize = 10;

/// One message from a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct SqsMessage {
    /// The queue's id of the message.
    pub id: String,
    /// The text that was sent.
    pub body: String,
    /// What the message is addressed by to change when it becomes visible again.
    pub receipt_handle: String,
    /// How often it was received so far, this time included; at least 1.
    pub receive_count: u32,
}

/// The body is another function's business and may hold what must not be logged.
impl std::fmt::Debug for SqsMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut message = formatter.debug_struct("SqsMessage");
        message.field("id", &self.id).field("receive_count", &self.receive_count);
        message.finish_non_exhaustive()
    }
}

/// Runs `handler` for every message of every batch.
///
/// `Ok` removes the message from the queue. An error is logged once, with its causes, and leaves
/// the message there: it comes back after its visibility time-out, or as soon as `back_off` says
/// for messages of its queue, until the queue's redrive policy moves it to the dead letters.
/// Messages of one batch run side by side.
pub async fn run_batch<F, Fut, Failure>(back_off: BackOff, handler: F) -> Result<(), Error>
where
    F: Fn(SqsMessage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    Failure: Into<BoxError> + Send,
{
    let parts = Arc::new((back_off, handler));
    let service = service_fn(move |event: LambdaEvent<SqsEvent>| {
        let parts = Arc::clone(&parts);
        let span = invocation_span(&event.context.request_id);
        let running = async move {
            let (back_off, handler) = &*parts;
            Ok::<_, Error>(work_off(event.payload, back_off, handler).await)
        };
        running.instrument(span)
    });
    runtime::run(service).await
}

async fn work_off<F, Fut, Failure>(event: SqsEvent, back_off: &BackOff, handler: F) -> BatchAnswer
where
    F: Fn(SqsMessage) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
    Failure: Into<BoxError>,
{
    let running = event.records.into_iter().map(|record| {
        let queue_arn = record.event_source_arn.clone();
        let message = SqsMessage::from(record);
        let id = message.id.clone();
        let (handle, receives) = (message.receipt_handle.clone(), message.receive_count);
        let handling = handler(message);
        async move {
            let failure = handling.await.err()?;
            let error = error_chain(failure.into().as_ref());
            tracing::error!(message_id = id, error, "a message failed and stays in its queue");
            let failed = Failed { queue_arn: &queue_arn, handle: &handle, receives };
            back_off.apply(&failed).await;
            Some(ItemFailure { item_identifier: id })
        }
    });
    let ended: Vec<Option<ItemFailure>> = stream::iter(running).buffered(AT_ONCE).collect().await;
    BatchAnswer { batch_item_failures: ended.into_iter().flatten().collect() }
}

#[derive(Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: SqsAttributes,
    /// Of the queue it came from.
    #[serde(default, rename = "eventSourceARN")]
    event_source_arn: String,
}

#[derive(Default, Deserialize)]
struct SqsAttributes {
    /// A number, but the queue sends every attribute as text.
    #[serde(rename = "ApproximateReceiveCount")]
    receive_count: Option<String>,
}

/// What the platform expects of a function with `ReportBatchItemFailures`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

impl From<SqsRecord> for SqsMessage {
    fn from(record: SqsRecord) -> SqsMessage {
        let count = record.attributes.receive_count.and_then(|count| count.parse().ok());
        SqsMessage {
            id: record.message_id,
            body: record.body,
            receipt_handle: record.receipt_handle,
            receive_count: count.unwrap_or(1),
        }
    }
}

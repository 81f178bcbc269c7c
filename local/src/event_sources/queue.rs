//! Queues: messages are received in batches, handed to a function, and deleted if it took them.
//!
//! What the function did not take is left alone: it becomes visible again after the queue's time
//! and reaches the dead-letter queue through the queue's own redrive policy.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::aws::{Aws, AwsError};
use crate::invocation::{Answer, Invocations};
use crate::template::{Queue, QueueSource, REGION};

/// How long one receive waits for messages.
const WAIT_SECONDS: u64 = 20;
/// Pause after the queue itself has failed, so that a fault does not spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);
/// Most messages in one receive.
const RECEIVE_MAX: u32 = 10;

/// Feeds a function from a queue, as many batches at once as the source allows; never returns.
pub(crate) async fn run(aws: Aws, queue: Queue, source: QueueSource, function: Arc<Invocations>) {
    let source = Arc::new((queue, source));
    let mut pollers = JoinSet::new();
    for _ in 0..source.1.concurrency {
        let (aws, source, function) = (aws.clone(), Arc::clone(&source), Arc::clone(&function));
        pollers.spawn(async move {
            let (queue, source) = &*source;
            loop {
                if let Err(error) = poll(&aws, queue, source, &function).await {
                    eprintln!("the queue `{}` cannot be read: {error}", queue.name);
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        });
    }
    // Dropped with this future, they all end.
    while pollers.join_next().await.is_some() {}
}

async fn poll(
    aws: &Aws,
    queue: &Queue,
    source: &QueueSource,
    function: &Invocations,
) -> Result<(), AwsError> {
    let received = aws
        .call(
            "AmazonSQS.ReceiveMessage",
            &json!({
                "QueueUrl": queue.url,
                "MaxNumberOfMessages": source.batch_size.min(RECEIVE_MAX),
                "WaitTimeSeconds": WAIT_SECONDS,
            }),
        )
        .await?;
    let messages = received.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
    if messages.is_empty() {
        return Ok(());
    }
    let event = event(queue, &messages);
    let answer = function.invoke(Bytes::from(event.to_string())).await;
    if let Answer::Failed(failure) = &answer {
        eprintln!("messages of the queue `{}` stay there: {failure}", queue.name);
    }
    let ids: BTreeSet<&str> = messages.iter().filter_map(message_id).collect();
    let failed = failures(source, &answer, &ids);
    for message in &messages {
        if message_id(message).is_none_or(|id| failed.contains(id)) {
            continue;
        }
        let handle = message.get("ReceiptHandle").cloned().unwrap_or_default();
        let request = json!({"QueueUrl": queue.url, "ReceiptHandle": handle});
        aws.call("AmazonSQS.DeleteMessage", &request).await?;
    }
    Ok(())
}

/// The event for a batch of messages.
fn event(queue: &Queue, messages: &[Value]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let field = |name: &str| message.get(name).cloned().unwrap_or_default();
            json!({
                "messageId": field("MessageId"),
                "receiptHandle": field("ReceiptHandle"),
                "body": field("Body"),
                "attributes": field("Attributes"),
                "messageAttributes": attributes(message),
                "md5OfBody": field("MD5OfBody"),
                "eventSource": "aws:sqs",
                "eventSourceARN": queue.arn,
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({"Records": records})
}

/// Message attributes in the spelling of events.
fn attributes(message: &Value) -> Value {
    let attributes = message.get("MessageAttributes").and_then(Value::as_object);
    attributes
        .into_iter()
        .flatten()
        .map(|(name, attribute)| {
            let field = |name: &str| attribute.get(name).cloned().unwrap_or_default();
            let attribute = json!({
                "stringValue": field("StringValue"),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": field("DataType"),
            });
            (name.clone(), attribute)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Which of the messages the function did not take.
///
/// An answer that AWS cannot make sense of means all of them: no JSON, `batchItemFailures` that is
/// no list, an empty or unknown identifier.
pub(super) fn failures<'a>(
    source: &QueueSource,
    answer: &Answer,
    ids: &BTreeSet<&'a str>,
) -> BTreeSet<&'a str> {
    let all = || ids.clone();
    let Answer::Buffered(bytes) = answer else {
        return all();
    };
    if !source.partial_failures {
        return BTreeSet::new();
    }
    let Ok(answer) = serde_json::from_slice::<Value>(bytes) else {
        return all();
    };
    let items = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return BTreeSet::new(),
        Some(Value::Array(items)) => items,
        Some(_) => return all(),
    };
    let named: Option<BTreeSet<&'a str>> = items
        .iter()
        .map(|item| {
            let id = item.get("itemIdentifier").and_then(Value::as_str)?;
            ids.get(id).copied()
        })
        .collect();
    named.unwrap_or_else(all)
}

fn message_id(message: &Value) -> Option<&str> {
    message.get("MessageId").and_then(Value::as_str)
}

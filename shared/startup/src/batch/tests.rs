//! Batches as a queue's trigger sends them.

use serde_json::{Value, json};

use super::*;

fn record(id: &str, body: &str, received: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": format!("handle-{id}"),
        "body": body,
        "attributes": {"ApproximateReceiveCount": received, "SentTimestamp": "1700000000000"},
        "messageAttributes": {},
        "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:settle",
        "awsRegion": "eu-west-1",
    })
}

fn event(records: &[Value]) -> SqsEvent {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

#[tokio::test]
async fn only_the_messages_that_failed_are_given_back() {
    let event =
        event(&[record("1", "good", "1"), record("2", "bad", "1"), record("3", "good", "1")]);
    let handler = |message: SqsMessage| async move {
        if message.body == "bad" { Err("no such hold") } else { Ok(()) }
    };
    let answer = serde_json::to_value(work_off(event, handler).await).unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
}

#[tokio::test]
async fn a_batch_that_worked_gives_nothing_back() {
    let event = event(&[record("1", "good", "1")]);
    let handler = |_| async { Ok::<(), BoxError>(()) };
    let answer = serde_json::to_value(work_off(event, handler).await).unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn messages_of_one_batch_run_side_by_side() {
    let records: Vec<Value> = (0..10).map(|n| record(&n.to_string(), "x", "1")).collect();
    let meeting = Arc::new(tokio::sync::Barrier::new(10));
    let handler = |_| {
        let meeting = meeting.clone();
        async move {
            meeting.wait().await;
            Ok::<(), BoxError>(())
        }
    };
    assert!(work_off(event(&records), handler).await.batch_item_failures.is_empty());
}

#[test]
fn a_message_carries_what_a_retry_needs_to_know() {
    let [record] = <[SqsRecord; 1]>::try_from(event(&[record("7", "text", "3")]).records)
        .unwrap_or_else(|_| panic!("one record"));
    let message = SqsMessage::from(record);
    let expected = SqsMessage {
        id: "7".to_owned(),
        body: "text".to_owned(),
        receipt_handle: "handle-7".to_owned(),
        receive_count: 3,
    };
    assert_eq!(message, expected);
    assert!(!format!("{message:?}").contains("text"));
}

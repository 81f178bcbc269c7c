//! Batches as a queue's trigger sends them.

use serde_json::{Value, json};

use super::*;
use crate::test_server::{Reply, TestServer};

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
    let answer = serde_json::to_value(work_off(event, &BackOff::none(), handler).await).unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
}

#[tokio::test]
async fn a_batch_that_worked_gives_nothing_back() {
    let event = event(&[record("1", "good", "1")]);
    let handler = |_| async { Ok::<(), BoxError>(()) };
    let answer = serde_json::to_value(work_off(event, &BackOff::none(), handler).await).unwrap();
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
    assert!(
        work_off(event(&records), &BackOff::none(), handler).await.batch_item_failures.is_empty()
    );
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

/// The waits that a server standing in for the queue was asked for, when every message fails.
async fn waits(queue: &str, records: &[Value]) -> Vec<(String, i64)> {
    let answer = |_: usize, _: &str| Reply::Answer(200, "{}".to_owned());
    let server = TestServer::start(answer).await;
    let environment = [
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_ENDPOINT_URL", server.url.clone()),
    ];
    let lookup = move |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    let sqs = crate::Startup::from_vars(lookup).unwrap().sqs();
    let back_off = BackOff::of(sqs, format!("{}/123456789012/{queue}", server.url));
    let fails = |_| async { Err::<(), BoxError>("no".into()) };
    let answer = work_off(event(records), &back_off, fails).await;
    assert_eq!(answer.batch_item_failures.len(), records.len(), "each stays in its queue");
    let asked = server.bodies().into_iter().map(|body| {
        let asked: Value = serde_json::from_str(&body).unwrap();
        let handle = asked["ReceiptHandle"].as_str().unwrap().to_owned();
        (handle, asked["VisibilityTimeout"].as_i64().unwrap())
    });
    let mut asked: Vec<_> = asked.collect();
    asked.sort();
    asked
}

#[tokio::test]
async fn a_message_that_failed_comes_back_sooner_than_its_queue_says_and_later_each_time() {
    let records = [record("1", "x", "1"), record("3", "x", "3")];
    let asked = waits("settle", &records).await;
    let [(first, soon), (third, later)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((first.as_str(), third.as_str()), ("handle-1", "handle-3"));
    assert!((3..=5).contains(soon) && (30..=60).contains(later), "{asked:?}");
    assert_eq!(waits("another", &records).await, [], "another queue's message is let be");
}

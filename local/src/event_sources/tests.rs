//! Batches and their failures, and the shape of events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{queue, schedule};
use crate::aws::Aws;
use crate::invocation::{Answer, Failure, Invocations};
use crate::runtime_api::tests::{function, work};
use crate::template::{Queue, QueueSource, Redrive, Schedule};

fn a_queue(name: &str, redrive: Option<Redrive>) -> Queue {
    Queue {
        logical_id: name.into(),
        name: name.into(),
        url: format!("http://127.0.0.1/123456789012/{name}"),
        arn: format!("arn:aws:sqs:us-east-1:123456789012:{name}"),
        visibility_seconds: 1,
        redrive,
    }
}

fn source(queue: &Queue) -> QueueSource {
    QueueSource {
        queue_arn: queue.arn.clone(),
        batch_size: 10,
        partial_failures: true,
        concurrency: 1,
    }
}

#[tokio::test]
async fn a_poison_message_reaches_the_dead_letters_and_the_good_one_is_done() {
    let dead = a_queue("dead", None);
    let redrive = Redrive { dead_letter_target_arn: dead.arn.clone(), max_receive_count: 2 };
    let jobs = a_queue("jobs", Some(redrive));
    let aws = Aws::new();
    aws.create_queues(&[dead.clone(), jobs.clone()]).await.unwrap();
    for body in ["good", "poison"] {
        let message = json!({"QueueUrl": jobs.url, "MessageBody": body});
        aws.call("AmazonSQS.SendMessage", &message).await.unwrap();
    }
    let invocations = Arc::new(Invocations::new(function("do-jobs", Duration::from_secs(1))));
    let (seen, mut sightings) = tokio::sync::mpsc::unbounded_channel();
    work(&invocations, move |event| {
        let mut failed = Vec::new();
        for record in event["Records"].as_array().unwrap() {
            let body = record["body"].as_str().unwrap().to_owned();
            assert_eq!(record["eventSource"], "aws:sqs");
            if body == "poison" {
                failed.push(json!({"itemIdentifier": record["messageId"]}));
            }
            seen.send(body).unwrap();
        }
        json!({"batchItemFailures": failed})
    });
    let poller = tokio::spawn(queue::run(aws.clone(), jobs.clone(), source(&jobs), invocations));
    let receive = json!({"QueueUrl": dead.url, "WaitTimeSeconds": 20});
    let letters = aws.call("AmazonSQS.ReceiveMessage", &receive).await.unwrap();
    poller.abort();
    assert_eq!(letters["Messages"][0]["Body"], "poison");
    let mut bodies = Vec::new();
    while let Ok(body) = sightings.try_recv() {
        bodies.push(body);
    }
    bodies.sort();
    assert_eq!(bodies, ["good", "poison", "poison"]);
}

#[tokio::test]
async fn as_many_batches_are_in_work_as_the_source_allows_and_no_more() {
    let jobs = a_queue("jobs", None);
    let aws = Aws::new();
    aws.create_queues(std::slice::from_ref(&jobs)).await.unwrap();
    for _ in 0..3 {
        let message = json!({"QueueUrl": jobs.url, "MessageBody": "x"});
        aws.call("AmazonSQS.SendMessage", &message).await.unwrap();
    }
    let function = function("do-jobs", Duration::from_secs(1));
    let invocations = Arc::new(Invocations::new(function));
    let source = QueueSource { batch_size: 1, concurrency: 2, ..source(&jobs) };
    let poller = tokio::spawn(queue::run(aws, jobs, source, Arc::clone(&invocations)));
    let (first, second) = (71, 72);
    drop((invocations.worker(first), invocations.worker(second)));
    let (one, two) = tokio::join!(invocations.next(first), invocations.next(second));
    assert!(one.is_some() && two.is_some());
    let third = 73;
    drop(invocations.worker(third));
    let more = tokio::time::timeout(Duration::from_millis(300), invocations.next(third)).await;
    assert!(more.is_err(), "a third batch while two are in work");
    poller.abort();
}

#[test]
fn an_answer_that_makes_no_sense_fails_the_whole_batch() {
    let all = BTreeSet::from(["a", "b"]);
    let failed = |answer: Value, partial_failures: bool| -> Vec<&str> {
        let source = QueueSource { partial_failures, ..source(&a_queue("q", None)) };
        let answer = Answer::Buffered(Bytes::from(answer.to_string()));
        queue::failures(&source, &answer, &all).into_iter().collect()
    };
    let item = |id: Value| json!({"batchItemFailures": [{"itemIdentifier": id}]});
    assert_eq!(failed(item(json!("b")), true), ["b"]);
    assert_eq!(failed(item(json!("b")), false), [""; 0]);
    assert_eq!(failed(json!({}), true), [""; 0]);
    assert_eq!(failed(Value::Null, true), [""; 0]);
    assert_eq!(failed(json!({"batchItemFailures": []}), true), [""; 0]);
    assert_eq!(failed(json!({"batchItemFailures": "b"}), true), ["a", "b"]);
    assert_eq!(failed(item(json!("c")), true), ["a", "b"]);
    assert_eq!(failed(item(Value::Null), true), ["a", "b"]);
    assert_eq!(failed(json!({"batchItemFailures": [{}]}), true), ["a", "b"]);
    let broken = Answer::Failed(Failure::Exited);
    assert_eq!(queue::failures(&source(&a_queue("q", None)), &broken, &all), all);
}

#[test]
fn a_schedule_tells_the_function_what_time_it_is() {
    let schedule = Schedule { rule: "Sweep".into(), every: Duration::from_mins(1) };
    let mut event = schedule::event(&schedule, "2026-11-20T10:00:00.4Z".parse().unwrap());
    event["id"].take();
    assert_eq!(
        event,
        json!({
            "version": "0",
            "id": null,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": "2026-11-20T10:00:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:123456789012:rule/Sweep"],
            "detail": {},
        })
    );
}

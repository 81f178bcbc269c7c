//! Reports: what the daily pass, the syncs and the queues have counted.

use std::collections::BTreeMap;

use directory::{
    Band, Directory, Pass, Step, Totals,
    audit::{FeatureUse, UsageProgress},
    runs::{Counters, Progress, Run, RunOptions, RunState},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::{World, queue_url};
use crate::harness::{credits, now};

const REPORTS: &str = "/api/admin/reports";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn before_anything_has_happened_a_report_is_empty_and_says_so() {
    let world = World::start().await;
    let answer = world.get(REPORTS).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let empty = |name| {
        let mut queue = json!({"name": name, "waiting": 0, "inFlight": 0, "delayed": 0});
        queue["oldestSeconds"] = Value::Null;
        queue
    };
    let queues = ["retries", "retryDeadLetters", "settles", "settleDeadLetters"].map(empty);
    let expected = json!({
        "from": "2026-10-22",
        "to": "2026-11-20",
        "balances": null,
        "usage": [],
        "usageCompleteTo": null,
        "syncs": {
            "runs": 0,
            "done": 0,
            "notDone": 0,
            "successPercent": null,
            "meanDurationMilliseconds": null,
            "errors": 0,
            "usersByDay": [],
            "truncated": false,
        },
        "queues": queues,
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn balances_are_those_of_the_last_pass_with_its_time() {
    let world = World::start().await;
    let pass = Pass {
        id: "01KAGJYM0D1VNQ7R2M3X4Y5Z6A".parse().unwrap(),
        day: "2026-11-20".parse().unwrap(),
        started_at: at("2026-11-20T03:00:00Z"),
        finished_at: Some(at("2026-11-20T03:10:00Z")),
        low: credits(10),
        high: credits(10_000),
        step: 4,
        position: None,
        totals: Totals { accounts: 5, credits: 10_120, debt: 3, frozen: 1, unreadable: 0 },
        distribution: vec![Step { from: credits(1), to: credits(9), accounts: 2 }],
        bands: BTreeMap::from([(Band::Zero, 1), (Band::High, 1)]),
        unreadable: Vec::new(),
    };
    assert!(world.directory.begin_pass(&pass).await.unwrap());
    let under_way = Pass { day: "2026-11-21".parse().unwrap(), finished_at: None, ..pass.clone() };
    assert!(world.directory.begin_pass(&under_way).await.unwrap());
    let expected = json!({
        "startedAt": "2026-11-20T03:00:00Z",
        "finishedAt": "2026-11-20T03:10:00Z",
        "accounts": 5,
        "credits": 10_120,
        "debt": 3,
        "unreadable": 0,
        "lowBalance": 10,
        "highBalance": 10_000,
        "bands": {"zero": 1, "low": 0, "high": 1, "negative": 0, "frozen": 0},
        "distribution": [{"from": 1, "to": 9, "accounts": 2}],
    });
    assert_eq!(world.get(REPORTS).await.body["balances"], expected);
}

#[tokio::test]
async fn use_is_by_feature_and_day_within_the_days_asked_for() {
    let world = World::start().await;
    let begun = UsageProgress {
        next_minute: at("2026-11-17T00:00:00Z"),
        first_day: "2026-11-17".parse().unwrap(),
    };
    assert!(world.directory.begin_usage(&begun).await.unwrap());
    let used = |calls| FeatureUse { calls, credits: calls, released: 1, expired: 0 };
    let row =
        |day: &str, feature: &str, calls| ((day.parse().unwrap(), feature.to_owned()), used(calls));
    let rows = BTreeMap::from([
        row("2026-11-17", "ai_text_chat", 7),
        row("2026-11-18", "ai_image_generation", 2),
        row("2026-11-18", "ai_text_chat", 5),
        row("2026-11-19", "ai_text_chat", 4),
        row("2026-11-20", "ai_text_chat", 3),
    ]);
    assert!(world.directory.add_usage(&begun, at("2026-11-20T11:59:00Z"), &rows).await.unwrap());
    let days = |answer: &Value| -> Vec<(String, u64)> {
        let rows = answer["usage"].as_array().unwrap().iter();
        let day = |row: &Value| row["day"].as_str().unwrap().to_owned();
        rows.map(|row| (day(row), row["calls"].as_u64().unwrap())).collect()
    };
    let whole = world.get(REPORTS).await.body;
    let told = [("2026-11-17", 7), ("2026-11-18", 2), ("2026-11-18", 5), ("2026-11-19", 4)];
    assert_eq!(days(&whole), told.map(|(day, calls)| (day.to_owned(), calls)), "today is not over");
    assert_eq!(whole["usageCompleteTo"], "2026-11-19");
    let row = json!({"day": "2026-11-18", "feature": "ai_image_generation", "calls": 2,
        "credits": 2, "released": 1, "expired": 0});
    let part = world.get(&format!("{REPORTS}?from=2026-11-18&to=2026-11-18")).await.body;
    assert_eq!((part["usage"].as_array().unwrap().len(), &part["usage"][0]), (2, &row));
}

/// A run that was started at `start` and has walked past so many users.
async fn run(directory: &Directory, start: &str, users: u64, end: Option<(RunState, i64)>) {
    let options = RunOptions {
        sync_users: true,
        sync_plans: true,
        set_credits: true,
        override_credits: None,
        page_size: 100,
        max_pages: None,
        debug: false,
        dry_run: users == 9_999,
    };
    let started_at = at(start);
    let run = Run {
        id: startup::new_ulid(started_at),
        by: "admin:user_admin".to_owned(),
        options,
        users_total: users,
        state: RunState::Running,
        step: 1,
        claimed_step: 0,
        claimed_at: None,
        step_at: started_at,
        last_failure: None,
        cancelling: false,
        progress: Progress::default(),
        started_at,
        updated_at: started_at,
        finished_at: None,
    };
    directory.start_run(&run).await.unwrap();
    let counters = Counters { processed: users, errors: 1, ..Counters::default() };
    let progress = Progress { counters, complete: true, ..Progress::default() };
    if let Some((state, seconds)) = end {
        let finished = started_at + jiff::SignedDuration::from_secs(seconds);
        assert!(directory.claim_step(run.id, 1, false, started_at).await.unwrap().is_some());
        assert!(directory.finish_run(run.id, 1, (&progress, state), finished).await.unwrap());
    }
}

#[tokio::test]
async fn syncs_are_counted_by_how_they_ended_and_users_by_day() {
    let world = World::start().await;
    let done = |seconds| Some((RunState::Done, seconds));
    for (start, users, end) in [
        ("2026-10-01T00:00:00Z", 1, done(1)),
        ("2026-11-18T23:59:59Z", 100, done(10)),
        ("2026-11-19T00:00:00Z", 30, done(21)),
        ("2026-11-19T08:00:00Z", 9_999, done(600)),
        ("2026-11-19T09:00:00Z", 5, Some((RunState::Cancelled, 900))),
        ("2026-11-20T10:00:00Z", 7, done(2)),
        ("2026-11-20T11:00:00Z", 0, None),
    ] {
        run(&world.directory, start, users, end).await;
    }
    let expected = json!({
        "runs": 5,
        "done": 3,
        "notDone": 1,
        "successPercent": 75,
        "meanDurationMilliseconds": 11_000,
        "errors": 4,
        "usersByDay": [
            {"day": "2026-11-18", "users": 100},
            {"day": "2026-11-19", "users": 35},
            {"day": "2026-11-20", "users": 7},
        ],
        "truncated": false,
    });
    assert_eq!(world.get(REPORTS).await.body["syncs"], expected);
    let day = world.get(&format!("{REPORTS}?from=2026-11-18&to=2026-11-18")).await.body;
    assert_eq!((&day["syncs"]["runs"], &day["syncs"]["successPercent"]), (&json!(1), &json!(100)));
}

#[tokio::test]
async fn queues_tell_what_waits_what_is_worked_on_and_what_comes_later() {
    let world = World::start().await;
    let send = async |queue: &str, delay: u32| {
        let request =
            json!({"QueueUrl": queue_url(queue), "MessageBody": "{}", "DelaySeconds": delay});
        world.aws.call("AmazonSQS.SendMessage", &request).await.unwrap();
    };
    for _ in 0..3 {
        send("retries", 0).await;
    }
    send("retries", 600).await;
    send("settle-dead", 0).await;
    let receive = json!({"QueueUrl": queue_url("retries"), "MaxNumberOfMessages": 1});
    world.aws.call("AmazonSQS.ReceiveMessage", &receive).await.unwrap();
    let queues = world.get(REPORTS).await.body["queues"].take();
    let retries = json!({"name": "retries", "waiting": 2, "inFlight": 1, "delayed": 1,
        "oldestSeconds": null});
    assert_eq!(queues[0], retries, "a metric without a value is no age of zero");
    assert_eq!(queues[1]["waiting"], 0);
    assert_eq!(queues[3]["waiting"], 1);
}

#[tokio::test]
async fn the_oldest_message_of_a_queue_is_the_newest_value_of_its_metric() {
    let world = World::start().await;
    for queue in ["retries", "settle-dead"] {
        let request = json!({"QueueUrl": queue_url(queue), "MessageBody": "{}"});
        world.aws.call("AmazonSQS.SendMessage", &request).await.unwrap();
    }
    let ages = [("retries", "312.0"), ("settle-dead", "86400"), ("settles", "55.0")];
    world.metrics.lock().unwrap().ages = Some(ages.into());
    let queues = world.get(REPORTS).await.body["queues"].take();
    let oldest = [0, 1, 2, 3].map(|at| queues[at]["oldestSeconds"].clone());
    let expected = [json!(312), Value::Null, Value::Null, json!(86_400)];
    assert_eq!(oldest, expected, "what is empty by now has no oldest message");

    let asked = std::mem::take(&mut world.metrics.lock().unwrap().asked);
    let [(headers, query)] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!(
        (&query["StartTime"], &query["EndTime"]),
        (&json!(1_795_175_100), &json!(1_795_176_000))
    );
    assert_eq!(query["ScanBy"], "TimestampDescending");
    let metric = &query["MetricDataQueries"][3]["MetricStat"];
    let dimensions = json!([{"Name": "QueueName", "Value": "settle-dead"}]);
    let expected = json!({"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": dimensions});
    assert_eq!((&metric["Metric"], &metric["Stat"]), (&expected, &json!("Maximum")));
    let signature = headers["authorization"].to_str().unwrap();
    let scope = "Credential=local/20261120/us-east-1/monitoring/aws4_request";
    assert!(signature.starts_with(&format!("AWS4-HMAC-SHA256 {scope}")), "{signature}");
    assert!(signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target"));
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
}

#[tokio::test]
async fn ages_that_cannot_be_read_take_nothing_else_away() {
    let world = World::start().await;
    let request = json!({"QueueUrl": queue_url("retries"), "MessageBody": "{}"});
    world.aws.call("AmazonSQS.SendMessage", &request).await.unwrap();
    world.metrics.lock().unwrap().ages = None;
    let answer = world.get(REPORTS).await;
    let retries = &answer.body["queues"][0];
    assert_eq!((answer.status, &retries["waiting"]), (200, &json!(1)));
    assert_eq!(retries["oldestSeconds"], Value::Null);
}

#[tokio::test]
async fn the_local_stack_keeps_no_metrics_and_says_so_as_cloudwatch_does() {
    let request = json!({"MetricDataQueries": [{"Id": "q0"}]});
    let target = "GraniteServiceVersion20100801.GetMetricData";
    let answer = local::Aws::new().call(target, &request).await.unwrap();
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([]));
}

#[tokio::test]
async fn a_queue_that_cannot_be_asked_takes_nothing_else_away() {
    let world = World::start().await;
    let request = json!({"QueueUrl": queue_url("settles")});
    world.aws.call("AmazonSQS.DeleteQueue", &request).await.unwrap();
    let answer = world.get(REPORTS).await;
    assert_eq!(answer.status, 200);
    let unknown = json!({"name": "settles", "waiting": null, "inFlight": null, "delayed": null,
        "oldestSeconds": null});
    assert_eq!(answer.body["queues"][2], unknown);
    assert_eq!(answer.body["queues"][0]["waiting"], 0);
}

#[tokio::test]
async fn a_report_is_about_a_quarter_at_most() {
    let world = World::start().await;
    let (day, quarter) = (now().strftime("%F").to_string(), "2026-08-20");
    for query in [
        format!("from={quarter}"),
        "from=2026-11-21".to_owned(),
        format!("to=2026-11-31&from={day}"),
    ] {
        let answer = world.get(&format!("{REPORTS}?{query}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_field"), "{query}");
    }
}

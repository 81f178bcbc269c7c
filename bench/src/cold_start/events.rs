//! What each function is called with, and what a good answer looks like.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Failure;
use crate::cold_start::books::USER;

/// The event of `function` at `now`.
pub(crate) fn event(
    root: &Path,
    function: &str,
    token: &str,
    hold: &str,
    now: Timestamp,
) -> Result<String, Failure> {
    let file = match function {
        "retry-worker" => return Ok(settle(hold, now).to_string()),
        "admin-adjust" => "events/admin-adjust-users.json",
        "admin-settings" => "events/admin-settings-plans.json",
        "admin-sync" => "events/admin-sync-runs.json",
        "audit-ledger" => "events/audit-ledger.json",
        "expire-holds" => "events/expire-holds.json",
        "credits-me" => "events/credits-me-balance.json",
        // The empty function answers whatever it is asked.
        _ => "events/ai-guard-chat.json",
    };
    let text = fs::read_to_string(root.join(file));
    let text = text.map_err(|error| format!("`{file}` cannot be read: {error}"))?;
    let mut event: Value = serde_json::from_str(&text)
        .map_err(|error| format!("`{file}` is not an event: {error}"))?;
    let mut set = |pointer: &str, value: Value| {
        if let Some(place) = event.pointer_mut(pointer) {
            *place = value;
        }
    };
    set("/headers/authorization", json!(format!("Bearer {token}")));
    set("/requestContext/timeEpoch", json!(now.as_millisecond()));
    set("/time", json!(now.to_string()));
    Ok(event.to_string())
}

fn settle(hold: &str, now: Timestamp) -> Value {
    let message = json!({
        "version": 1, "account": USER, "hold": hold, "amount": 1, "ending": "settled",
        "charged": 1, "at": now.to_string(), "actor": format!("user:{USER}"), "id": hold,
    });
    json!({"Records": [{
        "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        "receiptHandle": "MessageReceiptHandle",
        "body": message.to_string(),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:settle",
        "awsRegion": "eu-central-1",
    }]})
}

/// Fails where `answer` is not that of a call that succeeded: a benchmark of failures is worth
/// nothing.
pub(crate) fn check(function: &str, answer: &str) -> Result<(), Failure> {
    let read: Value = serde_json::from_str(answer).unwrap_or_default();
    let good = match function {
        "retry-worker" => read.get("batchItemFailures") == Some(&json!([])),
        "expire-holds" => read.get("failed") == Some(&json!(0)),
        "audit-ledger" => read.is_object() && read.get("errorMessage").is_none(),
        _ => read.get("statusCode") == Some(&json!(200)),
    };
    if good { Ok(()) } else { Err(format!("the call did not succeed: {answer}")) }
}

//! Schedules: an event with the time of the tick, as EventBridge sends it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::invocation::{Answer, Invocations};
use crate::template::{ACCOUNT, REGION, Schedule, arn};
use crate::{machine, random};

/// Invokes the function now and then once in each period; never returns.
pub(crate) async fn run(invocations: Arc<Invocations>, schedule: Schedule) {
    let mut ticks = tokio::time::interval(schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let event = event(&schedule, machine::now());
        if let Answer::Failed(failure) = invocations.invoke(Bytes::from(event.to_string())).await {
            eprintln!("the schedule `{}` failed: {failure}", schedule.rule);
        }
    }
}

/// The event of a tick; its time has whole seconds.
pub(crate) fn event(schedule: &Schedule, time: Timestamp) -> Value {
    let time = time.round(Unit::Second).unwrap_or(time);
    json!({
        "version": "0",
        "id": random::uuid(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.to_string(),
        "region": REGION,
        "resources": [arn("events", &format!("rule/{}", schedule.rule))],
        "detail": {},
    })
}

//! `audit-ledger` in process, on a real table.

mod passes;
mod usage;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use audit_ledger::{AuditLedger, Summary, Thresholds, ThresholdsSource, Tick, handle};
use jiff::{SignedDuration, Timestamp};
use startup::{Clock, Deadline};

use crate::{
    directory::directory,
    harness::{Harness, credits},
};

/// The function on the test's books, with small pages and a clock that stands still.
fn function(books: &Harness, at: Timestamp) -> AuditLedger {
    AuditLedger {
        store: books.store.clone(),
        directory: directory(books),
        clock: Clock::fixed(at),
        thresholds: ThresholdsSource::fixed(Thresholds { low: credits(10), high: credits(10_000) }),
        page_rows: 7,
    }
}

/// The same with a clock that goes on by 20 seconds whenever it is asked, so that every run is cut
/// after a step or two.
fn hurried(books: &Harness, at: Timestamp) -> AuditLedger {
    let asked = Arc::new(AtomicI64::new(0));
    let clock = Clock::from_fn(move || {
        at + SignedDuration::from_secs(20 * asked.fetch_add(1, Ordering::SeqCst))
    });
    AuditLedger { clock, ..function(books, at) }
}

async fn run(function: &AuditLedger, at: Timestamp) -> Summary {
    handle(Tick { time: Some(at) }, Deadline(None), function).await.unwrap()
}

#[test]
fn the_time_of_the_schedules_event_is_read() {
    let event = include_str!("../../events/audit-ledger.json");
    let tick: Tick = serde_json::from_str(event).unwrap();
    assert_eq!(tick.time, Some("2026-11-20T12:10:00Z".parse().unwrap()));
    let by_hand: Tick = serde_json::from_str("{}").unwrap();
    assert_eq!(by_hand.time, None);
}

//! A run as clients read it.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::{IntoResponse, Response};
use directory::runs::{PlannedChange, Run, RunOptions, RunState, RunTrouble};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, LOCATION},
};
use http_api::Json;
use jiff::Timestamp;
use ledger::Credits;
use serde::Serialize;

use crate::{cursor, refusal};

/// How far a run is and what it has done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownRun {
    run: String,
    state: &'static str,
    complete: bool,
    next_cursor: Option<String>,
    processed: u64,
    created_users: u64,
    created_balances: u64,
    active_subscriptions: u64,
    credits_refreshed: u64,
    subscription_items: u64,
    error_count: u64,
    errors: Vec<Trouble>,
    unmapped_plans: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
    progress: Shown,
    options: Options,
    by: String,
    started_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    duration_ms: u64,
    stalled: bool,
    cancelling: bool,
    last_failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Vec<Timing>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    phase: &'static str,
    pages: u32,
    users_total: u64,
    users_per_minute: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trouble {
    account: Option<String>,
    item: Option<String>,
    code: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    account: String,
    #[serde(rename = "change")]
    kind: String,
    credits: Option<Credits>,
    plan: Option<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "they are answered as they were sent")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    sync_users: bool,
    sync_plans: bool,
    set_credits: bool,
    override_credits: Option<Credits>,
    page_size: u16,
    max_pages: Option<u32>,
    debug: bool,
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timing {
    step: u32,
    phase: &'static str,
    size: u64,
    clerk_ms: u64,
    step_ms: u64,
    at: Timestamp,
}

impl ShownRun {
    pub(crate) fn of(run: &Run, now: Timestamp) -> Self {
        let (progress, counters) = (&run.progress, &run.progress.counters);
        let until = run.finished_at.unwrap_or(now);
        let duration_ms = until.duration_since(run.started_at).as_millis();
        let duration_ms = u64::try_from(duration_ms).unwrap_or(0);
        let has_ended = run.state != RunState::Running;
        let left = (has_ended && !progress.complete).then_some(&progress.position);
        let changes = progress.changes.iter().map(Change::of).collect();
        let timings = progress.timings.iter().map(|page| Timing {
            step: page.step,
            phase: page.phase.as_str(),
            size: page.size,
            clerk_ms: page.provider_ms,
            step_ms: page.step_ms,
            at: page.at,
        });
        Self {
            run: run.id.to_string(),
            state: run.state.as_str(),
            complete: progress.complete,
            next_cursor: left.map(cursor::of_position),
            processed: counters.processed,
            created_users: counters.created_users,
            created_balances: counters.created_balances,
            active_subscriptions: counters.active_subscriptions,
            credits_refreshed: counters.credits_refreshed,
            subscription_items: counters.subscription_items,
            error_count: counters.errors,
            errors: progress.troubles.iter().map(Trouble::of).collect(),
            unmapped_plans: progress.unmapped_plans.clone(),
            changes: run.options.dry_run.then_some(changes),
            progress: Shown {
                phase: progress.position.phase.as_str(),
                pages: progress.pages,
                users_total: run.users_total,
                users_per_minute: per_minute(counters.processed, duration_ms),
            },
            options: Options::of(&run.options),
            by: run.by.clone(),
            started_at: run.started_at,
            updated_at: run.updated_at,
            finished_at: run.finished_at,
            duration_ms,
            stalled: run.is_stalled(now),
            cancelling: run.cancelling && !has_ended,
            last_failure: run.last_failure.clone(),
            timings: run.options.debug.then(|| timings.collect()),
        }
    }
}

impl Trouble {
    fn of(trouble: &RunTrouble) -> Self {
        let RunTrouble { account, item, code } = trouble.clone();
        Self { account, item, code }
    }
}

impl Change {
    fn of(change: &PlannedChange) -> Self {
        let PlannedChange { account, change: kind, credits, plan } = change.clone();
        Self { account, kind, credits, plan }
    }
}

impl Options {
    fn of(options: &RunOptions) -> Self {
        Self {
            sync_users: options.sync_users,
            sync_plans: options.sync_plans,
            set_credits: options.set_credits,
            override_credits: options.override_credits,
            page_size: options.page_size,
            max_pages: options.max_pages,
            debug: options.debug,
            dry_run: options.dry_run,
        }
    }
}

/// So many in so many milliseconds, in a minute.
fn per_minute(count: u64, duration_ms: u64) -> u64 {
    count.saturating_mul(60_000).checked_div(duration_ms).unwrap_or(0)
}

/// 200 with a run that has ended, else 202 with where to look for its end.
pub(crate) fn answer(run: &Run, now: Timestamp) -> Response {
    let shown = Json(ShownRun::of(run, now));
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    if run.state != RunState::Running {
        return (no_store, shown).into_response();
    }
    let location = HeaderValue::try_from(refusal::path(run.id));
    let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::ACCEPTED, no_store, [(LOCATION, location)], shown).into_response()
}

/// What was asked, for the record of operations.
pub(crate) fn asked(options: &RunOptions) -> BTreeMap<String, String> {
    let mut words = Vec::new();
    for (is_set, word) in [
        (options.sync_users, "syncUsers"),
        (options.sync_plans, "syncPlans"),
        (options.set_credits, "setCredits"),
        (options.dry_run, "dryRun"),
    ] {
        words.extend(is_set.then(|| word.to_owned()));
    }
    words.extend(options.override_credits.map(|credits| format!("overrideCredits={credits}")));
    words.extend(options.max_pages.map(|pages| format!("maxPages={pages}")));
    BTreeMap::from([("asked".to_owned(), words.join(" "))])
}

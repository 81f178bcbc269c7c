//! Every minute, in every mode: ends the holds that nobody has ended in time, so that a call that
//! crashed gives its credits back.
//!
//! Holds are in an index by the minute they expire in, in shards. Per shard, the last minute whose
//! holds have all ended is kept; a run goes on from there, up to the minute under way. No hold is
//! ended before its own expiry, and every one of them about a minute after it. A hold that cannot be ended stops no
//! other hold, but it holds that minute back, and the next run tries again. The outcome's key
//! decides who ends a hold, so runs at the same time, and settles at the same time, are harmless.

mod minute;
mod plan;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{
    StreamExt,
    future::{join_all, try_join_all},
    stream,
};
use jiff::{SignedDuration, Timestamp};
use ledger_dynamodb::{LedgerStore, SHARDS, StoreError, TableNames};
use serde::{Deserialize, Serialize};
use startup::{Clock, Deadline, Startup, StartupError, metric};

use crate::{
    minute::Minute,
    plan::Plan,
    run::{Looked, Run},
};

/// How long a run goes on. The next one starts after a minute, and two that overlap would do the
/// same work twice.
const RUN_LIMIT: SignedDuration = SignedDuration::from_secs(45);

/// What is kept of the platform's deadline for what is under way when a run stops: one hold with
/// all its retries, and the progress of the shards.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

/// Minutes looked through at a time. Enough to hide the table's latency; more would only make
/// the holds of one account, which often expire together, get into each other's way.
const AT_ONCE: usize = 8;

/// The tables and the clock.
#[derive(Clone, Debug)]
pub struct ExpireHolds {
    /// The books.
    pub store: LedgerStore,
    /// Bounds the run; and says the time where the event does not.
    pub clock: Clock,
}

/// The schedule's event, as far as it matters.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Tick {
    /// The time the run is for. What has expired by then is ended.
    pub time: Option<Timestamp>,
}

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Shards of the index.
    pub shards: u8,
    /// Minutes looked through to their end, over all shards.
    pub minutes: u64,
    /// Holds found past their expiry and without an outcome.
    pub found: u64,
    /// Of these, holds that now have one.
    pub expired: u64,
    /// What could not be done; it is tried again by the next run.
    pub failed: u64,
    /// Minutes from the last complete one, of the shard that is furthest behind, to now.
    pub minutes_behind: u64,
}

impl ExpireHolds {
    /// The function as the environment describes it. Fails if a variable is missing.
    pub async fn start(startup: &Startup) -> Result<Self, StartupError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let store = LedgerStore::new(startup.dynamodb(), names);
        store.warm_up().await;
        Ok(Self { store, clock: startup.clock.clone() })
    }
}

/// One run. Fails only where nothing could be begun: what fails on the way is logged and counted.
pub async fn handle(
    tick: Tick,
    deadline: Deadline,
    function: &ExpireHolds,
) -> Result<Summary, StoreError> {
    let ExpireHolds { store, clock } = function;
    let now = tick.time.unwrap_or_else(|| clock.now());
    let last = Minute::containing(now).earlier(1);
    let progress = (0..SHARDS).map(|shard| async move {
        let completed = store.completed_minute(shard).await?;
        Ok::<_, StoreError>((shard, Plan::new(completed.map(Minute::containing), last)))
    });
    let plans: BTreeMap<u8, Plan> = try_join_all(progress).await?.into_iter().collect();
    let run = Run { store, clock, now, stop_at: stop_at(clock.now(), deadline) };
    let looked: Vec<Looked> = stream::iter(in_turn(&plans))
        .map(|(shard, minute)| run.look(shard, minute))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let progress = join_all(
        plans
            .iter()
            .map(|(shard, plan)| run.keep_progress(*shard, plan, clean_minutes(&looked, *shard))),
    );
    let kept = progress.await;
    let summary = summary(&looked, &kept);
    report(summary, now);
    Ok(summary)
}

/// When no further hold is begun.
fn stop_at(begun: Timestamp, Deadline(deadline): Deadline) -> Timestamp {
    let limit = begun.checked_add(RUN_LIMIT).unwrap_or(begun);
    let latest = deadline.and_then(|deadline| deadline.checked_sub(RESERVE).ok());
    latest.map_or(limit, |latest| latest.min(limit))
}

/// The most urgent minute of each shard first, so that no shard waits for another's backlog.
fn in_turn(plans: &BTreeMap<u8, Plan>) -> Vec<(u8, Minute)> {
    let mut minutes: Vec<(usize, u8, Minute)> = Vec::new();
    for (shard, plan) in plans {
        let ranked = plan.minutes().iter().enumerate();
        minutes.extend(ranked.map(|(rank, minute)| (rank, *shard, *minute)));
    }
    minutes.sort_unstable();
    minutes.into_iter().map(|(_, shard, minute)| (shard, minute)).collect()
}

fn clean_minutes(looked: &[Looked], shard: u8) -> BTreeSet<Minute> {
    let clean = looked.iter().filter(|look| look.shard == shard && look.is_clean());
    clean.map(|look| look.minute).collect()
}

fn summary(looked: &[Looked], kept: &[Result<u64, StoreError>]) -> Summary {
    let unkept = kept.iter().filter(|kept| kept.is_err()).count();
    let mut summary = Summary {
        shards: SHARDS,
        failed: u64::try_from(unkept).unwrap_or(u64::MAX),
        minutes_behind: kept.iter().flatten().copied().max().unwrap_or_default(),
        ..Summary::default()
    };
    for look in looked {
        summary.minutes += u64::from(look.ended);
        summary.found += look.found;
        summary.expired += look.expired;
        summary.failed += look.failed;
    }
    summary
}

fn report(summary: Summary, now: Timestamp) {
    let Summary { shards, minutes, found, expired, failed, minutes_behind } = summary;
    tracing::info!(shards, minutes, found, expired, failed, minutes_behind, "holds expired");
    metric::count(now, "HoldsExpired", &[], expired);
    metric::count(now, "HoldExpiriesFailed", &[], failed);
    metric::count(now, "HoldExpiryMinutesBehind", &[], minutes_behind);
}

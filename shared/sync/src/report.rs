//! The end of a run, told once: one line in the log, and the metrics.

use directory::runs::{Counters, RunState};
use jiff::Timestamp;
use startup::metric;
use ulid::Ulid;

use crate::{Parts, SyncError, step::milliseconds};

/// Tells that the run has ended, and how, unless that was told.
///
/// A crash between the run's end and this leaves it untold until the message of its last step
/// comes back, which finds it so.
pub(crate) async fn tell(parts: &Parts, id: Ulid, now: Timestamp) -> Result<(), SyncError> {
    let directory = &parts.projector.directory;
    let Some(run) = directory.run(id).await? else { return Ok(()) };
    let Some(finished_at) = run.finished_at.filter(|_| run.state != RunState::Running) else {
        return Ok(());
    };
    if !directory.report_run(id).await? {
        return Ok(());
    }
    let Counters {
        processed,
        created_users,
        created_balances,
        active_subscriptions,
        credits_refreshed,
        errors,
        ..
    } = run.progress.counters;
    let duration_ms = milliseconds(run.started_at, finished_at);
    let state = run.state.as_str();
    tracing::info!(
        event = "sync_finished",
        run = %id,
        state,
        complete = run.progress.complete,
        dry_run = run.options.dry_run,
        pages = run.progress.pages,
        processed,
        createdUsers = created_users,
        createdBalances = created_balances,
        activeSubscriptions = active_subscriptions,
        creditsRefreshed = credits_refreshed,
        errors,
        duration_ms,
        "sync {state}: processed={processed} createdUsers={created_users} \
         createdBalances={created_balances} activeSubscriptions={active_subscriptions} \
         creditsRefreshed={credits_refreshed} duration_ms={duration_ms}"
    );
    metric::count(now, "SyncRuns", &[("State", state)], 1);
    metric::count(now, "UsersSynced", &[], processed);
    metric::count(now, "SyncErrors", &[], errors);
    metric::milliseconds(now, "SyncDuration", &[], duration_ms);
    Ok(())
}

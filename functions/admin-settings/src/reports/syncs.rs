//! How the bulk syncs went.

use std::collections::BTreeMap;

use admin::unreadable;
use directory::{
    Directory,
    runs::{Run, RunState},
};
use http_api::ApiError;
use jiff::civil::Date;
use serde::Serialize;

use super::range::Range;

/// The most runs of one report. A run a day makes 92 in a quarter; who runs them by the hour gets
/// the newest.
const RUNS_MAX: usize = 1_000;
/// Runs in one request.
const PAGE: u32 = 100;

/// The runs that were started in the days of the report, dry runs left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Syncs {
    /// How many.
    runs: u64,
    /// Those that came to their end.
    done: u64,
    /// Those that were stopped or cancelled.
    not_done: u64,
    /// `done` of `done` and `not_done`, in whole per cent; `null` while there is neither.
    success_percent: Option<u64>,
    /// How long those that came to their end took; `null` while there is none.
    mean_duration_milliseconds: Option<u64>,
    /// Users and subscriptions that could not be done.
    errors: u64,
    /// Users walked past, by the day their run was started. Days without any are left out.
    users_by_day: Vec<DayUsers>,
    /// Whether there were more runs than were looked at.
    truncated: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct DayUsers {
    day: Date,
    users: u64,
}

/// Reads the runs of these days, newest first, until one is older.
pub(super) async fn read(directory: &Directory, range: Range) -> Result<Syncs, ApiError> {
    let (mut runs, mut after) = (Vec::new(), None);
    loop {
        let page = directory.runs(PAGE, after).await.map_err(unreadable)?;
        let is_last = page.runs.iter().any(|run| run.started_at < range.start());
        runs.extend(page.runs.into_iter().filter(|run| range.contains(run.started_at)));
        after = page.next;
        if is_last || after.is_none() || runs.len() >= RUNS_MAX {
            let truncated = !is_last && after.is_some();
            return Ok(Syncs { truncated, ..Syncs::of(&runs) });
        }
    }
}

impl Syncs {
    fn of(runs: &[Run]) -> Self {
        let mut syncs = Self::default();
        let (mut by_day, mut milliseconds) = (BTreeMap::<Date, u64>::new(), 0_u64);
        for run in runs.iter().filter(|run| !run.options.dry_run) {
            let counters = run.progress.counters;
            syncs.runs = syncs.runs.saturating_add(1);
            syncs.errors = syncs.errors.saturating_add(counters.errors);
            let users = by_day.entry(super::range::day(run.started_at)).or_default();
            *users = users.saturating_add(counters.processed);
            match run.state {
                RunState::Running => {}
                RunState::Stopped | RunState::Cancelled => {
                    syncs.not_done = syncs.not_done.saturating_add(1);
                }
                RunState::Done => {
                    syncs.done = syncs.done.saturating_add(1);
                    milliseconds = milliseconds.saturating_add(duration(run));
                }
            }
        }
        let ended = syncs.done.saturating_add(syncs.not_done);
        syncs.success_percent = syncs.done.saturating_mul(100).checked_div(ended);
        syncs.mean_duration_milliseconds = milliseconds.checked_div(syncs.done);
        let days = by_day.into_iter().filter(|(_, users)| *users > 0);
        syncs.users_by_day = days.map(|(day, users)| DayUsers { day, users }).collect();
        syncs
    }
}

fn duration(run: &Run) -> u64 {
    let took =
        run.finished_at.map_or_else(Default::default, |at| at.duration_since(run.started_at));
    u64::try_from(took.as_millis()).unwrap_or_default()
}

//! Every ten minutes, in every mode: goes on with the day's pass over all balances, and with
//! counting what was used. It reads the books and writes none of them.
//!
//! A pass reads every balance once and keeps what lists and reports need: how many accounts have
//! how much, which of them have nothing, little, much or a debt, which are frozen, and the totals.
//! Use is counted from the holds by the minute they expire in, once all of them have ended and no
//! late charge is to be expected any more.
//!
//! Both go on from where the run before stopped, in steps that count and move on in one
//! transaction: a run that is cut loses at most its last step, and of two runs at once only one
//! takes a step.

mod count;
mod pass;
mod thresholds;
mod usage;

use directory::Directory;
use jiff::{SignedDuration, Timestamp};
use ledger_dynamodb::{LedgerStore, TableNames};
use serde::{Deserialize, Serialize};
use startup::{BoxError, Clock, Deadline, Startup, StartupError, error_chain, metric};

pub use self::thresholds::{Thresholds, ThresholdsSource};

/// How long a run goes on: under the function's minute, and far under the ten to the next.
const RUN_LIMIT: SignedDuration = SignedDuration::from_secs(45);

/// What is kept of the platform's deadline for the step under way: one page with all its retries.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

/// Rows of the State table in one step of a pass. A row has some hundred bytes, so this is about
/// half a megabyte, of which the table gives at most one at a time.
const PAGE_ROWS: u32 = 2_000;

/// The books, the directory, the clock and the two settings.
#[derive(Clone, Debug)]
pub struct AuditLedger {
    /// The books.
    pub store: LedgerStore,
    /// Where passes and use are kept.
    pub directory: Directory,
    /// Bounds the run; and says the time where the event does not.
    pub clock: Clock,
    /// What counts as a low and a high balance, asked when a pass begins.
    pub thresholds: ThresholdsSource,
    /// Rows of the State table in one step of a pass.
    pub page_rows: u32,
}

/// The schedule's event, as far as it matters.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Tick {
    /// The time the run is for.
    pub time: Option<Timestamp>,
}

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Pages of the State table read.
    pub pages: u64,
    /// Balances read.
    pub accounts: u64,
    /// Balances that could not be read.
    pub unreadable: u64,
    /// Whether the day's pass is through.
    pub pass_finished: bool,
    /// Minutes of expiry whose holds were counted.
    pub minutes: u64,
    /// Holds counted.
    pub holds: u64,
    /// Minutes that could be counted by now and are not.
    pub minutes_behind: u64,
    /// What could not be done; the next run tries it again.
    pub failed: u64,
}

/// What every part of a run works with.
#[derive(Clone, Copy)]
struct Run<'a> {
    function: &'a AuditLedger,
    /// The time the run is for.
    now: Timestamp,
    /// When it begins nothing new any more, by the clock.
    stop_at: Timestamp,
}

impl AuditLedger {
    /// The function as the environment describes it. Fails if a variable is missing.
    pub fn start(startup: &Startup) -> Result<Self, StartupError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let path = startup.required("SETTINGS_PATH")?;
        let client = startup.dynamodb();
        Ok(Self {
            directory: Directory::new(client.clone(), names.state.clone()),
            store: LedgerStore::new(client, names),
            clock: startup.clock.clone(),
            thresholds: ThresholdsSource::parameters(startup.parameters(), &path),
            page_rows: PAGE_ROWS,
        })
    }
}

/// One run. Fails where neither part could be done; what one of them could not do is logged and
/// counted.
pub async fn handle(
    tick: Tick,
    deadline: Deadline,
    function: &AuditLedger,
) -> Result<Summary, BoxError> {
    let begun = function.clock.now();
    let now = tick.time.unwrap_or(begun);
    let run = Run { function, now, stop_at: stop_at(begun, deadline) };
    let mut summary = Summary::default();
    // Boxed, because nested this deep the compiler gives up on how large they are.
    let pass = Box::pin(run.pass(&mut summary)).await;
    let usage = Box::pin(run.usage(&mut summary)).await;
    for error in [&pass, &usage].into_iter().filter_map(|done| done.as_ref().err()) {
        let error = error_chain(error.as_ref());
        tracing::error!(error, "a part of the audit stopped");
        summary.failed += 1;
    }
    report(summary, now);
    match (pass, usage) {
        (Err(error), Err(_)) => Err(error),
        _ => Ok(summary),
    }
}

impl Run<'_> {
    fn time_is_up(self) -> bool {
        self.function.clock.now() >= self.stop_at
    }
}

/// When no further step is begun.
fn stop_at(begun: Timestamp, Deadline(deadline): Deadline) -> Timestamp {
    let limit = begun.checked_add(RUN_LIMIT).unwrap_or(begun);
    let latest = deadline.and_then(|deadline| deadline.checked_sub(RESERVE).ok());
    latest.map_or(limit, |latest| latest.min(limit))
}

fn report(summary: Summary, now: Timestamp) {
    let Summary { pages, accounts, unreadable, pass_finished, .. } = summary;
    let Summary { minutes, holds, minutes_behind, failed, .. } = summary;
    tracing::info!(
        pages,
        accounts,
        unreadable,
        pass_finished,
        minutes,
        holds,
        minutes_behind,
        failed,
        "ledger audited"
    );
    metric::count(now, "AuditedBalances", &[], accounts);
    metric::count(now, "BalancesUnreadable", &[], unreadable);
    metric::count(now, "UsageMinutesBehind", &[], minutes_behind);
    metric::count(now, "AuditsFailed", &[], failed);
}

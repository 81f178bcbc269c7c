//! The day's pass over all balances.

use directory::{Pass, Totals};
use startup::{BoxError, new_ulid};
use tokio::time::Instant;

use crate::{Run, Summary, count::counted, usage::day};

impl Run<'_> {
    /// Goes on with the pass that is under way, or begins today's, page by page until it is
    /// through or time is up. Another run at the same pass makes this one stop.
    pub(crate) async fn pass(self, summary: &mut Summary) -> Result<(), BoxError> {
        let begun = Instant::now();
        let Some(mut pass) = self.open_pass().await? else {
            summary.pass_finished = true;
            return Ok(());
        };
        while !self.time_is_up() {
            let after = pass.position.as_deref();
            let page = self.function.store.scan_balances(self.function.page_rows, after).await?;
            let (mut next, lists) = counted(&pass, &page);
            if next.position.is_none() {
                next.finished_at = Some(self.function.clock.now().max(pass.started_at));
            }
            if !self.function.directory.advance_pass(&next, &lists).await? {
                tracing::warn!(pass = %pass.id, step = next.step, "another run is at the pass");
                return Ok(());
            }
            summary.pages += 1;
            summary.accounts += next.totals.accounts - pass.totals.accounts;
            summary.unreadable += next.totals.unreadable - pass.totals.unreadable;
            pass = next;
            if pass.finished_at.is_some() {
                summary.pass_finished = true;
                log(&pass, begun);
                return Ok(());
            }
        }
        Ok(())
    }

    /// The pass to go on with; `None` if today's is through. One from a day before is finished
    /// first: what it has counted would be lost otherwise.
    async fn open_pass(self) -> Result<Option<Pass>, BoxError> {
        let directory = &self.function.directory;
        let today = day(self.now);
        let newest = directory.newest_pass().await?;
        if let Some(pass) = newest {
            if pass.finished_at.is_none() {
                return Ok(Some(pass));
            }
            if pass.day >= today {
                return Ok(None);
            }
        }
        let thresholds = self.function.thresholds.read().await?;
        let pass = Pass {
            id: new_ulid(self.now),
            day: today,
            started_at: self.now,
            finished_at: None,
            low: thresholds.low,
            high: thresholds.high,
            step: 0,
            position: None,
            totals: Totals::default(),
            distribution: Vec::new(),
            bands: std::collections::BTreeMap::new(),
            unreadable: Vec::new(),
        };
        // Another run may have begun it at the same time: then that one is gone on with.
        let is_ours = directory.begin_pass(&pass).await?;
        let pass = if is_ours { Some(pass) } else { directory.pass(today).await? };
        Ok(pass.filter(|pass| pass.finished_at.is_none()))
    }
}

/// The totals when a pass is through.
fn log(pass: &Pass, last_run_begun: Instant) {
    let Totals { accounts, credits, debt, frozen, unreadable } = pass.totals;
    let steps = pass.step;
    let last_run_ms = u64::try_from(last_run_begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let day = pass.day;
    tracing::info!(
        %day,
        accounts,
        credits,
        debt,
        frozen,
        unreadable,
        steps,
        last_run_ms,
        "all balances counted"
    );
}

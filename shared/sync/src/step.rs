//! One step: one page of one list, and where the run is after it.

use directory::runs::{Page, Phase, Position, Progress, Run, RunState};
use jiff::Timestamp;

use crate::{Parts, SyncError, Terms, plans, tally::Tally, users};

/// What a step works with.
pub(crate) struct Step<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) run: &'a Run,
    pub(crate) terms: &'a Terms,
    /// When it should be over: it then leaves the rest of its page to the next step.
    pub(crate) until: Timestamp,
}

/// What a step came to.
pub(crate) struct Outcome {
    pub(crate) progress: Progress,
    /// How the run ends with it, if it does.
    pub(crate) end: Option<RunState>,
}

/// A page that was walked past.
pub(crate) struct Walked {
    pub(crate) tally: Tally,
    /// Where the list goes on; `None` at its end.
    pub(crate) next: Option<Position>,
    /// Users or items done.
    pub(crate) size: u64,
    /// How long Clerk took to give the page.
    pub(crate) provider_ms: u64,
}

impl Step<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn is_late(&self) -> bool {
        self.now() >= self.until
    }

    /// Does the step's page. What it moved is queued to be shown in Clerk before it is committed,
    /// so that no crash loses that; shown twice does no harm.
    pub(crate) async fn work(&self) -> Result<Outcome, SyncError> {
        let begun = self.now();
        let mut progress = self.run.progress.clone();
        let phase = progress.position.phase;
        let walked = match phase {
            Phase::Users => users::page(self).await?,
            Phase::Plans => plans::page(self).await?,
        };
        let Walked { tally, next, size, provider_ms } = walked;
        if !tally.to_show.is_empty() && !self.run.options.dry_run {
            let accounts: Vec<_> = tally.to_show.iter().cloned().collect();
            self.parts.projector.queue(&accounts, std::time::Duration::ZERO).await?;
        }
        tally.commit_to(&mut progress);
        if size > 0 {
            progress.pages = progress.pages.saturating_add(1);
            progress.phase_pages = progress.phase_pages.saturating_add(1);
        }
        if self.run.options.debug {
            let (step, at) = (self.run.step, self.now());
            let step_ms = milliseconds(begun, at);
            progress.timings.push(Page { step, phase, size, provider_ms, step_ms, at });
        }
        progress.bound();
        let end = self.move_on(&mut progress, next);
        Ok(Outcome { progress, end })
    }

    /// Puts the run where it goes on, and says whether it ends here instead.
    fn move_on(&self, progress: &mut Progress, next: Option<Position>) -> Option<RunState> {
        let options = &self.run.options;
        match next {
            Some(next) => {
                progress.position = next;
                let at_limit = options.max_pages.is_some_and(|max| progress.phase_pages >= max);
                at_limit.then_some(RunState::Done)
            }
            None if progress.position.phase == Phase::Users && options.walks_plans() => {
                progress.position = Position::plans();
                progress.phase_pages = 0;
                None
            }
            None => {
                progress.complete = true;
                Some(RunState::Done)
            }
        }
    }
}

/// The time between two moments; 0 where a clock was set back.
pub(crate) fn milliseconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

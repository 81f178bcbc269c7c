//! Steps by workers, one for each message, and steps at once, while somebody waits.

use std::time::Duration;

use directory::runs::{Run, RunState};
use jiff::{SignedDuration, Timestamp};
use ledger::mode::Mode;

use crate::{
    Message, Parts, SyncError, Terms, report, send_next,
    step::{Outcome, Step},
};

/// How long a worker may be at one step before it leaves the rest of the page to the next: most of
/// the 60 seconds a function has, with room for what it is just at.
const STEP_LIMIT: SignedDuration = SignedDuration::from_secs(40);

/// When a step that failed while somebody waited is tried by a worker.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Does the step that a message asks for, received for the `receives`th time. `Ok` means that
/// nothing is left to be done for the message.
///
/// A first delivery of a step that a worker has is a duplicate: that worker's own message will come
/// back if it fails. A message that does come back takes the step over.
pub async fn deliver(
    parts: &Parts,
    terms: &Terms,
    message: Message,
    receives: u32,
) -> Result<(), SyncError> {
    let (directory, now) = (&parts.projector.directory, parts.clock.now());
    let Message { run: id, step } = message;
    let Some(run) = directory.run(id).await? else {
        tracing::info!(run = %id, "a run that was refused has nothing to be done");
        return Ok(());
    };
    if run.state != RunState::Running {
        return report::tell(parts, id, now).await;
    }
    if step > run.step {
        return Err(SyncError::Ahead { run: id, at: run.step, asked: step });
    }
    if step < run.step {
        return if run.is_claimed(now) { Ok(()) } else { send(parts, &run).await };
    }
    if let Some(state) = ends_before(&run, terms) {
        return end(parts, &run, state).await.map(drop);
    }
    let Some(run) = directory.claim_step(id, step, receives > 1, now).await? else {
        tracing::info!(run = %id, step, "another worker has this step");
        return Ok(());
    };
    let until = now.checked_add(STEP_LIMIT).unwrap_or(Timestamp::MAX);
    match (Step { parts, run: &run, terms, until }).work().await {
        Ok(outcome) => match commit(parts, &run, outcome).await? {
            Some(run) if run.state == RunState::Running => send(parts, &run).await,
            _ => Ok(()),
        },
        Err(error) => failed(parts, &run, error).await,
    }
}

/// Does the run's steps one after the other until it has ended or it is `until`; what is left then
/// is queued. Returns the run as it is.
pub async fn at_once(
    parts: &Parts,
    terms: &Terms,
    mut run: Run,
    until: Timestamp,
) -> Result<Run, SyncError> {
    while run.state == RunState::Running {
        if parts.clock.now() >= until {
            send(parts, &run).await?;
            break;
        }
        if let Some(state) = ends_before(&run, terms) {
            return Ok(end(parts, &run, state).await?.unwrap_or(run));
        }
        match (Step { parts, run: &run, terms, until }).work().await {
            Ok(outcome) => match commit(parts, &run, outcome).await? {
                Some(next) => run = next,
                None => break,
            },
            Err(error) => {
                let delay = error.wait().unwrap_or(FIRST_RETRY);
                let code = error.code();
                let error = startup::error_chain(&error);
                tracing::warn!(run = %run.id, error, "a step failed and is left to a worker");
                let directory = &parts.projector.directory;
                let released = directory.release_step(run.id, run.step, code, parts.clock.now());
                run = released.await?.unwrap_or(run);
                send_next(parts, &run, delay).await?;
                break;
            }
        }
    }
    Ok(run)
}

/// Whether the run ends before its next step, and how.
fn ends_before(run: &Run, terms: &Terms) -> Option<RunState> {
    if run.cancelling {
        return Some(RunState::Cancelled);
    }
    (terms.mode == Mode::Off).then_some(RunState::Stopped)
}

/// Ends the run where it is. Returns it as it is then.
async fn end(parts: &Parts, run: &Run, state: RunState) -> Result<Option<Run>, SyncError> {
    let (directory, now) = (&parts.projector.directory, parts.clock.now());
    directory.finish_run(run.id, run.step, (&run.progress, state), now).await?;
    report::tell(parts, run.id, now).await?;
    Ok(directory.run(run.id).await?)
}

/// Commits what the step did. Returns the run as it is then; whoever was quicker has moved it.
async fn commit(parts: &Parts, run: &Run, outcome: Outcome) -> Result<Option<Run>, SyncError> {
    let (directory, now) = (&parts.projector.directory, parts.clock.now());
    let Outcome { progress, end: state } = outcome;
    if let Some(state) = state {
        directory.finish_run(run.id, run.step, (&progress, state), now).await?;
        report::tell(parts, run.id, now).await?;
        return Ok(directory.run(run.id).await?);
    }
    match directory.commit_step(run.id, run.step, &progress, now).await? {
        Some(run) if run.cancelling => end(parts, &run, RunState::Cancelled).await,
        Some(run) => Ok(Some(run)),
        None => Ok(directory.run(run.id).await?),
    }
}

async fn send(parts: &Parts, run: &Run) -> Result<(), SyncError> {
    send_next(parts, run, Duration::ZERO).await
}

/// Gives the step back. Where Clerk asks to wait it is sent anew with that delay, which costs it no
/// try; else its message fails, and comes back later each time.
async fn failed(parts: &Parts, run: &Run, error: SyncError) -> Result<(), SyncError> {
    let directory = &parts.projector.directory;
    let code = error.code();
    let released = directory.release_step(run.id, run.step, code, parts.clock.now()).await;
    match (error.wait(), released) {
        (Some(delay), Ok(_)) => {
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(run = %run.id, step = run.step, delay_ms, "clerk asks to wait");
            send_next(parts, run, delay).await
        }
        (_, Err(released)) => {
            tracing::warn!(error = startup::error_chain(&released), "a step was not given back");
            Err(error)
        }
        (None, Ok(_)) => Err(error),
    }
}

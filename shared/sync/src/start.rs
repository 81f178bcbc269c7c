//! Starting a run, going on with one that was stopped or stalled, ending one early.

use std::time::Duration;

use directory::runs::{Position, Progress, Run, RunOptions, RunState, Started};
use jiff::Timestamp;
use ulid::Ulid;

use crate::{Message, Parts, SyncError, report};

/// When the message sent ahead of a run is received: later than whoever starts it can still be
/// working on it, which is 29 seconds.
const WATCH_AFTER: Duration = Duration::from_mins(1);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The run's name, if it is started.
    pub id: Ulid,
    /// Who asks, such as `admin:user_1`.
    pub by: String,
    /// For what.
    pub options: RunOptions,
    /// Users at the provider now.
    pub users_total: u64,
    /// Where another run ended that this one goes on from.
    pub from: Option<Position>,
}

/// What became of a wish to go on with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It goes on.
    Yes(Run),
    /// Another one is running.
    Running(Ulid),
    /// It has ended, and not because it was stopped.
    Ended(Run),
    /// There is no such run.
    Missing,
}

/// Starts a run unless another one is running; `Err(id)` is that one. Nothing of it is done yet:
/// that is for [`crate::at_once`] or, after [`send_next`], for a worker.
///
/// A message is sent ahead, with a delay: from the first moment of a run there is something that
/// will go on with it. One for a run that was refused finds none and is dropped.
pub async fn start(
    parts: &Parts,
    wish: Wish,
    now: Timestamp,
) -> Result<Result<Run, Ulid>, SyncError> {
    let directory = &parts.projector.directory;
    if let Some(running) = directory.running().await? {
        return Ok(Err(running));
    }
    let Wish { id, by, options, users_total, from } = wish;
    let first = if options.walks_users() { Position::default() } else { Position::plans() };
    let position = from.unwrap_or(first);
    let run = Run {
        id,
        by,
        options,
        users_total,
        state: RunState::Running,
        step: 1,
        step_at: now,
        claimed_step: 0,
        claimed_at: None,
        last_failure: None,
        cancelling: false,
        progress: Progress { position, ..Progress::default() },
        started_at: now,
        updated_at: now,
        finished_at: None,
    };
    let ahead = Message { run: id, step: run.step };
    parts.projector.queue.send(ahead.body(), WATCH_AFTER).await?;
    match directory.start_run(&run).await? {
        Started::Yes => Ok(Ok(run)),
        Started::Running(other) if other == id => Ok(Ok(run)),
        Started::Running(other) => Ok(Err(other)),
    }
}

/// Queues the run's next step, to be received after `delay`.
pub async fn send_next(parts: &Parts, run: &Run, delay: Duration) -> Result<(), SyncError> {
    let next = Message { run: run.id, step: run.step };
    Ok(parts.projector.queue.send(next.body(), delay).await?)
}

/// Goes on with a run that was stopped, or is running and stalled: its next step is queued, whoever
/// has it.
pub async fn resume(parts: &Parts, id: Ulid, now: Timestamp) -> Result<Resumed, SyncError> {
    let directory = &parts.projector.directory;
    let Some(run) = directory.run(id).await? else { return Ok(Resumed::Missing) };
    let run = match run.state {
        RunState::Running => {
            // A worker that is at it after all commits, or finds that it came second.
            directory.release_step(id, run.step, "resumed", now).await?.unwrap_or(run)
        }
        RunState::Stopped => {
            let next = Message { run: id, step: run.step };
            parts.projector.queue.send(next.body(), WATCH_AFTER).await?;
            match directory.reopen_run(&run, now).await? {
                Some(Started::Yes) => Run { state: RunState::Running, finished_at: None, ..run },
                Some(Started::Running(other)) => return Ok(Resumed::Running(other)),
                None => return Ok(Resumed::Ended(run)),
            }
        }
        RunState::Done | RunState::Cancelled => return Ok(Resumed::Ended(run)),
    };
    send_next(parts, &run, Duration::ZERO).await?;
    Ok(Resumed::Yes(run))
}

/// Ends a run: at once, or after the step that a worker has. Returns it as it is then; `None` if
/// there is no such run.
pub async fn cancel(parts: &Parts, id: Ulid, now: Timestamp) -> Result<Option<Run>, SyncError> {
    let directory = &parts.projector.directory;
    let Some(run) = directory.ask_to_cancel(id, now).await? else {
        return Ok(directory.run(id).await?);
    };
    if !run.is_claimed(now) {
        let end = (&run.progress, RunState::Cancelled);
        if directory.finish_run(id, run.step, end, now).await? {
            report::tell(parts, id, now).await?;
        }
        return Ok(directory.run(id).await?);
    }
    Ok(Some(run))
}

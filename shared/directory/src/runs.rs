//! Runs of the bulk sync: one row each, and the lock that lets one run at a time.
//!
//! A run's row is its whole state. A step reads it, does its work, and moves the row on by one
//! conditional write (`step` is still the one it worked on); whoever comes second changes nothing.
//! The lock is taken in the transaction that creates the row and given back in the one that ends
//! the run, so neither is ever there without the other.

mod end;
mod opened;
mod start;
mod step;
mod words;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{DirectoryError, item::as_text, key};

pub use self::words::{
    Counters, Page, Phase, PlannedChange, Position, Progress, RunOptions, RunState, RunTrouble,
};

/// Entries of each list in a run's row, so that the row stays small whatever goes wrong.
pub const LISTED_MAX: usize = 100;

/// How long a claim stands for a worker that is at the step: longer than any function may run, so
/// that after it nobody is.
pub const CLAIM_STANDS: SignedDuration = SignedDuration::from_mins(2);

/// A run that gave no sign for so long is stalled: its message is among the dead letters, or
/// comes back only after further failures.
pub const STALLED_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// A run as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name; the time in it is when it was asked for.
    #[serde(with = "as_text")]
    pub id: Ulid,
    /// Who asked for it, such as `admin:user_1`.
    pub by: String,
    /// What was asked.
    pub options: RunOptions,
    /// Users at the provider when it was asked for.
    pub users_total: u64,
    /// Whether it goes on.
    pub state: RunState,
    /// The step that comes next, from 1.
    pub step: u32,
    /// When that step became the next one: the same for every try of it.
    pub step_at: Timestamp,
    /// The newest step that a worker has taken; below `step` if nobody is at it.
    pub claimed_step: u32,
    /// When that was. Stored in milliseconds: conditions compare it, and times as text do not sort.
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub claimed_at: Option<Timestamp>,
    /// Why the last try of the step failed, in a stable code, if it did.
    #[serde(default)]
    pub last_failure: Option<String>,
    /// Whether it is to end after the step that is being worked on.
    pub cancelling: bool,
    /// Where it is and what it has done.
    pub progress: Progress,
    /// When it was started.
    pub started_at: Timestamp,
    /// When its row last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

impl Run {
    /// Whether somebody may be working on the step that comes next.
    pub fn is_claimed(&self, now: Timestamp) -> bool {
        self.claimed_step >= self.step
            && self.claimed_at.is_some_and(|at| now.duration_since(at) < CLAIM_STANDS)
    }

    /// Whether it should go on and has not for long.
    pub fn is_stalled(&self, now: Timestamp) -> bool {
        let last = self.claimed_at.map_or(self.updated_at, |at| at.max(self.updated_at));
        self.state == RunState::Running && now.duration_since(last) >= STALLED_AFTER
    }
}

/// What became of a wish to start a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs, and holds the lock.
    Yes,
    /// Another one does.
    Running(Ulid),
}

/// Some runs, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<Run>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Ulid>,
}

/// The attribute that a step moves on.
fn progress_value(progress: &Progress) -> Result<AttributeValue, DirectoryError> {
    serde_dynamo::to_attribute_value(progress)
        .map_err(|error| DirectoryError::corrupt(key::SYNC_RUNS, error))
}

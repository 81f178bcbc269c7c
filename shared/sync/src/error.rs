//! Why a step was not done.

use std::time::Duration;

use clerk::ClerkError;
use directory::DirectoryError;
use ledger_dynamodb::StoreError;
use projection::{ProjectionError, QueueError};
use ulid::Ulid;

/// Why a step of a run was not done, or a run not started. The same again is safe.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Clerk gave no page.
    #[error("clerk gave no page")]
    Clerk(#[from] ClerkError),
    /// The books could not be read or written.
    #[error("the books could not be read or written")]
    Store(#[from] StoreError),
    /// Users, plans or the run's own row could not be read or written.
    #[error("the directory could not be read or written")]
    Directory(#[from] DirectoryError),
    /// Balances could not be queued to be shown.
    #[error("balances could not be queued to be shown")]
    Projection(#[from] ProjectionError),
    /// The next step could not be queued.
    #[error("the next step could not be queued")]
    Queue(#[from] QueueError),
    /// Never to succeed: nobody sends a step before the one before it is committed.
    #[error("run `{run}` is at step {at} and was asked for step {asked}")]
    Ahead {
        /// The run.
        run: Ulid,
        /// Its next step.
        at: u32,
        /// The step of the message.
        asked: u32,
    },
}

impl SyncError {
    /// A stable code, kept with the run and shown to admins.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Clerk(ClerkError::RateLimited { .. }) => "clerk_rate_limited",
            Self::Clerk(ClerkError::Unavailable(_)) => "clerk_unavailable",
            Self::Clerk(ClerkError::Unreadable { .. }) => "clerk_unreadable",
            Self::Clerk(_) => "clerk_refused",
            Self::Store(StoreError::Corrupt { .. })
            | Self::Directory(DirectoryError::Corrupt { .. }) => "row_unreadable",
            Self::Store(_) | Self::Directory(_) => "ledger_unavailable",
            Self::Projection(_) | Self::Queue(_) => "queue_unavailable",
            Self::Ahead { .. } => "step_ahead",
        }
    }

    /// How long to wait where Clerk asks to: no fault of the step, which costs it no try.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Clerk(ClerkError::RateLimited { retry_after }) => {
                Some(retry_after.unwrap_or(RATE_WINDOW))
            }
            _ => None,
        }
    }
}

/// The window of Clerk's rate limits, waited for where its answer does not say how long.
const RATE_WINDOW: Duration = Duration::from_secs(10);

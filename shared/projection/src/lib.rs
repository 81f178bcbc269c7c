//! Balances as Clerk shows them: four numbers in the public metadata of a user or organization,
//! kept up with the ledger and never read back from it.
//!
//! Whoever moves a balance takes the account's *turn* with it and shows the new numbers at once
//! ([`Projector::now`]). What that does not manage is queued, and finished by a worker
//! ([`Projector::finish`]) without anyone acting:
//!
//! - A turn lasts longer than a call to Clerk may take, so an account has at most one call in
//!   flight and four in ten seconds, and each call shows the newest numbers: changes that come
//!   faster are shown together.
//! - Workers share the rate that Clerk allows through slots in the table ([`slots`]).
//! - What has to wait (for a turn, a slot, or as long as Clerk asks after a 429) is sent to the
//!   queue anew with a delay, and costs no try. Where Clerk fails, the message fails: it comes back
//!   later, and after the queue's last receive it waits among the dead letters.
//! - An account that Clerk does not know, or will not take numbers for, is done: one line in the
//!   log says so.
//!
//! Two log events are stable. `credits_projected`: `updated user … credits to …`.
//! `credits_projection_failed`: `failed to sync Clerk credits metadata …`.

#![warn(missing_docs)]

mod error;
mod finish;
mod log;
mod message;
mod now;
mod queue;
mod round;
mod shown;
pub mod slots;

use std::time::Duration;

use clerk::Clerk;
use directory::Directory;
use ledger_dynamodb::LedgerStore;
use startup::Clock;

pub use crate::error::{ProjectionError, QueueError};
pub use crate::message::{ACCOUNTS_MAX, Malformed, Project};
pub use crate::queue::{DELAY_MAX, RetryQueue};

/// How long a call to Clerk may take. Callers wait for it, and it has to be over before the
/// account's turn is.
pub const CALL_LIMIT: Duration = Duration::from_secs(2);

/// How long a turn lasts, as the ledger's store gives them.
const TURN: Duration = Duration::from_secs(3);

/// Counts what was shown.
const METRIC: &str = "CreditsProjected";

/// What shows balances in Clerk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Projector {
    /// Where they are shown.
    pub clerk: Clerk,
    /// Where they are, and whose turn it is.
    pub store: LedgerStore,
    /// Where the slots of Clerk's rate are.
    pub directory: Directory,
    /// Where what cannot be shown now waits.
    pub queue: RetryQueue,
    /// How many requests Clerk takes in ten seconds.
    pub rate: u32,
    /// Says how much of a turn is left.
    pub clock: Clock,
}

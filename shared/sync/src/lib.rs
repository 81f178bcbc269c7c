//! Runs of the bulk sync: users and their plans are taken over from Clerk, page by page.
//!
//! A run is a row (`directory::runs`) and a message in the retry queue. One message does one step,
//! which is one page of one of two lists: first the users, then the subscription items. A step may
//! be tried any number of times, by several workers at once, and cut off anywhere:
//!
//! - Everything it does to the books has a name made from the run and what it is done to, or a
//!   grant key, and so is done once.
//! - What it counts is read from what it left behind (the run that created a user's row, the mark
//!   put with an account's opening, the entry of that name), never from what this try did.
//! - It is committed by one conditional write of the row. Only then is the next message sent, and
//!   only then is its own removed. Whoever comes second commits nothing.
//!
//! So the counters are exact, nobody is missed, and nothing is done twice. A message that finds the
//! run ahead of it sends the run's next step if nobody has it: no crash leaves a run without a
//! message. Where credits are switched off meanwhile, the run stops before its next step.

#![warn(missing_docs)]

mod accounts;
mod connect;
mod deliver;
mod error;
mod message;
mod name;
mod plans;
mod report;
mod start;
mod step;
mod tally;
mod users;
mod walk;

use jiff::SignedDuration;
use ledger::{Credits, mode::Mode};
use projection::Projector;
use startup::Clock;

pub use crate::{
    connect::Provider,
    deliver::{at_once, deliver},
    error::SyncError,
    message::{Malformed, Message},
    start::{Resumed, Wish, cancel, resume, send_next, start},
};

/// What a run works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Clerk, the books, the directory and the retry queue, and what shows balances in Clerk.
    pub projector: Projector,
    /// Says the time.
    pub clock: Clock,
}

/// What an operator has set, as far as a run heeds it. Each step heeds what is set when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether credits count. Off stops a run.
    pub mode: Mode,
    /// What an account opens with, zero or above.
    pub signup: Credits,
    /// How long after its end a period's credits wait for the renewal.
    pub renewal_grace: SignedDuration,
}

//! Every interleaving of a few concurrent requests on one small account.
//!
//! A request is a small program whose every step is one read or one transaction, as the store
//! runs it. The search starts them all at once and takes, from every state reached, every next
//! step any of them can make. Every state must keep the books whole, so that a request may also
//! stop for ever after any step; and when nobody has a step left, what each request was answered
//! must be what the table says.

mod programs;
mod search;

use jiff::SignedDuration;
use ledger::{
    bucket::Source,
    command::{Action, Adjustment, Command, Grant},
    hold::{Ending, Hold},
};

use crate::{
    bank::{Bank, credits},
    interleavings::{
        programs::Program,
        search::{ends_of, every_interleaving},
    },
};

const SETTLED_5: Ending = Ending::Settled { charged: Credits5::FIVE };

struct Credits5;

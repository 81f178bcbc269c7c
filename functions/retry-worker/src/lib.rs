//! Finishes what others could not, from two queues.
//!
//! | a message | asks for |
//! |---|---|
//! | without `kind` | the settle of a call whose outcome the table did not take |
//! | of kind `project` | balances to be shown in Clerk |
//! | of kind `sync` | one step of a run of the bulk sync |
//!
//! A message is delivered at least once, and each of the three can be done any number of times to
//! the effect of once. One that cannot be finished fails and comes back, those of the retry queue
//! sooner than the queue itself would have it; after the queue's last receive it waits among the
//! dead letters for a person. None is ever dropped, and neither is one of a kind that is not known.

mod kind;
mod later;
mod message;
mod settle;

use ledger::{Credits, HoldId};
use ledger_dynamodb::{LedgerStore, StoreError, TableNames};
use projection::{Project, ProjectionError};
use startup::{BackOff, BoxError, Clock, SqsMessage, Startup, StartupError, metric};
use std::sync::Arc;
use sync::{Message, SyncError};

use crate::kind::Kind;
pub use crate::later::Later;
pub use crate::message::Malformed;

/// The tables, the clock, and what only some messages need.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The books.
    pub store: LedgerStore,
    /// Says the time of each message's handling.
    pub clock: Clock,
    /// Settings and Clerk, for what is no settle.
    pub later: Later,
}

/// Why a message was not finished. It stays in its queue.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Never to succeed: nobody of ours writes such a message.
    #[error("the message is no settle of version 1")]
    Malformed(#[from] Malformed),
    /// Not to succeed before a version that knows it is deployed.
    #[error("the message is of a kind that is not known")]
    UnknownKind,
    /// Decided later than now: done now, it would run expiries that are not due.
    #[error("hold `{hold}` was settled at {at}, which is in the future")]
    InTheFuture {
        /// The hold to end.
        hold: HoldId,
        /// When, by the message.
        at: jiff::Timestamp,
    },
    /// Never to succeed: a delivered call without a hold was never paid for.
    #[error("there is no hold `{hold}` to settle")]
    NoHold {
        /// The hold to end.
        hold: HoldId,
    },
    /// Never to succeed: the message is about another hold than the one of that name.
    #[error("hold `{hold}` is of {held} credits and its message tells of {told}")]
    OtherAmount {
        /// The hold to end.
        hold: HoldId,
        /// What the hold took.
        held: Credits,
        /// What the message says that it took.
        told: Credits,
    },
    /// The table, or one of the ledger's rules, did not take the outcome.
    #[error("hold `{hold}` was not ended")]
    NotEnded {
        /// The hold to end.
        hold: HoldId,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Settings or the secret cannot be read.
    #[error("what is needed to finish the message cannot be read")]
    NotReady(#[source] BoxError),
    /// Never to succeed: nobody of ours writes such a message.
    #[error("the message asks for no projection")]
    MalformedProject(#[source] projection::Malformed),
    /// Balances are not shown.
    #[error("balances were not shown in clerk")]
    NotShown(#[from] ProjectionError),
    /// Never to succeed: nobody of ours writes such a message.
    #[error("the message asks for no step of a run")]
    MalformedStep(#[source] sync::Malformed),
    /// A step of a run is not done.
    #[error("a step of a run was not done")]
    NotSynced(#[from] SyncError),
}

impl Deps {
    /// The function as the environment describes it. Fails if a variable is missing.
    ///
    /// Settings and the secret are read as well, but where they cannot be, the start goes on: a
    /// settle needs neither, and must not wait for them.
    pub async fn start(startup: Arc<Startup>) -> Result<Self, StartupError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let store = LedgerStore::new(startup.dynamodb(), names);
        let clock = startup.clock.clone();
        let later = Later::new(startup);
        tokio::join!(store.warm_up(), later.warm_up());
        Ok(Self { store, clock, later })
    }

    /// When messages that failed come back: those of the retry queue as [`BackOff::of`] says.
    pub fn back_off(startup: &Startup) -> Result<BackOff, StartupError> {
        Ok(BackOff::of(startup.sqs(), startup.required("RETRY_QUEUE_URL")?))
    }
}

/// Finishes one message. `Ok` means that nothing is left to be done for it.
pub async fn handle(message: SqsMessage, deps: &Deps) -> Result<(), WorkError> {
    let now = deps.clock.now();
    match Kind::of(&message.body) {
        Kind::Settle => {
            let finished = settle::finish(&message, &deps.store, now).await;
            match &finished {
                Ok(how) => metric::count(now, "SettlesFinished", &[("How", how)], 1),
                Err(_) => metric::count(now, "SettleRetriesFailed", &[], 1),
            }
            finished.map(drop)
        }
        Kind::Project => counted(deps, "project", show(&message, deps).await),
        Kind::Sync => counted(deps, "sync", step(&message, deps).await),
        Kind::Unknown => counted(deps, "unknown", Err(WorkError::UnknownKind)),
    }
}

/// Shows balances in Clerk.
async fn show(message: &SqsMessage, deps: &Deps) -> Result<(), WorkError> {
    let project = Project::parse(&message.body).map_err(WorkError::MalformedProject)?;
    let (_, parts) = deps.later.get().await.map_err(WorkError::NotReady)?;
    Ok(parts.projector.finish(&project, deps.clock.now()).await?)
}

/// Does a step of a run.
async fn step(message: &SqsMessage, deps: &Deps) -> Result<(), WorkError> {
    let asked = Message::parse(&message.body).map_err(WorkError::MalformedStep)?;
    let (terms, parts) = deps.later.get().await.map_err(WorkError::NotReady)?;
    Ok(sync::deliver(&parts, &terms, asked, message.receive_count).await?)
}

fn counted(deps: &Deps, kind: &str, done: Result<(), WorkError>) -> Result<(), WorkError> {
    let name = if done.is_ok() { "RetriesFinished" } else { "RetriesFailed" };
    metric::count(deps.clock.now(), name, &[("Kind", kind)], 1);
    done
}

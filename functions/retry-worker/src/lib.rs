//! Finishes what others could not: the settles of calls whose outcome the table did not take.
//!
//! A message says how a hold is to end. It is delivered at least once, so it is
//! finished at most once by the ledger's own rule: one outcome per hold, one late charge per hold
//! that expired. A message that cannot be finished fails and comes back after the queue's
//! visibility time-out; after the queue's last receive it waits among the dead letters for a
//! person. None is ever dropped.

mod message;

use jiff::{SignedDuration, Timestamp};
use ledger::{Credits, HoldId, Rejection, hold::Ending};
use ledger_dynamodb::{End, LedgerStore, StoreError, TableNames};
use startup::{Clock, SqsMessage, Startup, StartupError, metric};

pub use crate::message::Malformed;
use crate::message::Settle;

/// How far the clocks of two functions may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The tables and the clock.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The books.
    pub store: LedgerStore,
    /// Says the time of each message's handling.
    pub clock: Clock,
}

/// Why a message was not finished. It stays in its queue.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Never to succeed: nobody of ours writes such a message.
    #[error("the message is no settle of version 1")]
    Malformed(#[from] Malformed),
    /// Decided later than now: done now, it would run expiries that are not due.
    #[error("hold `{hold}` was settled at {at}, which is in the future")]
    InTheFuture {
        /// The hold to end.
        hold: HoldId,
        /// When, by the message.
        at: Timestamp,
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
}

impl Deps {
    /// The function as the environment describes it. Fails if a variable is missing.
    pub async fn start(startup: &Startup) -> Result<Self, StartupError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let store = LedgerStore::new(startup.dynamodb(), names);
        store.warm_up().await;
        Ok(Self { store, clock: startup.clock.clone() })
    }
}

/// Finishes one message. `Ok` means that nothing is left to be done for it.
pub async fn handle(message: SqsMessage, deps: &Deps) -> Result<(), WorkError> {
    let now = deps.clock.now();
    let finished = finish(&message, deps, now).await;
    match &finished {
        Ok(how) => metric::count(now, "SettlesFinished", &[("How", how)], 1),
        Err(_) => metric::count(now, "SettleRetriesFailed", &[], 1),
    }
    finished.map(drop)
}

/// Ends the hold and says how that went, in the word for logs and metrics.
async fn finish(
    message: &SqsMessage,
    Deps { store, .. }: &Deps,
    now: Timestamp,
) -> Result<&'static str, WorkError> {
    let settle = Settle::parse(&message.body)?;
    let Settle { hold: id, account, ending, at, .. } = &settle;
    if at.duration_since(now) > CLOCK_SKEW {
        return Err(WorkError::InTheFuture { hold: *id, at: *at });
    }
    let not_ended = |source| WorkError::NotEnded { hold: *id, source };
    let hold = match store.find_hold(account, *id).await.map_err(not_ended)? {
        Some(hold) => hold,
        None if *ending == Ending::Released => {
            // Queued where it was not known whether the hold was placed. It was not.
            tracing::info!(%account, hold = %id, "there is no hold, and nothing to give back");
            return Ok("released");
        }
        None => return Err(WorkError::NoHold { hold: *id }),
    };
    if hold.amount != settle.amount {
        let told = settle.amount;
        return Err(WorkError::OtherAmount { hold: *id, held: hold.amount, told });
    }
    let ended = match store.end(&hold, &end(&settle)).await {
        Ok(ended) => ended,
        Err(StoreError::Rejected(rejection @ Rejection::HoldEnded { .. })) => {
            tracing::info!(%account, hold = %id, %rejection, "the hold has ended another way");
            return Ok("already_ended");
        }
        Err(source) => return Err(not_ended(source)),
    };
    let how = if ended.late { "settled_late" } else { ending.as_str() };
    let (charged, receives) = (ended.charged.get(), message.receive_count);
    tracing::info!(%account, hold = %id, charged, how, receives, "a queued settle is finished");
    Ok(how)
}

/// What is asked of the ledger: exactly what the guard had asked, at the time it did.
///
/// Not at the time of this try. The table knows a request by its id and refuses another one under
/// the same id for ten minutes; so a try after one whose answer was lost must be the same to the
/// byte. And the time decides which credits had expired: what a call gives back goes where it
/// would have gone had the table taken the outcome at once, and is forfeited with it at the next
/// expiry if its time has passed since. The expiry that is due now is run by whatever is next.
fn end(settle: &Settle) -> End {
    let Settle { ending, at, actor, id, .. } = settle;
    End { ending: *ending, at: *at, actor: actor.clone(), id: *id }
}

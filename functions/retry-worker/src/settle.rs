//! Settles of calls whose outcome the table did not take.
//!
//! A message says how a hold is to end. It is delivered at least once, and finished at most once by
//! the ledger's own rule: one outcome per hold, one late charge per hold that expired.

use jiff::{SignedDuration, Timestamp};
use ledger::{Rejection, hold::Ending};
use ledger_dynamodb::{End, LedgerStore, StoreError};
use startup::SqsMessage;

use crate::{WorkError, message::Settle};

/// How far the clocks of two functions may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Ends the hold and says how that went, in the word for logs and metrics.
pub(crate) async fn finish(
    message: &SqsMessage,
    store: &LedgerStore,
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

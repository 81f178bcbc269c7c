//! Showing queued balances, by a worker.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use ledger::AccountId;
use startup::metric;
use tokio::sync::Semaphore;

use crate::{
    METRIC, Project, ProjectionError, Projector,
    now::between,
    round::{Fate, Round},
};

/// Balances that this process shows at the same time: enough for the whole rate of an instance that
/// answers in a fifth of a second.
const AT_ONCE: usize = 20;

/// Their places, of all messages together: each balance under way has connections of its own to
/// the tables and to Clerk, and a worker that is given ten messages would keep hundreds open.
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Spreads over so long what waits for a slot, so that it does not come back all at once.
const SPREAD: Duration = Duration::from_secs(10);

impl Projector {
    /// Shows the accounts of a queued message as they are now. `now` is the present time.
    ///
    /// What is shown already is left alone, what must wait is sent anew, and what can never be
    /// shown is dropped. An error means that something is left that only this message asks for:
    /// it is to be delivered again, later.
    pub async fn finish(&self, message: &Project, now: Timestamp) -> Result<(), ProjectionError> {
        let round = Round::new(self, message.since, now);
        // Collected, because a stream of borrowing closures cannot be sent to another thread.
        let fates: Vec<_> = message
            .accounts
            .iter()
            .map(|account| {
                let round = &round;
                async move {
                    // Never closed; without its place, a balance would merely be shown sooner.
                    let _place = PLACES.acquire().await;
                    // Boxed, because what it needs while it runs is large, and most of them wait.
                    (account, Box::pin(round.one(account)).await)
                }
            })
            .collect();
        let fates: Vec<(&AccountId, Result<Fate, ProjectionError>)> =
            stream::iter(fates).buffer_unordered(AT_ONCE).collect().await;
        let mut waiting: Vec<(Duration, AccountId)> = Vec::new();
        let (mut shown, mut error) = (0, None);
        for (account, fate) in fates {
            match fate {
                Ok(Fate::Shown) => shown += 1,
                Ok(Fate::Done) => {}
                Ok(Fate::NotBefore(at)) => {
                    waiting.push((between(round.now(), at), account.clone()));
                }
                Ok(Fate::NoSlot) => waiting.push((spread(), account.clone())),
                Err(failed) => error = error.or(Some(failed)),
            }
        }
        if shown > 0 {
            metric::count(now, METRIC, &[("When", "later")], shown);
        }
        // Everything that waits is in this message too: it need not be sent twice.
        match error {
            Some(error) => Err(error),
            None => self.send_anew(waiting, message.since).await,
        }
    }

    /// Sends what has to wait, together, after the longest of its waits.
    async fn send_anew(
        &self,
        waiting: Vec<(Duration, AccountId)>,
        since: Option<Timestamp>,
    ) -> Result<(), ProjectionError> {
        let Some(delay) = waiting.iter().map(|(delay, _)| *delay).max() else {
            return Ok(());
        };
        let accounts: Vec<AccountId> = waiting.into_iter().map(|(_, account)| account).collect();
        tracing::info!(
            accounts = accounts.len(),
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            "credits wait to be shown in Clerk"
        );
        Ok(self.queue.send_many(&Project { accounts, since }.bodies(), delay).await?)
    }
}

fn spread() -> Duration {
    Duration::from_millis(fastrand::u64(..u64::try_from(SPREAD.as_millis()).unwrap_or(1).max(1)))
}

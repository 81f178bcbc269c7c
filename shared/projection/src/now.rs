//! Showing a balance at once, by whoever moved it.

use std::time::Duration;

use clerk::{ClerkError, CreditsMetadata};
use jiff::Timestamp;
use ledger::{AccountId, account::Account};
use ledger_dynamodb::Turn;
use startup::metric;

use crate::{CALL_LIMIT, METRIC, Project, ProjectionError, Projector, TURN, log, shown};

/// How much earlier than its turn a call has to be over: what the clocks of two functions may
/// differ, and the way back of an answer.
const TURN_MARGIN: Duration = Duration::from_millis(100);

/// The least a call is given. With less of its turn left, the account waits for its next one.
const CALL_LIMIT_MIN: Duration = Duration::from_millis(300);

/// When what failed is tried for the first time again.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Why it was not shown now.
enum Obstacle {
    /// Another's turn, which ends in so long.
    Wait(Duration),
    Failed(ClerkError),
    Unknown(ProjectionError),
}

impl Projector {
    /// Shows the account as it is after a change, at once and in at most two seconds, and says
    /// whether it is shown. If not, it is queued, and that is noted at the account.
    ///
    /// `turn` is what the change's own transaction said, and `now` the time it was given. Works
    /// without any request to a table: what is to be shown and whose turn it is are known.
    pub async fn now(&self, account: &Account, turn: Turn, now: Timestamp) -> bool {
        let id = &account.id;
        let obstacle = match self.try_now(account, turn, now).await {
            Ok(credits) => {
                log::shown(id, &credits);
                metric::count(now, METRIC, &[("When", "at_once")], 1);
                return true;
            }
            Err(obstacle) => obstacle,
        };
        match obstacle {
            Obstacle::Wait(time) => {
                log::coalesced(id);
                self.queue_one(id, time, None, now).await;
            }
            Obstacle::Failed(error) => {
                let queued = !error.is_final();
                log::failed(id, &error, queued);
                if queued {
                    let given_up = matches!(error, ClerkError::Unavailable(_));
                    let since = given_up.then(|| self.clock.now());
                    self.queue_one(id, wait_after(&error), since, now).await;
                }
            }
            Obstacle::Unknown(error) => {
                log::failed(id, &error, true);
                self.queue_one(id, FIRST_RETRY, None, now).await;
            }
        }
        false
    }

    /// Queues the accounts to be shown by a worker, not before `delay` is over, and whatever is
    /// known to be shown: who asks has seen in Clerk that it is not.
    pub async fn queue(
        &self,
        accounts: &[AccountId],
        delay: Duration,
    ) -> Result<(), ProjectionError> {
        let message = Project { accounts: accounts.to_vec(), since: Some(self.clock.now()) };
        Ok(self.queue.send_many(&message.bodies(), delay).await?)
    }

    async fn try_now(
        &self,
        account: &Account,
        turn: Turn,
        now: Timestamp,
    ) -> Result<CreditsMetadata, Obstacle> {
        let id = &account.id;
        let turn = match turn {
            Turn::NotAsked => {
                let taken = self.store.take_turn(id, account.balance.revision, now).await;
                let store = |source| ProjectionError::Store { account: id.clone(), source };
                taken.map_err(|error| Obstacle::Unknown(store(error)))?
            }
            known => known,
        };
        if let Turn::NotBefore(at) = turn {
            return Err(Obstacle::Wait(between(self.clock.now(), at)));
        }
        // The change itself may have taken a part of the turn.
        let left = TURN.saturating_sub(between(now, self.clock.now()));
        let limit = CALL_LIMIT.min(left.saturating_sub(TURN_MARGIN));
        if limit < CALL_LIMIT_MIN {
            return Err(Obstacle::Wait(left));
        }
        let beyond = |_| Obstacle::Unknown(ProjectionError::Beyond { account: id.clone() });
        let credits = shown::numbers(account, now).map_err(beyond)?;
        self.clerk.patch_metadata(id, &credits, limit).await.map_err(Obstacle::Failed)?;
        Ok(credits)
    }

    /// Queues one account and notes it, so that admins see what is still to be shown.
    async fn queue_one(
        &self,
        account: &AccountId,
        delay: Duration,
        since: Option<Timestamp>,
        now: Timestamp,
    ) {
        let message = Project { accounts: vec![account.clone()], since };
        let bodies = message.bodies();
        let (sent, noted) = tokio::join!(
            self.queue.send_many(&bodies, delay),
            self.store.mark_projection_queued(account, now),
        );
        if let Err(error) = sent {
            log::lost(account, &error);
        }
        if let Err(error) = noted {
            // Only what admins are shown of it is missing.
            let error = startup::error_chain(&error);
            tracing::warn!(account = %account, error, "a queued projection was not noted");
        }
    }
}

/// How long Clerk wants to be left alone after this answer.
pub(crate) fn wait_after(error: &ClerkError) -> Duration {
    match error {
        ClerkError::RateLimited { retry_after } => retry_after.unwrap_or(WINDOW_OF_CLERK),
        _ => FIRST_RETRY,
    }
}

/// Over how long Clerk counts requests.
const WINDOW_OF_CLERK: Duration = Duration::from_secs(10);

/// From `earlier` to `later`; nothing where it is the other way round.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

//! One run at work: ending the holds of one minute, and keeping how far a shard is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::{AccountId, HoldId, entry::Actor, hold::Ending};
use ledger_dynamodb::{End, LedgerStore, StoreError};
use startup::{Clock, error_chain, new_ulid};

use crate::{minute::Minute, plan::Plan};

/// What every part of a run works with.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) store: &'a LedgerStore,
    pub(crate) clock: &'a Clock,
    /// The time the run is for.
    pub(crate) now: Timestamp,
    /// When it begins nothing new any more, by the clock.
    pub(crate) stop_at: Timestamp,
}

/// What became of one minute of one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked {
    pub(crate) shard: u8,
    pub(crate) minute: Minute,
    /// Whether time was enough to look at all of it.
    pub(crate) ended: bool,
    /// Holds that have not expired yet.
    pub(crate) not_due: u64,
    pub(crate) found: u64,
    pub(crate) expired: u64,
    pub(crate) failed: u64,
}

/// What became of one hold.
enum Due {
    /// It has not expired yet and stays as it is.
    No,
    /// It had, and has ended.
    Ended,
}

impl Looked {
    fn nothing(shard: u8, minute: Minute) -> Self {
        Self { shard, minute, ended: false, not_due: 0, found: 0, expired: 0, failed: 0 }
    }

    /// Whether no hold of the minute is open any more.
    pub(crate) fn is_clean(&self) -> bool {
        self.ended && self.failed == 0 && self.not_due == 0
    }
}

impl Run<'_> {
    /// Ends every hold of one minute that has expired and that nothing has ended. A failure is
    /// logged and counted.
    pub(crate) async fn look(self, shard: u8, minute: Minute) -> Looked {
        let mut looked = Looked::nothing(shard, minute);
        if self.time_is_up() {
            return looked;
        }
        let holds = match self.store.unended_holds(minute.start(), shard).await {
            Ok(holds) => holds,
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(error, shard, %minute, "the holds of a minute were not read");
                looked.failed = 1;
                return looked;
            }
        };
        for (account, hold) in holds {
            if self.time_is_up() {
                return looked;
            }
            match self.expire(&account, hold).await {
                Ok(Due::No) => looked.not_due += 1,
                Ok(Due::Ended) => {
                    looked.found += 1;
                    looked.expired += 1;
                }
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::error!(error, %account, %hold, "a hold was not ended");
                    looked.found += 1;
                    looked.failed += 1;
                }
            }
        }
        looked.ended = true;
        looked
    }

    /// Keeps how far the shard is. Returns how many minutes it is behind.
    pub(crate) async fn keep_progress(
        self,
        shard: u8,
        plan: &Plan,
        clean: BTreeSet<Minute>,
    ) -> Result<u64, StoreError> {
        let reached = plan.reached(&clean);
        if let Some(minute) = reached {
            let kept = self.store.complete_minute(shard, minute.start()).await;
            kept.inspect_err(|error| {
                let error = error_chain(error);
                tracing::error!(error, shard, "the progress of a shard was not kept");
            })?;
        }
        Ok(plan.minutes_behind(reached))
    }

    /// Gives back what the hold took, unless something else has ended it meanwhile. Its own terms,
    /// not the minute it was found in, say whether its time has come.
    async fn expire(self, account: &AccountId, id: HoldId) -> Result<Due, StoreError> {
        let Some(hold) = self.store.find_hold(account, id).await? else {
            // Read consistently and not there: it took nothing, so nothing is to be given back.
            tracing::warn!(%account, hold = %id, "the index names a hold that does not exist");
            return Ok(Due::Ended);
        };
        if hold.terms.expires_at > self.now {
            return Ok(Due::No);
        }
        let end = End {
            ending: Ending::Expired,
            at: self.now,
            actor: Actor::System("expire-holds".to_owned()),
            id: new_ulid(self.now),
        };
        self.store.end(&hold, &end).await.map(|_| Due::Ended)
    }

    fn time_is_up(self) -> bool {
        self.clock.now() >= self.stop_at
    }
}

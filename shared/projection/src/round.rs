//! One delivery of a message: its accounts, one by one, until Clerk wants no more.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use clerk::{ClerkError, CreditsMetadata};
use jiff::{SignedDuration, Timestamp};
use ledger::{AccountId, account::Account};
use ledger_dynamodb::{StoreError, Turn};
use tokio::time::Instant;

use crate::{CALL_LIMIT, ProjectionError, Projector, TURN, log, now, shown, slots::Slots};

/// How long a delivery waits for slots, a worker's time being what it costs. What has none by then
/// goes back into the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long taking a turn and reading may take. After longer, the call might outlast the turn.
const TURN_TAKEN_LIMIT: Duration = Duration::from_millis(900);

/// What became of an account.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is shown now.
    Shown,
    /// Nothing was left to be shown, or ever will be.
    Done,
    /// Another's turn, or Clerk's wish, until then.
    NotBefore(Timestamp),
    /// The rate is used up, for as long as a worker waits.
    NoSlot,
}

/// Why nothing more is sent in this delivery.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// Clerk takes nothing before then.
    Until(Timestamp),
    /// Clerk fails.
    Failing,
}

/// One delivery of a message.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    projector: &'a Projector,
    since: Option<Timestamp>,
    slots: Slots<'a>,
    stop: Mutex<Option<Stop>>,
}

impl<'a> Round<'a> {
    pub(crate) fn new(projector: &'a Projector, since: Option<Timestamp>, now: Timestamp) -> Self {
        let slots = Slots::new(&projector.directory, projector.rate, now, PATIENCE);
        Self { projector, since, slots, stop: Mutex::default() }
    }

    /// The time of this moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.slots.now()
    }

    /// Shows one account as it is now.
    pub(crate) async fn one(&self, id: &AccountId) -> Result<Fate, ProjectionError> {
        if let Some(fate) = self.stopped() {
            return Ok(fate);
        }
        let Some(revision) = self.unshown(id).await? else {
            return Ok(Fate::Done);
        };
        let Some(slot) = self.slots.take().await? else {
            return Ok(Fate::NoSlot);
        };
        if let Some(fate) = self.stopped() {
            return Ok(fate);
        }
        let began = Instant::now();
        let asked = self.now();
        let taken = self.projector.store.take_turn(id, revision, asked).await;
        match taken.map_err(store(id))? {
            Turn::Taken => {}
            Turn::NotBefore(at) => {
                self.slots.give_back(slot).await;
                return Ok(Fate::NotBefore(at));
            }
            // INVARIANT: a turn that is asked for is taken or not before some time.
            Turn::NotAsked => return Ok(Fate::NotBefore(after(asked, TURN))),
        }
        // Read once the turn is taken: what others showed before it is older than this, and what
        // they change after it waits for the next turn.
        let account = self.projector.store.account(id).await.map_err(store(id))?;
        if began.elapsed() > TURN_TAKEN_LIMIT {
            return Ok(Fate::NotBefore(after(asked, TURN)));
        }
        match account {
            Some(account) => self.show(&account).await,
            None => Ok(Fate::Done),
        }
    }

    /// The revision of the account, if it is not known to be shown.
    async fn unshown(&self, id: &AccountId) -> Result<Option<u64>, ProjectionError> {
        let books = &self.projector.store;
        let (account, projection) = tokio::join!(books.account(id), books.projection(id));
        let (account, projection) =
            (account.map_err(store(id))?, projection.map_err(store(id))?.unwrap_or_default());
        let Some(account) = account else {
            tracing::info!(account = %id, "there is no account to be shown in Clerk");
            return Ok(None);
        };
        let revision = account.balance.revision;
        let outdated = self.since.is_some_and(|since| projection.projected_at <= Some(since));
        if outdated || projection.projected.is_none_or(|shown| shown < revision) {
            return Ok(Some(revision));
        }
        if projection.queued_at.is_some() {
            self.mark(id, revision).await?;
        }
        Ok(None)
    }

    async fn show(&self, account: &Account) -> Result<Fate, ProjectionError> {
        let id = &account.id;
        let beyond = |_| ProjectionError::Beyond { account: id.clone() };
        let credits: CreditsMetadata = shown::numbers(account, self.now()).map_err(beyond)?;
        let fate = match self.projector.clerk.patch_metadata(id, &credits, CALL_LIMIT).await {
            Ok(()) => {
                log::shown(id, &credits);
                Fate::Shown
            }
            Err(error @ ClerkError::RateLimited { .. }) => {
                let until = after(self.now(), now::wait_after(&error));
                self.stop_for(Stop::Until(until));
                return Ok(Fate::NotBefore(until));
            }
            // Nothing is left to be done about this state of the account.
            Err(error) if error.is_final() => {
                log::given_up(id, &error);
                Fate::Done
            }
            Err(source) => {
                self.stop_for(Stop::Failing);
                return Err(ProjectionError::Clerk { account: id.clone(), source });
            }
        };
        self.mark(id, account.balance.revision).await?;
        Ok(fate)
    }

    async fn mark(&self, id: &AccountId, revision: u64) -> Result<(), ProjectionError> {
        let marked = self.projector.store.mark_projected(id, revision, self.now()).await;
        marked.map_err(store(id))
    }

    fn stop_for(&self, reason: Stop) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// The fate of whatever comes after the stop. After a failure the whole message fails, so it
    /// does not matter which.
    fn stopped(&self) -> Option<Fate> {
        match *self.stop.lock().unwrap_or_else(PoisonError::into_inner) {
            None => None,
            Some(Stop::Until(at)) => Some(Fate::NotBefore(at)),
            Some(Stop::Failing) => Some(Fate::NoSlot),
        }
    }
}

fn after(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

fn store(account: &AccountId) -> impl FnOnce(StoreError) -> ProjectionError + '_ {
    move |source| ProjectionError::Store { account: account.clone(), source }
}

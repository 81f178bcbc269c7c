//! The end of a hold, exactly once: written to the ledger, or handed to the queue where the
//! ledger does not take it now, or left to the hold's expiry where nothing does. The caller has
//! the answer in any case.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_sdk_sqs::Client;
use jiff::Timestamp;
use ledger::{
    Credits, Rejection,
    entry::Actor,
    hold::{Ending, Hold},
};
use ledger_dynamodb::{End, Ended, LedgerStore, StoreError};
use serde_json::json;
use startup::{BoxError, Clock, error_chain, metric, new_ulid};
use tokio::time::{Instant, timeout, timeout_at};

/// How long the queue may take: the client's three attempts of a second each.
const QUEUE_LIMIT: Duration = Duration::from_secs(3);

/// What the queue is left of the time before the deadline: one attempt, which takes a few
/// milliseconds where the queue can be reached, and a second one after a quick failure.
const QUEUE_LIMIT_MIN: Duration = Duration::from_millis(900);

/// How long the ledger may take, also where the deadline has come nearer than it should have: as
/// long as it goes on trying by itself, because a settle that is given up early is queued for
/// nothing.
const LEDGER_LIMIT_MIN: Duration = Duration::from_secs(2);

/// What is left before the deadline for the last bytes to be sent.
const LAST_BYTES: Duration = Duration::from_millis(500);

/// What has to be left of the time when the provider is no longer waited for: the ledger, the
/// queue, and the last bytes.
pub(crate) const RESERVE: Duration =
    LEDGER_LIMIT_MIN.saturating_add(QUEUE_LIMIT_MIN).saturating_add(LAST_BYTES);

/// How long the queue keeps back the release of a hold that may have been placed: an attempt that
/// was given up may still arrive, and a release before it would find nothing to give back. One
/// that is on its way for longer than this is left to its expiry.
const GIVE_BACK_DELAY: Duration = Duration::from_secs(10);

/// How a hold was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// What the call costs, in credits.
    pub(crate) charged: Credits,
    /// The word for logs: `settled`, `settled_late`, `released`, `queued`, `left_to_expiry`,
    /// `ended_otherwise`.
    pub(crate) how: &'static str,
}

/// What became of the wish to end a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It has ended as was asked, by this wish or before it.
    Ended(Ended),
    /// It has ended another way, or cannot end so, and never will.
    Refused(Rejection),
    /// The ledger does not take it now; it is in the queue, and will end so.
    Queued,
    /// Nothing takes it now.
    LeftToExpiry,
}

/// Ends `hold` by `ending`, giving up on the ledger in time for the queue before `deadline`.
pub(crate) async fn end(
    store: &LedgerStore,
    queue: &SettleQueue,
    clock: &Clock,
    hold: &Hold,
    ending: Ending,
    deadline: Option<Instant>,
) -> Settled {
    let end = new_end(clock, ending);
    match attempt(store, queue, hold, &end, deadline).await {
        Attempt::Ended(ended) => {
            let how = if ended.late { "settled_late" } else { ending.as_str() };
            Settled { charged: ended.charged, how }
        }
        Attempt::Refused(rejection) => {
            tracing::error!(hold = %hold.id, code = rejection.code(), "the hold ended otherwise");
            metric::count(end.at, "SettlesRefused", &[], 1);
            Settled { charged: Credits::ZERO, how: "ended_otherwise" }
        }
        Attempt::Queued => Settled { charged: ending.charged(), how: "queued" },
        Attempt::LeftToExpiry => Settled { charged: ending.charged(), how: "left_to_expiry" },
    }
}

/// Asks the ledger to end `hold` so, and the queue where the ledger does not answer.
pub(crate) async fn attempt(
    store: &LedgerStore,
    queue: &SettleQueue,
    hold: &Hold,
    end: &End,
    deadline: Option<Instant>,
) -> Attempt {
    let error = match end_in_time(store, hold, end, deadline).await {
        Ok(ended) => return Attempt::Ended(ended),
        Err(StoreError::Rejected(rejection)) if is_final(&rejection) => {
            return Attempt::Refused(rejection);
        }
        Err(error) => error,
    };
    let error = error_chain(&error);
    tracing::error!(hold = %hold.id, error, "the outcome could not be written");
    if queue.take(hold, end, Duration::ZERO, deadline).await {
        Attempt::Queued
    } else {
        Attempt::LeftToExpiry
    }
}

/// Queues the release of a hold of which it is not known whether it was placed, so that its
/// credits are not out of reach until it expires. Nothing is lost where it was not placed: the
/// ledger releases no hold that it does not have.
pub(crate) async fn give_back(
    queue: &SettleQueue,
    clock: &Clock,
    hold: &Hold,
    deadline: Option<Instant>,
) {
    // A free call keeps nothing from anybody.
    if hold.amount.is_positive() {
        let end = new_end(clock, Ending::Released);
        queue.take(hold, &end, GIVE_BACK_DELAY, deadline).await;
    }
}

fn new_end(clock: &Clock, ending: Ending) -> End {
    let at = clock.now();
    End { ending, at, actor: Actor::System("ai-guard".to_owned()), id: new_ulid(at) }
}

async fn end_in_time(
    store: &LedgerStore,
    hold: &Hold,
    end: &End,
    deadline: Option<Instant>,
) -> Result<Ended, StoreError> {
    let Some(deadline) = deadline else {
        return store.end(hold, end).await;
    };
    let least = Instant::now() + LEDGER_LIMIT_MIN;
    let by = deadline.checked_sub(QUEUE_LIMIT_MIN + LAST_BYTES).map_or(least, |by| by.max(least));
    let late = |_| Err(StoreError::Unavailable("no answer before the deadline".into()));
    timeout_at(by, store.end(hold, end)).await.unwrap_or_else(late)
}

/// Whether the same outcome will be refused for ever. Any other refusal, that the account is busy
/// for example, is about this moment.
fn is_final(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::HoldEnded { .. } | Rejection::NoHold | Rejection::ChargeOutsideHold { .. }
    )
}

/// The queue of outcomes that are still to be written.
#[derive(Clone)]
pub struct SettleQueue {
    /// Made when it is first needed: most processes never queue anything, and every start would
    /// pay for it.
    client: Arc<LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>>,
    url: String,
}

impl fmt::Debug for SettleQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SettleQueue").field("url", &self.url).finish_non_exhaustive()
    }
}

impl SettleQueue {
    /// The queue at `url`, reached through `client`.
    pub fn new(client: Client, url: String) -> Self {
        Self::later(move || client, url)
    }

    /// The same with a client that is made when it is first needed.
    pub fn later(client: impl FnOnce() -> Client + Send + 'static, url: String) -> Self {
        Self { client: Arc::new(LazyLock::new(Box::new(client))), url }
    }

    /// Queues the outcome, or leaves the hold to its expiry. Returns whether it is queued.
    async fn take(
        &self,
        hold: &Hold,
        end: &End,
        delay: Duration,
        deadline: Option<Instant>,
    ) -> bool {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now() + LAST_BYTES));
        let limit = left.map_or(QUEUE_LIMIT, |left| left.clamp(QUEUE_LIMIT_MIN, QUEUE_LIMIT));
        let Err(error) = self.send(hold, end, delay, limit).await else {
            metric::count(end.at, "SettlesQueued", &[], 1);
            return true;
        };
        let error = error_chain(error.as_ref());
        tracing::error!(hold = %hold.id, error, "the outcome could not be queued either");
        metric::count(end.at, "SettlesLost", &[], 1);
        false
    }

    /// The client's own attempts are the retries; together with the time limit they are bounded.
    async fn send(
        &self,
        hold: &Hold,
        end: &End,
        delay: Duration,
        limit: Duration,
    ) -> Result<(), BoxError> {
        let request = self.client.send_message().queue_url(&self.url);
        let request = request.delay_seconds(i32::try_from(delay.as_secs())?);
        let sending = request.message_body(message(hold, end)).send();
        timeout(limit, sending).await??;
        Ok(())
    }
}

/// A message of the settle queue, version 1: everything the ledger's `end` needs.
///
/// `ending` is `settled` or `released`, amounts are credits, `at` is when the outcome was
/// decided. `id` is the name the outcome's late charge would have, kept so that a second try is
/// the same request.
fn message(hold: &Hold, end: &End) -> String {
    let at: Timestamp = end.at;
    let message = json!({
        "version": 1,
        "account": hold.account.as_str(),
        "hold": hold.id.to_string(),
        "amount": hold.amount,
        "ending": end.ending.as_str(),
        "charged": end.ending.charged(),
        "at": at.to_string(),
        "actor": end.actor.to_string(),
        "id": end.id.to_string(),
    });
    message.to_string()
}

#[cfg(test)]
mod tests {
    use ledger::{AccountId, HoldId, feature::Feature, hold::HoldTerms};
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_a_hold_that_has_ended_or_cannot_end_so_is_not_tried_again() {
        let never = [
            Rejection::NoHold,
            Rejection::HoldEnded { ended: "released", wanted: "settled" },
            Rejection::ChargeOutsideHold { charged: 2.into(), held: 1.into() },
        ];
        assert!(never.iter().all(is_final));
        let for_now =
            [Rejection::Busy, Rejection::RateLimited, Rejection::TooManyBuckets { limit: 50 }];
        assert!(!for_now.iter().any(is_final));
    }

    #[test]
    fn the_reserve_holds_everything_that_follows_the_provider() {
        assert_eq!(RESERVE, Duration::from_millis(3_400));
    }

    #[test]
    fn a_message_names_the_hold_and_says_how_it_is_to_end() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let id = new_ulid(at);
        let hold = Hold {
            id: HoldId(id),
            account: AccountId::parse("user_1").unwrap(),
            amount: Credits::from(10),
            at,
            actor: Actor::User("user_1".to_owned()),
            terms: HoldTerms {
                feature: Feature::AI_IMAGE_GENERATION,
                model: "m".to_owned(),
                quantity: 2,
                price_version: 1,
                tariff: ledger::price::Tariff::Fixed(ledger::price::Price::new(5).unwrap()),
                expires_at: at,
            },
        };
        let ending = Ending::Settled { charged: Credits::from(5) };
        let end = End { ending, at, actor: Actor::System("ai-guard".to_owned()), id };
        let message: Value = serde_json::from_str(&message(&hold, &end)).unwrap();
        let expected = json!({
            "version": 1,
            "account": "user_1",
            "hold": id.to_string(),
            "amount": 10,
            "ending": "settled",
            "charged": 5,
            "at": "2023-11-14T22:13:20Z",
            "actor": "system:ai-guard",
            "id": id.to_string(),
        });
        assert_eq!(message, expected);
    }
}

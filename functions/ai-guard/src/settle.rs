//! The end of a hold, exactly once: written to the ledger, or handed to the queue where the
//! ledger cannot be reached, or left to the hold's expiry where nothing can be. The caller has
//! the answer in any case.

use std::time::Duration;

use aws_sdk_sqs::Client;
use jiff::Timestamp;
use ledger::{
    Credits,
    entry::Actor,
    hold::{Ending, Hold},
};
use ledger_dynamodb::{End, LedgerStore, StoreError};
use serde_json::json;
use startup::{BoxError, Clock, error_chain, metric, new_ulid};
use tokio::time::{Instant, timeout, timeout_at};

/// How long the queue may take: the client's three attempts of a second each.
const QUEUE_LIMIT: Duration = Duration::from_secs(3);

/// What the queue is left of the time before the deadline: one attempt, which takes a few
/// milliseconds where the queue can be reached, and a second one after a quick failure.
const QUEUE_LIMIT_MIN: Duration = Duration::from_millis(900);

/// How long the ledger may take even where the deadline is nearer: a settle that is not tried is
/// a call given away.
const SETTLE_LIMIT_MIN: Duration = Duration::from_millis(1_500);

/// What has to be left of the time when the provider is no longer waited for: the ledger, the
/// queue, and half a second for the last bytes to be sent.
pub(crate) const RESERVE: Duration = Duration::from_millis(2_900);

/// How a hold was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// What the call costs, in credits.
    pub(crate) charged: Credits,
    /// The word for logs: `settled`, `settled_late`, `released`, `queued`, `left_to_expiry`,
    /// `ended_otherwise`.
    pub(crate) how: &'static str,
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
    let at = clock.now();
    let end = End { ending, at, actor: Actor::System("ai-guard".to_owned()), id: new_ulid(at) };
    let ended = match deadline {
        None => store.end(hold, &end).await,
        Some(deadline) => {
            let least = Instant::now() + SETTLE_LIMIT_MIN;
            let by = deadline.checked_sub(QUEUE_LIMIT_MIN).map_or(least, |by| by.max(least));
            let late = |_| Err(StoreError::Unavailable("no answer before the deadline".into()));
            timeout_at(by, store.end(hold, &end)).await.unwrap_or_else(late)
        }
    };
    let error = match ended {
        Ok(ended) => {
            let how = if ended.late { "settled_late" } else { ending.as_str() };
            return Settled { charged: ended.charged, how };
        }
        Err(StoreError::Rejected(rejection)) => {
            tracing::error!(hold = %hold.id, code = rejection.code(), "the hold ended otherwise");
            return Settled { charged: Credits::ZERO, how: "ended_otherwise" };
        }
        Err(error) => error,
    };
    let error = error_chain(&error);
    tracing::error!(hold = %hold.id, error, "the outcome could not be written");
    let charged = ending.charged();
    match queue.send(hold, &end, deadline).await {
        Ok(()) => {
            metric::count(at, "SettlesQueued", &[], 1);
            Settled { charged, how: "queued" }
        }
        Err(error) => {
            let error = error_chain(error.as_ref());
            tracing::error!(hold = %hold.id, error, "the outcome could not be queued either");
            metric::count(at, "SettlesLost", &[], 1);
            Settled { charged, how: "left_to_expiry" }
        }
    }
}

/// The queue of outcomes that are still to be written.
#[derive(Clone, Debug)]
pub struct SettleQueue {
    client: Client,
    url: String,
}

impl SettleQueue {
    /// The queue at `url`, reached through `client`.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Queues the outcome. The client's own attempts are the retries; together with the time
    /// limit they are bounded.
    async fn send(
        &self,
        hold: &Hold,
        end: &End,
        deadline: Option<Instant>,
    ) -> Result<(), BoxError> {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let limit = left.map_or(QUEUE_LIMIT, |left| left.clamp(QUEUE_LIMIT_MIN, QUEUE_LIMIT));
        let request = self.client.send_message().queue_url(&self.url);
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

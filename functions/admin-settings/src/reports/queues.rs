//! How much waits in each queue, and for how long.

use std::sync::Arc;

use aws_sdk_sqs::{Client, types::QueueAttributeName};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use startup::{Startup, StartupError, error_chain};

use super::ages::Ages;

/// The queues, each by its name here and the variable with its URL.
const QUEUES: [(&str, &str); 4] = [
    ("retries", "RETRY_QUEUE_URL"),
    ("retryDeadLetters", "RETRY_DEAD_LETTERS_URL"),
    ("settles", "SETTLE_QUEUE_URL"),
    ("settleDeadLetters", "SETTLE_DEAD_LETTERS_URL"),
];

/// The queues of the stack.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    client: Client,
    ages: Ages,
    urls: Arc<[(&'static str, String)]>,
}

/// One queue. A number is `None` where the queue could not be asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Depth {
    name: &'static str,
    /// Messages that can be received now.
    waiting: Option<u64>,
    /// Messages that somebody is working on.
    in_flight: Option<u64>,
    /// Messages that become visible later.
    delayed: Option<u64>,
    /// How old the oldest message is; `None` where there is none, or no value of it yet.
    oldest_seconds: Option<u64>,
}

impl Queues {
    /// The queues the environment names; fails, naming it, where a variable is missing.
    pub(crate) fn from_environment(startup: &Startup) -> Result<Self, StartupError> {
        let url = |(name, variable)| Ok((name, startup.required(variable)?));
        let urls: Vec<_> = QUEUES.into_iter().map(url).collect::<Result<_, StartupError>>()?;
        let ages = Ages::from_environment(startup)?;
        Ok(Self { client: startup.sqs(), ages, urls: urls.into() })
    }

    /// What waits in each, all asked at once.
    pub(super) async fn depths(&self, now: Timestamp) -> Vec<Depth> {
        let physical: Vec<&str> = self.urls.iter().map(|(_, url)| last_segment(url)).collect();
        let depths = join_all(self.urls.iter().map(|(name, url)| self.depth(name, url)));
        let (mut depths, ages) = tokio::join!(depths, self.ages.of(&physical, now));
        for (depth, queue) in depths.iter_mut().zip(physical) {
            // The metric is minutes old: of a queue that is empty by now it says nothing.
            let age = ages.get(queue).copied();
            depth.oldest_seconds = age.filter(|_| !depth.is_empty());
        }
        depths
    }

    /// A queue that cannot be asked must not take the rest of the report away.
    async fn depth(&self, name: &'static str, url: &str) -> Depth {
        let wanted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let asking = self.client.get_queue_attributes().queue_url(url);
        let asked = asking.set_attribute_names(Some(wanted.to_vec())).send().await;
        let answer = asked.inspect_err(|error| {
            let error = error_chain(error);
            tracing::warn!(error, queue = name, "a queue could not be asked for its depth");
        });
        let attributes = answer.ok().and_then(|answer| answer.attributes).unwrap_or_default();
        let number = |name| attributes.get(&name)?.parse().ok();
        let [waiting, in_flight, delayed] = wanted.map(number);
        Depth { name, waiting, in_flight, delayed, oldest_seconds: None }
    }
}

impl Depth {
    fn is_empty(&self) -> bool {
        [self.waiting, self.in_flight, self.delayed].iter().all(|count| *count == Some(0))
    }
}

/// The name of a queue, by which its metrics are kept.
fn last_segment(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

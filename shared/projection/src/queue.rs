//! The retry queue, to write to.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::{
    Client,
    error::BoxError,
    types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry},
};

use crate::QueueError;

/// The longest delay a queue keeps a message back for.
pub const DELAY_MAX: Duration = Duration::from_mins(15);

/// The most messages in one request. Each is some kilobytes at most, far from the request's limit.
const BATCH_MAX: usize = 10;

/// The retry queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RetryQueue {
    client: Client,
    url: String,
}

impl RetryQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends one message that is not received before `delay` is over: whole seconds, rounded up,
    /// at most [`DELAY_MAX`].
    pub async fn send(&self, body: String, delay: Duration) -> Result<(), QueueError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let sent = request.delay_seconds(seconds(delay)).send().await;
        sent.map(drop).map_err(|error| QueueError(error.into()))
    }

    /// Sends many messages with one delay, ten to a request. An error means that some were not
    /// taken; others may have been, and sending all of them again is safe for whoever can finish
    /// one twice.
    pub async fn send_many(&self, bodies: &[String], delay: Duration) -> Result<(), QueueError> {
        for bodies in bodies.chunks(BATCH_MAX) {
            self.send_batch(bodies, delay).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, bodies: &[String], delay: Duration) -> Result<(), QueueError> {
        let failed = |error: BoxError| QueueError(error);
        let entries = bodies.iter().enumerate().map(|(place, body)| {
            let entry = SendMessageBatchRequestEntry::builder().id(place.to_string());
            entry.message_body(body).delay_seconds(seconds(delay)).build()
        });
        let entries: Vec<_> =
            entries.collect::<Result<_, _>>().map_err(|error| failed(error.into()))?;
        let request = self.client.send_message_batch().queue_url(&self.url);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| failed(error.into()))?;
        let taken: BTreeSet<&str> =
            answer.successful().iter().map(SendMessageBatchResultEntry::id).collect();
        // What a queue refuses of a batch it may take alone; if not, its reason is told.
        for (place, body) in bodies.iter().enumerate() {
            if !taken.contains(place.to_string().as_str()) {
                self.send(body.clone(), delay).await?;
            }
        }
        Ok(())
    }
}

/// Whole seconds, never less than asked.
fn seconds(delay: Duration) -> i32 {
    let delay = delay.min(DELAY_MAX);
    let up = u64::from(delay.subsec_nanos() > 0);
    i32::try_from(delay.as_secs().saturating_add(up)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_whole_seconds_never_less_than_asked_and_never_more_than_a_queue_takes() {
        for (delay_ms, expected) in [(0, 0), (1, 1), (1_000, 1), (2_001, 3), (9_000_000, 900)] {
            assert_eq!(seconds(Duration::from_millis(delay_ms)), expected);
        }
    }
}

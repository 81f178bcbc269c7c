//! When a message that failed comes back.
//!
//! A queue has one visibility time-out, long enough for the longest work; a message whose handling
//! has failed need not wait for it. It comes back soon at first, because most failures are over in
//! seconds, and later each time, because the others are not.

use std::time::Duration;

use aws_sdk_sqs::Client;

use crate::telemetry::error_chain;

/// How long a message stays away after its first, second, … failure; the last counts for all
/// further ones. Together they are less than five minutes: an outage that is longer ends among the
/// dead letters, from which an operator sends messages anew.
const LADDER_SECONDS: [u32; 4] = [5, 15, 60, 180];

/// How long saying so may take: what cannot be said in time is left to the queue's time-out.
const LIMIT: Duration = Duration::from_secs(2);

/// Lets messages of one queue come back sooner than its visibility time-out.
#[derive(Clone, Debug, Default)]
pub struct BackOff(Option<Queue>);

#[derive(Clone, Debug)]
struct Queue {
    client: Client,
    url: String,
}

/// A message whose handling has failed.
pub(super) struct Failed<'a> {
    pub(super) queue_arn: &'a str,
    pub(super) handle: &'a str,
    /// How often it was received, this time included.
    pub(super) receives: u32,
}

impl BackOff {
    /// Messages of every queue come back after its visibility time-out.
    pub fn none() -> Self {
        Self(None)
    }

    /// Messages of the queue at `url` come back after 5 s, 15 s, 1 min, then every 3 min, or
    /// sooner by up to half; those of other queues after their visibility time-out.
    pub fn of(client: Client, url: impl Into<String>) -> Self {
        Self(Some(Queue { client, url: url.into() }))
    }

    /// Says when the message is to come back. Where that fails it comes back after the queue's
    /// time-out, which is as good, only later.
    pub(super) async fn apply(&self, failed: &Failed<'_>) {
        let Some(Queue { client, url }) = &self.0 else { return };
        // The event names the queue by its ARN; both end in the queue's name.
        if last(failed.queue_arn, ':') != last(url, '/') {
            return;
        }
        let seconds = pause(failed.receives, fastrand::u32(..));
        let request = client
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(failed.handle)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX));
        let error = match tokio::time::timeout(LIMIT, request.send()).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error_chain(&error),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(error, "a message comes back after its queue's time-out only");
    }
}

/// Seconds until the next try after `receives` failures: from half of the ladder's step to all of
/// it, so that messages that failed together do not come back together.
fn pause(receives: u32, random: u32) -> u32 {
    let failures = usize::try_from(receives).unwrap_or(usize::MAX).saturating_sub(1);
    let [.., longest] = LADDER_SECONDS;
    let step = LADDER_SECONDS.get(failures).copied().unwrap_or(longest);
    let half = step / 2;
    step.saturating_sub(random % half.saturating_add(1))
}

fn last(name: &str, separator: char) -> &str {
    name.rsplit_once(separator).map_or(name, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_later_after_each_failure_and_never_much_later() {
        let bounds = |receives| (pause(receives, u32::MAX - 3), pause(receives, 0));
        assert_eq!(pause(1, 2), 3);
        for (receives, longest) in [(0, 5), (1, 5), (2, 15), (3, 60), (4, 180), (9, 180)] {
            let (some, most) = bounds(receives);
            assert_eq!(most, longest);
            assert!(some >= longest - longest / 2 && some <= longest, "{receives}: {some}");
        }
    }
}

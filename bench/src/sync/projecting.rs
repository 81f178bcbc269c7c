//! How fast balances are shown in Clerk, once nothing else is asked of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local::clerk::Call;
use serde_json::json;

use super::percent;
use super::town::Town;
use crate::Failure;
use crate::guard::town::{now, said};

/// The span in which Clerk counts requests.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// How often it is looked how many were shown.
const LOOK: Duration = Duration::from_millis(250);

/// How long it may take at worst, for each balance; what takes longer has got stuck.
const PATIENCE: SignedDuration = SignedDuration::from_millis(100);

/// The most accounts in one message of the queue.
const ACCOUNTS_MAX: usize = 50;

/// The calls the stand-in remembers.
const CALLS_KEPT: usize = 20_000;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Balances that were shown.
    pub(crate) balances: u64,
    /// From the first to the last of them.
    pub(crate) took: SignedDuration,
    /// The most requests that Clerk took in any 10 s.
    pub(crate) most_in_window: u64,
    /// Requests that it refused because there were too many.
    pub(crate) refused: u64,
}

impl Shown {
    /// The requests in 10 s, on average.
    pub(crate) fn in_window(&self) -> u64 {
        let ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        self.balances.saturating_mul(10_000).checked_div(ms).unwrap_or_default()
    }

    /// How much of what Clerk allows was used, in percent.
    pub(crate) fn used_percent(&self, rate: u32) -> u64 {
        percent(self.in_window(), u64::from(rate))
    }
}

/// Has `count` balances shown beside all that wait already, and looks on.
pub(crate) async fn measure(town: &Town, count: usize) -> Result<Shown, Failure> {
    let began = now();
    queue(town, count).await?;
    let patience = PATIENCE.saturating_mul(i32::try_from(count).unwrap_or(i32::MAX));
    let deadline = began.saturating_add(patience.max(WINDOW * 6)).map_err(said)?;
    loop {
        let calls: Vec<Call> =
            town.clerk.calls().into_iter().filter(|call| call.at >= began).collect();
        let times: Vec<Timestamp> =
            calls.iter().filter(|call| call.status == Some(200)).map(|call| call.at).collect();
        if times.len() >= count || calls.len() >= CALLS_KEPT {
            return Ok(summed(&times, &calls));
        }
        if now() > deadline {
            return Err(format!("only {} of {count} balances were shown", times.len()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks the worker to show the first `count` users' balances, as an adjustment does whose call to
/// Clerk had no answer: again, even where they are known to be shown.
async fn queue(town: &Town, count: usize) -> Result<(), Failure> {
    let url = town.stack.queue_url("RetryQueue").map_err(said)?;
    let users: Vec<String> =
        (1..=count.min(town.users)).map(|number| format!("user_{number}")).collect();
    let since = now();
    for accounts in users.chunks(ACCOUNTS_MAX) {
        let body = json!({"version": 1, "kind": "project", "accounts": accounts, "since": since});
        let message = json!({"QueueUrl": url, "MessageBody": body.to_string()});
        town.stack.aws.call("AmazonSQS.SendMessage", &message).await.map_err(said)?;
    }
    Ok(())
}

fn summed(times: &[Timestamp], calls: &[Call]) -> Shown {
    let took = match (times.first(), times.last()) {
        (Some(first), Some(last)) => last.duration_since(*first),
        _ => SignedDuration::ZERO,
    };
    let within = |start: &Timestamp| {
        let rest = times.iter().skip_while(|time| *time < start);
        rest.take_while(|time| time.duration_since(*start) < WINDOW).count()
    };
    let most = times.iter().step_by(10).map(within).max().unwrap_or_default();
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Shown {
        balances: number(times.len()),
        took,
        most_in_window: number(most),
        refused: number(refused),
    }
}

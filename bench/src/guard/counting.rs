//! Counts what something asks of the tables, at the connector: the front that every request
//! passes asks the tables what it consumed.

use std::time::{Duration, Instant};

use local::fault::{Front, Outcome};

use crate::Failure;

/// How long nothing may arrive before what was asked for is over: a function may write something
/// after it has answered.
const SILENCE: Duration = Duration::from_millis(40);

/// What waits longer has got stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often each operation is counted; a cache that is renewed meanwhile is then seen.
pub(crate) const TIMES: usize = 3;

/// What was asked of the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted {
    /// Requests, each a round trip; some run while the provider is asked.
    pub(crate) requests: usize,
    /// Write units, indexes and refused writes included.
    pub(crate) write: u64,
    /// Read units, in halves.
    pub(crate) read_halves: u64,
}

impl Counted {
    /// One of `count` equal parts, of each number rounded up.
    pub(crate) fn divided(self, count: u64) -> Self {
        let count_usize = usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            requests: self.requests.div_ceil(count_usize),
            write: self.write.div_ceil(count),
            read_halves: self.read_halves.div_ceil(count),
        }
    }

    /// What is left of it without `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(other.requests),
            write: self.write.saturating_sub(other.write),
            read_halves: self.read_halves.saturating_sub(other.read_halves),
        }
    }
}

/// Counts what reached the front while `what` ran and just after.
pub(crate) async fn of<T>(
    front: &Front,
    what: impl Future<Output = Result<T, Failure>>,
) -> Result<(T, Counted), Failure> {
    front.reset();
    front.count_capacity(true);
    // What is counted is whole calls with all that they send: it is kept off the stack.
    let done = Box::pin(what).await?;
    let deadline = Instant::now() + PATIENCE;
    let mut seen = usize::MAX;
    loop {
        let calls = front.calls();
        let open = calls.iter().any(|call| call.outcome == Outcome::Unanswered);
        if !open && calls.len() == seen {
            let requests = calls.len();
            let write =
                calls.iter().map(|call| call.capacity_write + call.capacity_refused()).sum();
            let read_halves = calls.iter().map(|call| call.capacity_read_halves).sum();
            return Ok((done, Counted { requests, write, read_halves }));
        }
        if Instant::now() > deadline {
            return Err("the tables are asked without an end".to_owned());
        }
        seen = calls.len();
        tokio::time::sleep(SILENCE).await;
    }
}

//! The rate Clerk allows, shared by all workers: a budget for every quarter of a second, of which
//! each takes what it needs by one conditional write.
//!
//! However ten seconds are laid over the windows, they touch at most 42 of them, a window's worth
//! of delay on the way included. So 42 windows together have a budget of at most the whole rate,
//! and 40 of them, which are ten seconds of steady work, use 95 % of it. The rest is for what does
//! not ask for a slot: the calls beside adjustments, and the pages a sync reads.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use directory::{Directory, DirectoryError};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Mutex, time::Instant};

/// The name of the budget in the table.
pub const NAME: &str = "clerk";

/// How long a window is, in milliseconds.
const WINDOW_MS: u64 = 250;

/// How long after a window's start its slots may be used, in milliseconds.
const USABLE_MS: i64 = 375;

/// The windows that may not have more than the whole rate together.
const WINDOWS: u64 = 42;

/// The slots of one worker's round.
#[derive(Debug)]
pub(crate) struct Slots<'a> {
    directory: &'a Directory,
    rate: u32,
    began: (Timestamp, Instant),
    patience: Duration,
    waiting: AtomicU32,
    held: Mutex<Held>,
}

/// Leave for one request.
#[derive(Debug)]
pub(crate) struct Slot {
    window: u64,
}

/// What was taken of a window and is not used yet.
#[derive(Debug, Default)]
struct Held {
    window: u64,
    left: u32,
    empty: bool,
}

impl<'a> Slots<'a> {
    /// Slots from `now` on, for which nobody waits longer than until `patience` is over.
    pub(crate) fn new(
        directory: &'a Directory,
        rate: u32,
        now: Timestamp,
        patience: Duration,
    ) -> Self {
        let began = (now, Instant::now());
        let (waiting, held) = (AtomicU32::new(0), Mutex::default());
        Self { directory, rate, began, patience, waiting, held }
    }

    /// The time of this moment.
    pub(crate) fn now(&self) -> Timestamp {
        let (now, began) = self.began;
        let elapsed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::ZERO);
        now.checked_add(elapsed).unwrap_or(now)
    }

    /// Takes one slot, to be used at once. `None`: there was none in the time.
    pub(crate) async fn take(&self) -> Result<Option<Slot>, DirectoryError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let taken = self.take_waiting().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        taken
    }

    /// Gives back a slot that was not used, for whoever waits beside while its window is open.
    pub(crate) async fn give_back(&self, slot: Slot) {
        let mut held = self.held.lock().await;
        if held.window == slot.window {
            held.left = held.left.saturating_add(1);
        }
    }

    async fn take_waiting(&self) -> Result<Option<Slot>, DirectoryError> {
        let mut held = self.held.lock().await;
        loop {
            let now = self.now();
            let window = window(now);
            if held.left > 0 && now < usable_until(held.window) {
                held.left = held.left.saturating_sub(1);
                return Ok(Some(Slot { window: held.window }));
            }
            if self.began.1.elapsed() >= self.patience {
                return Ok(None);
            }
            if held.window != window {
                *held = Held { window, left: 0, empty: false };
            }
            if held.left == 0 && !held.empty {
                // As many as wait now: more might not be used before the window is over.
                let wanted = self.waiting.load(Ordering::SeqCst).max(1);
                let budget = budget(self.rate, window);
                held.left = if budget == 0 {
                    0
                } else {
                    self.directory.take_slots(NAME, start(window), budget, wanted).await?
                };
                held.empty = held.left < wanted;
                continue;
            }
            tokio::time::sleep(until_next(now)).await;
        }
    }
}

/// The number of the window that `now` is in.
fn window(now: Timestamp) -> u64 {
    milliseconds(now) / WINDOW_MS
}

/// When a window starts.
fn start(window: u64) -> Timestamp {
    let start = i64::try_from(window.saturating_mul(WINDOW_MS)).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(start).unwrap_or(Timestamp::MAX)
}

/// Until when a slot of the window may be used: half a window later than it is over, so that
/// taking it may take its time. The other half is for the request's way to Clerk.
fn usable_until(window: u64) -> Timestamp {
    let after = start(window).checked_add(SignedDuration::from_millis(USABLE_MS));
    after.unwrap_or(Timestamp::MAX)
}

fn until_next(now: Timestamp) -> Duration {
    Duration::from_millis(WINDOW_MS.saturating_sub(milliseconds(now) % WINDOW_MS))
}

fn milliseconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond()).unwrap_or(0)
}

/// How many requests may be made in a window: the rate of ten seconds, spread so that no 42
/// windows in a row have more than it.
fn budget(rate: u32, window: u64) -> u32 {
    // One less, because what is spread in whole requests may be one more than its share.
    let spread = u64::from(rate.max(2).saturating_sub(1));
    let until = |window: u64| window.saturating_mul(spread) / WINDOWS;
    let budget = until(window.saturating_add(1)).saturating_sub(until(window));
    u32::try_from(budget).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ten_seconds_have_more_than_the_rate_and_steady_work_uses_ninety_percent_of_it() {
        for rate in [30, 100, 1_000, 997] {
            let budgets: Vec<u32> =
                (7_000_000_000..7_000_000_500).map(|window| budget(rate, window)).collect();
            let most = budgets.windows(42).map(|some| some.iter().sum::<u32>()).max();
            let least = budgets.windows(40).map(|some| some.iter().sum::<u32>()).min();
            assert!(most.unwrap() <= rate, "{rate}: {most:?}");
            assert!(least.unwrap() >= rate * 9 / 10, "{rate}: {least:?}");
        }
    }

    #[test]
    fn windows_start_every_quarter_of_a_second() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-20T12:00:00.374Z");
        assert_eq!(start(window(now)), at("2026-11-20T12:00:00.25Z"));
        assert_eq!(until_next(now), Duration::from_millis(126));
        assert_eq!(until_next(start(window(now))), Duration::from_millis(250));
        assert_eq!(usable_until(window(now)), at("2026-11-20T12:00:00.625Z"));
    }
}

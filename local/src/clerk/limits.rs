//! The limits: so many in any ten seconds, which is the strictest way to count them.

use std::collections::{HashMap, VecDeque};

/// What all limits count over.
const WINDOW_MS: i64 = 10_000;

/// From how many users on those who have not written for a while are forgotten.
const USERS_KEPT: usize = 10_000;

/// The limits, and what was taken of them in the last ten seconds.
#[derive(Debug)]
pub(super) struct Limits {
    all_max: u32,
    user_max: u32,
    all: Taken,
    users: HashMap<String, Taken>,
}

/// Too many: how many seconds to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) u64);

#[derive(Debug, Default)]
struct Taken(VecDeque<i64>);

impl Limits {
    pub(super) fn new(all: u32, user: u32) -> Self {
        let taken = Taken::default();
        Self { all_max: all, user_max: user, all: taken, users: HashMap::new() }
    }

    pub(super) fn set(&mut self, all: u32, user: u32) {
        (self.all_max, self.user_max) = (all, user);
    }

    pub(super) fn get(&self) -> (u32, u32) {
        (self.all_max, self.user_max)
    }

    /// Takes one of the requests of the instance.
    pub(super) fn take(&mut self, now_ms: i64) -> Result<(), Wait> {
        self.all.take(self.all_max, now_ms)
    }

    /// Takes one of a user's metadata writes.
    pub(super) fn take_of(&mut self, user: &str, now_ms: i64) -> Result<(), Wait> {
        if self.users.len() >= USERS_KEPT && !self.users.contains_key(user) {
            self.users.retain(|_, taken| taken.is_recent(now_ms));
        }
        let taken = self.users.entry(user.to_owned()).or_default();
        taken.take(self.user_max, now_ms)
    }
}

impl Taken {
    fn take(&mut self, max: u32, now_ms: i64) -> Result<(), Wait> {
        while self.0.front().is_some_and(|at| now_ms.saturating_sub(*at) >= WINDOW_MS) {
            self.0.pop_front();
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if self.0.len() < max {
            self.0.push_back(now_ms);
            return Ok(());
        }
        let ends_ms = self.0.front().unwrap_or(&now_ms).saturating_add(WINDOW_MS);
        let left_ms = u64::try_from(ends_ms.saturating_sub(now_ms)).unwrap_or(0);
        Err(Wait(left_ms.div_ceil(1_000).max(1)))
    }

    fn is_recent(&self, now_ms: i64) -> bool {
        self.0.back().is_some_and(|at| now_ms.saturating_sub(*at) < WINDOW_MS)
    }
}

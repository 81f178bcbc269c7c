//! A minute of the clock: the unit in which holds are indexed and progress is kept.

use std::fmt;

use jiff::Timestamp;

/// A minute, counted from 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minute(i64);

impl Minute {
    /// The minute `at` falls in.
    pub(crate) fn containing(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(60))
    }

    /// The time it begins.
    pub(crate) fn start(self) -> Timestamp {
        // INVARIANT: made of a timestamp and moved by at most a day, so it is one.
        Timestamp::from_second(self.0.saturating_mul(60)).unwrap_or_default()
    }

    /// The minute `minutes` before.
    pub(crate) fn earlier(self, minutes: i64) -> Self {
        Self(self.0.saturating_sub(minutes))
    }

    /// The minute `minutes` after.
    pub(crate) fn later(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes))
    }

    /// All minutes from `self` to `last`, both included.
    pub(crate) fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    /// How many minutes `earlier` is before this one; zero if it is not.
    pub(crate) fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default()
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.start().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_begins_at_its_first_second_before_1970_too() {
        for (at, start) in [
            ("2026-11-20T15:08:00Z", "2026-11-20T15:08:00Z"),
            ("2026-11-20T15:08:59.999Z", "2026-11-20T15:08:00Z"),
            ("1969-12-31T23:59:30Z", "1969-12-31T23:59:00Z"),
        ] {
            let minute = Minute::containing(at.parse().unwrap());
            assert_eq!(minute.to_string(), start);
        }
    }
}

//! The days a report is about.

use http_api::ApiError;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Deserialize;

/// How many days a report goes back where nothing else is said, today included.
const DAYS_DEFAULT: i64 = 30;
/// The most days of one report: a quarter, which is a few hundred rows.
const DAYS_MAX: i32 = 92;

/// `?from=2026-11-01&to=2026-11-20`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    from: Option<Date>,
    to: Option<Date>,
}

/// Whole days of UTC, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Date,
    pub(super) to: Date,
}

impl Wanted {
    /// The days wanted, up to today where nothing else is said; 400 with the member at fault.
    pub(super) fn range(&self, now: Timestamp) -> Result<Range, ApiError> {
        let to = self.to.unwrap_or_else(|| day(now));
        let from = self.from.unwrap_or_else(|| to.saturating_sub((DAYS_DEFAULT - 1).days()));
        if from > to {
            return Err(ApiError::invalid_field("from", "`from` is after `to`"));
        }
        let range = Range { from, to };
        let days = range.days();
        if days > DAYS_MAX {
            let detail = format!("`from` and `to` are {days} days apart, {DAYS_MAX} at most");
            return Err(ApiError::invalid_field("from", detail));
        }
        Ok(range)
    }
}

impl Range {
    /// How many days.
    fn days(self) -> i32 {
        (self.to - self.from).get_days().saturating_add(1)
    }

    /// The moment the first day begins.
    pub(super) fn start(self) -> Timestamp {
        start_of(self.from)
    }

    /// Whether a moment is in one of the days.
    pub(super) fn contains(self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&day(at))
    }
}

/// The day a moment is in.
pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn start_of(day: Date) -> Timestamp {
    // INVARIANT: every day of the calendar has a first moment in UTC.
    day.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: Option<&str>, to: Option<&str>) -> Result<(String, String, i32), String> {
        let now = "2026-11-20T23:59:59Z".parse().unwrap();
        let day = |text: &str| text.parse().unwrap();
        let wanted = Wanted { from: from.map(day), to: to.map(day) };
        let range = wanted.range(now).map_err(|error| error.detail().to_owned())?;
        Ok((range.from.to_string(), range.to.to_string(), range.days()))
    }

    fn check(from: Option<&str>, to: Option<&str>, expected: (&str, &str, i32)) {
        let (first, last, days) = range(from, to).unwrap();
        assert_eq!((first.as_str(), last.as_str(), days), expected);
    }

    #[test]
    fn a_report_is_about_the_last_thirty_days_where_nothing_is_said() {
        check(None, None, ("2026-10-22", "2026-11-20", 30));
        check(None, Some("2026-03-01"), ("2026-01-31", "2026-03-01", 30));
        check(Some("2026-11-20"), None, ("2026-11-20", "2026-11-20", 1));
    }

    #[test]
    fn a_report_is_about_a_quarter_at_most_and_never_backwards() {
        check(Some("2026-08-21"), Some("2026-11-20"), ("2026-08-21", "2026-11-20", 92));
        assert!(range(Some("2026-08-20"), Some("2026-11-20")).unwrap_err().contains("93 days"));
        assert!(range(Some("1000-01-01"), Some("2026-11-20")).is_err());
        assert!(range(Some("2026-11-21"), Some("2026-11-20")).is_err());
    }
}

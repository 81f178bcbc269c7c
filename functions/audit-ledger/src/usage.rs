//! What was used, by feature and by the day a call began.

use std::collections::BTreeMap;

use directory::audit::{FeatureUse, UsageProgress};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use ledger::{Credits, hold::Hold};
use ledger_dynamodb::{Fate, SHARDS, StoreError};
use startup::{BoxError, error_chain};

use crate::{Run, Summary};

/// How long after a minute its holds are counted. The index may lag, which is given an hour like
/// everywhere; and a call may be charged after its hold has expired, which a queue retries for
/// half an hour before a person is asked.
const WAIT: SignedDuration = SignedDuration::from_hours(3);

/// Minutes that are counted in one transaction: a quiet hour is a few hundred requests, so a run
/// that is cut loses a second of work.
const MINUTES_AT_ONCE: i64 = 60;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was counted and not yet kept.
type Used = BTreeMap<(Date, String), FeatureUse>;

/// Why a run does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minute {
    Counted,
    /// Some of its holds have not ended, or cannot be read.
    NotYet,
}

/// The day `at` falls in, in UTC.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

impl Run<'_> {
    /// Counts minute after minute, up to those whose holds may still be charged late. A minute
    /// with a hold that has not ended is waited for: then the job that expires holds is behind.
    pub(crate) async fn usage(self, summary: &mut Summary) -> Result<(), BoxError> {
        let Some(mut progress) = self.usage_progress().await? else { return Ok(()) };
        let end = self.now.checked_sub(WAIT).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut waiting = false;
        while !waiting && !self.time_is_up() && whole_minutes(progress.next_minute, end) > 0 {
            let minutes = whole_minutes(progress.next_minute, end).min(MINUTES_AT_ONCE);
            let mut used = Used::new();
            let mut next = progress.next_minute;
            let mut holds = 0;
            for _ in 0..minutes {
                let counted = self.minute(next, progress.first_day, (&mut used, &mut holds)).await;
                waiting = counted == Minute::NotYet;
                if waiting {
                    break;
                }
                next += MINUTE;
                if self.time_is_up() {
                    break;
                }
            }
            summary.failed += u64::from(waiting);
            if next == progress.next_minute {
                break;
            }
            if !self.function.directory.add_usage(&progress, next, &used).await? {
                tracing::warn!(minute = %next, "another run counts what was used");
                return Ok(());
            }
            summary.holds += holds;
            summary.minutes += minutes_between(progress.next_minute, next);
            progress.next_minute = next;
        }
        summary.minutes_behind = minutes_between(progress.next_minute, end);
        Ok(())
    }

    /// Where to go on; begins with yesterday if nobody has begun. `None` if another run has just
    /// begun, and is at it.
    async fn usage_progress(self) -> Result<Option<UsageProgress>, BoxError> {
        let directory = &self.function.directory;
        if let Some(progress) = directory.usage_progress().await? {
            return Ok(Some(progress));
        }
        let first_day = day(self.now).yesterday()?;
        let next_minute = first_day.to_zoned(TimeZone::UTC)?.timestamp();
        let progress = UsageProgress { next_minute, first_day };
        Ok(directory.begin_usage(&progress).await?.then_some(progress))
    }

    /// Counts the holds that expire in one minute, all of them or none.
    async fn minute(
        self,
        minute: Timestamp,
        first_day: Date,
        (used, holds): (&mut Used, &mut u64),
    ) -> Minute {
        let shards = (0..SHARDS).map(|shard| self.function.store.used_holds(minute, shard));
        let found: Result<Vec<_>, StoreError> = try_join_all(shards).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(error, %minute, "what was used in a minute cannot be read");
                return Minute::NotYet;
            }
        };
        let found: Vec<(Hold, Fate)> = found.into_iter().flatten().collect();
        if let Some((hold, _)) = found.iter().find(|(_, fate)| *fate == Fate::Open) {
            let (account, hold) = (&hold.account, hold.id);
            tracing::error!(%minute, %account, %hold, "a hold is past its time and has not ended");
            return Minute::NotYet;
        }
        for (hold, fate) in found.iter().filter(|(hold, _)| day(hold.at) >= first_day) {
            let of = (day(hold.at), hold.terms.feature.to_string());
            let so_far = used.entry(of).or_default();
            *so_far = so_far.plus(use_of(*fate));
            *holds += 1;
        }
        Minute::Counted
    }
}

/// What one call adds. A call charged late with nothing is one whose idempotency key a later call
/// took over, or a free one: it counts as what its hold became.
fn use_of(fate: Fate) -> FeatureUse {
    let none = FeatureUse::default();
    match fate {
        Fate::Settled { charged } => FeatureUse { calls: 1, credits: size(charged), ..none },
        Fate::ChargedLate { charged } if charged.is_positive() => {
            FeatureUse { calls: 1, credits: size(charged), ..none }
        }
        Fate::Released => FeatureUse { released: 1, ..none },
        Fate::Expired | Fate::ChargedLate { .. } => FeatureUse { expired: 1, ..none },
        // INVARIANT: a minute with an open hold is not counted.
        Fate::Open => none,
    }
}

fn size(credits: Credits) -> u64 {
    u64::try_from(credits.get()).unwrap_or_default()
}

/// Whole minutes from `from` to `to`, none if that is before.
fn whole_minutes(from: Timestamp, to: Timestamp) -> i64 {
    (to.duration_since(from).as_mins()).max(0)
}

fn minutes_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(whole_minutes(from, to)).unwrap_or_default()
}

//! What was used, by day and feature. Whoever counts moves on with what was counted in one
//! transaction, so that every call is in it once.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use jiff::{SignedDuration, Timestamp, civil::Date, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};

use crate::{
    Directory,
    conditional::{Written, put},
    error::DirectoryError,
    item::{self, number, text},
    key::{self, ONLY, USAGE, USAGE_PROGRESS},
};

/// The longest life a hold can be given. When the minutes in which holds expire have been counted
/// so far past the end of a day, no hold of that day is left.
const HOLD_LIFE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How far use has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageProgress {
    /// The next minute to count, by the expiry of the holds.
    #[serde(with = "millisecond::required")]
    pub next_minute: Timestamp,
    /// The first day that is counted. What expires later and was placed before it is left out,
    /// because the rest of its day was never seen.
    pub first_day: Date,
}

/// What one feature was used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureUse {
    /// Calls that were delivered, late ones too.
    pub calls: u64,
    /// What they cost, in credits.
    pub credits: u64,
    /// Calls that were not delivered.
    pub released: u64,
    /// Calls that nobody ended, and that cost nothing.
    pub expired: u64,
}

/// What one feature was used for on one day (UTC), by the time its calls began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayUse {
    /// The day.
    pub day: Date,
    /// The feature, such as `ai_text_chat`.
    pub feature: String,
    /// Calls that were delivered, late ones too.
    pub calls: u64,
    /// What they cost, in credits.
    pub credits: u64,
    /// Calls that were not delivered.
    pub released: u64,
    /// Calls that nobody ended, and that cost nothing.
    pub expired: u64,
}

/// One day's row.
#[derive(Serialize, Deserialize)]
struct Day {
    #[serde(rename = "sk")]
    day: Date,
    features: BTreeMap<String, FeatureUse>,
}

impl FeatureUse {
    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            credits: self.credits.saturating_add(other.credits),
            released: self.released.saturating_add(other.released),
            expired: self.expired.saturating_add(other.expired),
        }
    }
}

impl UsageProgress {
    /// The last day of which everything is counted; `None` if there is none yet.
    pub fn last_complete_day(&self) -> Option<Date> {
        let all_ended_before = self.next_minute.checked_sub(HOLD_LIFE_MAX).ok()?;
        let last = key::day(all_ended_before).yesterday().ok()?;
        (last >= self.first_day).then_some(last)
    }
}

impl Directory {
    /// Use from day `from` to day `to`, both included, by day and feature. Days of which not
    /// everything is counted yet are left out.
    pub async fn usage(&self, from: Date, to: Date) -> Result<Vec<DayUse>, DirectoryError> {
        let complete =
            self.usage_progress().await?.and_then(|progress| progress.last_complete_day());
        let Some(to) = complete.map(|complete| complete.min(to)).filter(|to| from <= *to) else {
            return Ok(Vec::new());
        };
        let days = self.days(from, to).await?;
        let uses = days.into_iter().flat_map(|Day { day, features }| {
            features.into_iter().map(move |(feature, used)| {
                let FeatureUse { calls, credits, released, expired } = used;
                DayUse { day, feature, calls, credits, released, expired }
            })
        });
        Ok(uses.collect())
    }

    /// How far use has been counted; `None` if nobody has begun.
    pub async fn usage_progress(&self) -> Result<Option<UsageProgress>, DirectoryError> {
        self.row(USAGE_PROGRESS, ONLY).await
    }

    /// Begins to count use from `progress` on; `false` if somebody has begun.
    pub async fn begin_usage(&self, progress: &UsageProgress) -> Result<bool, DirectoryError> {
        let item = item::write(USAGE_PROGRESS, ONLY, progress)?;
        let request = self.client.put_item().table_name(&self.state_table).set_item(Some(item));
        let begun = put(request.condition_expression("attribute_not_exists(pk)")).await?;
        Ok(matches!(begun, Written::Done(_)))
    }

    /// Adds what was used in the minutes from `before` on up to `next_minute`, which comes next:
    /// all of it or nothing. `false` if another run has gone on from there.
    pub async fn add_usage(
        &self,
        before: &UsageProgress,
        next_minute: Timestamp,
        used: &BTreeMap<(Date, String), FeatureUse>,
    ) -> Result<bool, DirectoryError> {
        let after = UsageProgress { next_minute, ..*before };
        let progress = Put::builder()
            .table_name(&self.state_table)
            .set_item(Some(item::write(USAGE_PROGRESS, ONLY, &after)?))
            .condition_expression("next_minute = :before")
            .expression_attribute_values(":before", number(before.next_minute.as_millisecond()));
        let mut puts = vec![progress.build()];
        // INVARIANT: days are only written here, on the condition above, so what is read now is
        // what is replaced, or nothing is.
        for Day { day, features } in self.days_with(used).await? {
            let item = item::write(USAGE, &day.to_string(), &Day { day, features })?;
            puts.push(Put::builder().table_name(&self.state_table).set_item(Some(item)).build());
        }
        let puts = puts.into_iter().map(|put| {
            let put = put.map_err(DirectoryError::unavailable)?;
            Ok(TransactWriteItem::builder().put(put).build())
        });
        self.transact(puts.collect::<Result<_, DirectoryError>>()?).await
    }

    /// The days that `used` is of, with it added.
    async fn days_with(
        &self,
        used: &BTreeMap<(Date, String), FeatureUse>,
    ) -> Result<Vec<Day>, DirectoryError> {
        let mut days = BTreeMap::new();
        for ((day, feature), more) in used {
            if !days.contains_key(day) {
                let found: Option<Day> = self.row(USAGE, &day.to_string()).await?;
                days.insert(*day, found.map(|day| day.features).unwrap_or_default());
            }
            let features = days.entry(*day).or_default();
            let so_far = features.get(feature).copied().unwrap_or_default();
            features.insert(feature.clone(), so_far.plus(*more));
        }
        Ok(days.into_iter().map(|(day, features)| Day { day, features }).collect())
    }

    async fn days(&self, from: Date, to: Date) -> Result<Vec<Day>, DirectoryError> {
        let query = self
            .partition(USAGE)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to));
        item::read_all(self.items(query, None).await?)
    }
}

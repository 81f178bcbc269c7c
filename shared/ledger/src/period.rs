//! What is remembered of a subscription's periods after their buckets have gone.

use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use crate::Credits;

/// How far two tellings of one period's start may lie apart: a provider may write it to the second
/// in one place and to the millisecond in another. The shortest period sold is a day.
pub const START_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// Which period a plan's bucket is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanPeriod {
    /// The provider's subscription item.
    pub subscription: String,
    /// When the period began.
    pub start: Timestamp,
}

/// One period of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// What was granted for it so far, in all its facts.
    pub granted: Credits,
    /// The bucket the last of it went to.
    pub bucket: Ulid,
}

/// The newest period of a subscription that something was granted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestPeriod {
    /// When it began.
    pub start: Timestamp,
    /// What it has taken over from the periods before it.
    pub carried: Credits,
}

/// What a decision must know beside the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What was given back of the call a refund names.
    pub taken: Credits,
    /// What the period of a plan's fact was granted before; of the start [`start_of`] tells.
    pub period: Option<Period>,
    /// The newest period of the fact's subscription.
    pub newest: Option<NewestPeriod>,
}

/// The start a period told to begin at `told` is known by: the newest one's, where that is the
/// same but for the precision it was told in.
pub fn start_of(told: Timestamp, newest: Option<NewestPeriod>) -> Timestamp {
    let known = newest.map(|newest| newest.start);
    known.filter(|known| told.duration_since(*known).abs() <= START_TOLERANCE).unwrap_or(told)
}

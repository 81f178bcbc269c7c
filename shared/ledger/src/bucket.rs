//! Buckets: credits granted together, and the rule by which they are used up.
//!
//! The hot path moves only the total. What is left in each bucket is *derived* from the last
//! mark, when a cold write last stored every bucket's rest together with the balance it belongs
//! to: what the balance lost since is taken in burn order, what it gained finds room in reverse.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use crate::{Credits, credits::AmountTooLarge, period::PlanPeriod};

/// How long an expired bucket's place stays open for what calls still running give back. Holds
/// end within hours; a week also covers an expiry job that was down.
pub const RESTORED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where a bucket's credits come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Granted once, when the account opened.
    Signup,
    /// A plan's credits for one period.
    Plan,
    /// Bought by themselves.
    Pack,
    /// Granted by hand or by another payment provider.
    Manual,
    /// An adjustment upwards.
    Adjustment,
    /// A refund that found no room in the buckets it was paid from.
    Refund,
    /// The place an expired or long emptied bucket leaves for what running calls give back.
    Restored,
}

/// Not a source of credits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bucket source `{0}` is not known")]
pub struct UnknownSource(pub String);

impl Source {
    /// Every source, in the order of the enum.
    pub const ALL: [Self; 7] = [
        Self::Signup,
        Self::Plan,
        Self::Pack,
        Self::Manual,
        Self::Adjustment,
        Self::Refund,
        Self::Restored,
    ];

    /// The word in the table and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Plan => "plan",
            Self::Pack => "pack",
            Self::Manual => "manual",
            Self::Adjustment => "adjustment",
            Self::Refund => "refund",
            Self::Restored => "restored",
        }
    }

    /// Which burns first among buckets that expire together: what was given before what was
    /// bought. Lower burns first.
    pub const fn priority(self) -> u8 {
        match self {
            Self::Restored => 0,
            Self::Plan => 10,
            Self::Signup => 20,
            Self::Manual => 30,
            Self::Adjustment => 40,
            Self::Refund => 50,
            Self::Pack => 60,
        }
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let known = Self::ALL.into_iter().find(|source| source.as_str() == text);
        known.ok_or_else(|| UnknownSource(text.to_owned()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Credits granted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The ULID of the grant that made it.
    pub id: Ulid,
    /// Where its credits come from.
    pub source: Source,
    /// What it was granted: the most it can hold.
    pub granted: Credits,
    /// What is left of it: at the last mark in what is stored, now in what is derived.
    pub left: Credits,
    /// When the rest is forfeited; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Which burns first among buckets that expire together; lower first.
    pub priority: u8,
    /// Which period it is for, if it is a plan's.
    pub period: Option<PlanPeriod>,
}

impl Bucket {
    /// What could still flow back into it.
    pub fn room(&self) -> Credits {
        // INVARIANT: 0 <= left <= granted, so the difference is within bounds.
        self.granted.checked_sub(self.left).unwrap_or_default().or_zero()
    }

    /// Whether its time is over at `now`.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Whether it is nothing but room for what running calls give back.
    pub(crate) fn is_empty_place(&self) -> bool {
        self.source == Source::Restored && self.left == Credits::ZERO
    }

    fn burn_key(&self) -> (Timestamp, u8, Ulid) {
        // A place that never expires is filled last, so that it takes only what finds no room
        // anywhere else; and what is filled last burns first.
        let is_place = self.source == Source::Restored;
        let never = if is_place { Timestamp::MIN } else { Timestamp::MAX };
        (self.expires_at.unwrap_or(never), self.priority, self.id)
    }

    fn take(&mut self, wanted: Credits) -> Result<Credits, AmountTooLarge> {
        let taken = wanted.min(self.left);
        self.left = self.left.checked_sub(taken)?;
        wanted.checked_sub(taken)
    }

    fn refill(&mut self, offered: Credits) -> Result<Credits, AmountTooLarge> {
        let placed = offered.min(self.room());
        self.left = self.left.checked_add(placed)?;
        offered.checked_sub(placed)
    }
}

/// Sorts `buckets` in the order they burn: soonest expiry, lowest priority number, oldest, id.
pub fn sort_by_burn_order(buckets: &mut [Bucket]) {
    buckets.sort_by_key(Bucket::burn_key);
}

/// Takes `amount` (≥ 0) out of `buckets` in burn order. Returns what they could not pay.
pub fn burn(buckets: &mut [Bucket], amount: Credits) -> Result<Credits, AmountTooLarge> {
    sort_by_burn_order(buckets);
    buckets.iter_mut().try_fold(amount, |rest, bucket| bucket.take(rest))
}

/// Puts `amount` (≥ 0) back into `buckets` in reverse burn order, each up to what it was
/// granted. Returns what found no room.
pub fn put_back(buckets: &mut [Bucket], amount: Credits) -> Result<Credits, AmountTooLarge> {
    sort_by_burn_order(buckets);
    buckets.iter_mut().rev().try_fold(amount, |rest, bucket| bucket.refill(rest))
}

/// What is left in each of the `marked` buckets now that the balance is `available`, sorted in
/// burn order, and what of the balance belongs to no bucket.
pub fn derive(
    marked: &[Bucket],
    marked_balance: Credits,
    available: Credits,
) -> Result<(Vec<Bucket>, Credits), AmountTooLarge> {
    let mut buckets = marked.to_vec();
    let moved = available.or_zero().checked_sub(marked_balance.or_zero())?;
    let unplaced = if moved.is_negative() {
        burn(&mut buckets, moved.negated())?;
        Credits::ZERO
    } else {
        put_back(&mut buckets, moved)?
    };
    Ok((buckets, unplaced))
}

/// What an expired bucket leaves behind: an empty one with room for what was used of it, so that
/// credits which running calls give back are not lost. None if nothing was used, if it was such a
/// bucket itself, or if even that week is over.
pub fn restored(expired: &Bucket, now: Timestamp) -> Option<Bucket> {
    let expires_at = expired.expires_at?.checked_add(RESTORED_FOR).ok()?;
    let used = expired.room();
    if expired.source == Source::Restored || !used.is_positive() || expires_at <= now {
        return None;
    }
    Some(Bucket {
        id: expired.id,
        source: Source::Restored,
        granted: used,
        left: Credits::ZERO,
        expires_at: Some(expires_at),
        priority: Source::Restored.priority(),
        period: None,
    })
}

/// The one place which `empty` buckets that never expire leave behind: room for all that was used
/// of them. What a call gives back may have been theirs long after they were emptied, because
/// they can be filled and emptied again between two marks; without this place it would be
/// forfeited although it never expires. None if there is none to leave it.
pub fn place_left_by(empty: &[Bucket]) -> Option<Bucket> {
    let first = empty.first()?;
    let room = Credits::sum(empty.iter().map(Bucket::room)).unwrap_or(Credits::MAX);
    Some(Bucket {
        id: first.id,
        source: Source::Restored,
        granted: room,
        left: Credits::ZERO,
        expires_at: None,
        priority: Source::Restored.priority(),
        period: None,
    })
}

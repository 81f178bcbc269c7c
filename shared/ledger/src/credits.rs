//! Credits: the unit of value. Integers only, bounded, and with no operator that could wrap.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A signed number of credits, −10^12 ..= 10^12. One credit is indivisible; there is no fraction.
///
/// There is no `+`, no `-` and no `*`: only `checked_*` operations, which refuse what leaves the
/// bounds. A quantity multiplies a [`Price`](crate::price::Price), never credits, so an amount
/// cannot be multiplied twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Credits(i64);

/// An amount outside −10^12 ..= 10^12 credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("amount is outside the limit of {} credits", Credits::MAX)]
pub struct AmountTooLarge;

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The largest amount and the largest balance: 10^12. A thousand times below where a JSON
    /// number loses integers (2^53), so sums of a few amounts never reach it anywhere.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// `value` credits; [`AmountTooLarge`] outside the bounds.
    pub const fn new(value: i64) -> Result<Self, AmountTooLarge> {
        if value > Self::MAX.0 || value < -1_000_000_000_000 {
            return Err(AmountTooLarge);
        }
        Ok(Self(value))
    }

    /// The number itself.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or [`AmountTooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountTooLarge> {
        self.0.checked_add(other.0).ok_or(AmountTooLarge).and_then(Self::new)
    }

    /// The difference, or [`AmountTooLarge`].
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountTooLarge> {
        self.0.checked_sub(other.0).ok_or(AmountTooLarge).and_then(Self::new)
    }

    /// The same amount the other way. Total, because the bounds are symmetric.
    #[must_use]
    pub const fn negated(self) -> Self {
        // INVARIANT: |self| <= 10^12, far from i64::MIN.
        Self(self.0.wrapping_neg())
    }

    /// The amount if positive, else none: what a balance can still pay with.
    #[must_use]
    pub fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The sum of many amounts, or [`AmountTooLarge`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, AmountTooLarge> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl TryFrom<i64> for Credits {
    type Error = AmountTooLarge;

    fn try_from(value: i64) -> Result<Self, AmountTooLarge> {
        Self::new(value)
    }
}

impl From<Credits> for i64 {
    fn from(credits: Credits) -> Self {
        credits.0
    }
}

impl From<u32> for Credits {
    fn from(value: u32) -> Self {
        Self(i64::from(value))
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

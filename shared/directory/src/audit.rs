//! What the audit keeps: a pass over all balances each day, the accounts it found in each band,
//! and what was used by feature and day.
//!
//! Everything here can be counted again from the books, so what is only listed has a time to live.

mod bands;
mod pass;
mod usage;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, fmt::serde::timestamp::millisecond};
use ledger::Credits;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

pub use self::{
    bands::{BandPage, BandPosition, InvalidBandPosition},
    usage::{DayUse, FeatureUse, UsageProgress},
};
use crate::item::as_text;

/// A group of accounts by their balance. An account can be in two: frozen, and one by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Nothing left.
    Zero,
    /// Something left, and no more than the setting `LOW_BALANCE`.
    Low,
    /// The setting `HIGH_BALANCE` or more.
    High,
    /// A debt.
    Negative,
    /// Places no holds, whatever is left.
    Frozen,
}

/// Not the name of a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a band is `zero`, `low`, `high`, `negative` or `frozen`")]
pub struct InvalidBand;

impl Band {
    /// Every band, in the order of the enum.
    pub const ALL: [Self; 5] = [Self::Zero, Self::Low, Self::High, Self::Negative, Self::Frozen];

    /// The word in the table and in URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Low => "low",
            Self::High => "high",
            Self::Negative => "negative",
            Self::Frozen => "frozen",
        }
    }
}

impl std::str::FromStr for Band {
    type Err = InvalidBand;

    fn from_str(text: &str) -> Result<Self, InvalidBand> {
        Self::ALL.into_iter().find(|band| band.as_str() == text).ok_or(InvalidBand)
    }
}

/// All accounts together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Accounts whose balance was read.
    pub accounts: u64,
    /// The sum of the balances above zero, in credits.
    pub credits: u64,
    /// The sum of the debts, in credits.
    pub debt: u64,
    /// Accounts that place no holds.
    pub frozen: u64,
    /// Balances that could not be read. They are in no other number.
    pub unreadable: u64,
}

/// Accounts whose balance lies from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The least balance counted.
    pub from: Credits,
    /// The greatest balance counted.
    pub to: Credits,
    /// How many accounts.
    pub accounts: u64,
}

/// One pass over all balances, finished or under way.
///
/// It takes a while, and balances move meanwhile: each number is what was read at its moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Its name.
    #[serde(with = "as_text")]
    pub id: Ulid,
    /// The day it is for, in UTC: one pass a day.
    #[serde(rename = "sk")]
    pub day: Date,
    /// When it began.
    #[serde(with = "millisecond::required")]
    pub started_at: Timestamp,
    /// When it was through; `None` while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub finished_at: Option<Timestamp>,
    /// At or below this a balance counts as low: the setting when the pass began.
    pub low: Credits,
    /// At or above this a balance counts as high: the setting when the pass began.
    pub high: Credits,
    /// Pages of the table read so far.
    pub step: u64,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// All accounts together.
    pub totals: Totals,
    /// How balances are spread, lowest first, by powers of ten. Steps without accounts are absent.
    pub distribution: Vec<Step>,
    /// How many accounts are in each band. A band without accounts is absent.
    pub bands: BTreeMap<Band, u64>,
    /// The first partitions whose balance could not be read.
    pub unreadable: Vec<String>,
}

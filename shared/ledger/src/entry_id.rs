//! Names of entries and holds. ULIDs, so that the order of names is the order of time.

use std::{fmt, str::FromStr};

use ulid::Ulid;

/// A hold, named by the ULID its entry was placed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub Ulid);

/// An entry within its account: one of its own name, or the one outcome of a hold.
///
/// The outcome carries the hold's name, which is what makes a second outcome impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryId {
    /// An entry named by its own ULID. A hold's entry has the hold's.
    Own(Ulid),
    /// The outcome of that hold.
    Outcome(HoldId),
}

/// Not the name of an entry or hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry is named by a ULID, an outcome by its hold's ULID and `.outcome`")]
pub struct InvalidEntryId;

impl HoldId {
    /// The entry that took the credits.
    pub const fn entry(self) -> EntryId {
        EntryId::Own(self.0)
    }

    /// The entry that ends the hold.
    pub const fn outcome(self) -> EntryId {
        EntryId::Outcome(self)
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for HoldId {
    type Err = InvalidEntryId;

    fn from_str(text: &str) -> Result<Self, InvalidEntryId> {
        parse_ulid(text).map(Self)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(ulid) => ulid.fmt(formatter),
            Self::Outcome(hold) => write!(formatter, "{hold}.outcome"),
        }
    }
}

impl FromStr for EntryId {
    type Err = InvalidEntryId;

    fn from_str(text: &str) -> Result<Self, InvalidEntryId> {
        match text.strip_suffix(".outcome") {
            Some(hold) => hold.parse().map(Self::Outcome),
            None => parse_ulid(text).map(Self::Own),
        }
    }
}

/// Only the canonical spelling counts, so that one entry has one key.
fn parse_ulid(text: &str) -> Result<Ulid, InvalidEntryId> {
    let ulid = Ulid::from_string(text).map_err(|_| InvalidEntryId)?;
    if ulid.to_string() == text { Ok(ulid) } else { Err(InvalidEntryId) }
}

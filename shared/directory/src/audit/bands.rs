//! The accounts in a band, packed: one item for each page of the table that has some.

use std::{fmt, str::FromStr};

use ledger::AccountId;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{Band, Pass};
use crate::{
    Directory,
    error::DirectoryError,
    item::{self, Item, text},
    key,
};

/// Some accounts of a band, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BandPage {
    /// The accounts, in the order the pass came to them.
    pub accounts: Vec<AccountId>,
    /// Ask again `after` this for more; `None` at the end.
    pub next: Option<BandPosition>,
}

/// An account's place in a band: the step that found it, and how many of that step come before
/// what follows it. Written `12.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandPosition {
    step: u64,
    done: usize,
}

/// Not a place in a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in a band is two whole numbers with a point between them")]
pub struct InvalidBandPosition;

impl fmt::Display for BandPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.step, self.done)
    }
}

impl FromStr for BandPosition {
    type Err = InvalidBandPosition;

    fn from_str(text: &str) -> Result<Self, InvalidBandPosition> {
        let (step, done) = text.split_once('.').ok_or(InvalidBandPosition)?;
        let step = step.parse().map_err(|_| InvalidBandPosition)?;
        let done = done.parse().map_err(|_| InvalidBandPosition)?;
        Ok(Self { step, done })
    }
}

/// What one step found.
#[derive(Serialize, Deserialize)]
struct List {
    step: u64,
    accounts: Vec<String>,
}

/// The item of what the pass's last step found in a band.
pub(super) fn write(
    pass: &Pass,
    band: Band,
    accounts: &[AccountId],
) -> Result<Item, DirectoryError> {
    let accounts = accounts.iter().map(ToString::to_string).collect();
    let list = List { step: pass.step, accounts };
    item::write(&key::band(pass.id, band), &key::step(pass.step), &list)
}

impl Directory {
    /// At most `limit` accounts that the pass found in the band, after the end of the page before.
    /// None of a pass whose lists are past their time.
    pub async fn band(
        &self,
        pass: Ulid,
        band: Band,
        limit: u32,
        after: Option<BandPosition>,
    ) -> Result<BandPage, DirectoryError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut page = BandPage::default();
        let mut from = after;
        while let Some(list) = self.list_from(pass, band, from.map_or(0, |from| from.step)).await? {
            let done = from.filter(|from| from.step == list.step).map_or(0, |from| from.done);
            for (place, account) in list.accounts.iter().enumerate().skip(done) {
                if page.accounts.len() == limit {
                    page.next = Some(BandPosition { step: list.step, done: place });
                    return Ok(page);
                }
                let account = AccountId::parse(account);
                page.accounts.push(
                    account
                        .map_err(|error| DirectoryError::corrupt(&key::band(pass, band), error))?,
                );
            }
            from = Some(BandPosition { step: list.step.saturating_add(1), done: 0 });
        }
        Ok(page)
    }

    /// What the first step from `step` on found in the band.
    async fn list_from(
        &self,
        pass: Ulid,
        band: Band,
        step: u64,
    ) -> Result<Option<List>, DirectoryError> {
        let pk = key::band(pass, band);
        let query = self
            .partition(&pk)
            .key_condition_expression("pk = :pk AND sk >= :step")
            .expression_attribute_values(":step", text(key::step(step)));
        self.items(query, Some(1)).await?.pop().map(item::read).transpose()
    }
}

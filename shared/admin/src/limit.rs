//! How long a page is.

use serde::Deserialize;

/// Rows per page, 1 to 100, 50 where nothing is said: a page is one answer of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Limit(u32);

impl Limit {
    /// The number of rows.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u32> for Limit {
    type Error = &'static str;

    fn try_from(rows: u32) -> Result<Self, &'static str> {
        if (1..=100).contains(&rows) { Ok(Self(rows)) } else { Err("a page has 1 to 100 rows") }
    }
}

//! The handle on both tables.

use std::time::Duration;

use aws_sdk_dynamodb::Client;

use crate::retry::PATIENCE;

/// The physical names of the two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    /// Entries and facts. Append-only.
    pub ledger: String,
    /// Balances, buckets, markers, progress, price book.
    pub state: String,
}

/// The books of all accounts: the only code that writes them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LedgerStore {
    pub(crate) client: Client,
    pub(crate) names: TableNames,
    pub(crate) patience: Duration,
}

impl LedgerStore {
    /// The books in the tables called `names`, reached through `client`.
    pub fn new(client: Client, names: TableNames) -> Self {
        Self { client, names, patience: PATIENCE }
    }
    /// The same books for a caller who waits so long, instead of 2 seconds, for a table that loses
    /// requests or keeps asking for patience.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

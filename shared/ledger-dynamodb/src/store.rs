//! The handle on both tables.

use aws_sdk_dynamodb::Client;

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
}

impl LedgerStore {
    /// The books in the tables called `names`, reached through `client`.
    pub fn new(client: Client, names: TableNames) -> Self {
        Self { client, names }
    }
}

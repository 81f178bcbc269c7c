//! The handle on both tables.

use std::time::Duration;

use aws_sdk_dynamodb::Client;

use crate::retry::PATIENCE;

/// The physical names of the two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    /// Entries and facts. Append-only.
    pub ledger: String,
    /// Balances, buckets, markers, progress, price book, claims and answers.
    pub state: String,
}

impl TableNames {
    /// The names in `LEDGER_TABLE` and `STATE_TABLE`, as `required` finds them; fails as it does.
    pub fn from_variables<E>(required: impl Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        Ok(Self { ledger: required("LEDGER_TABLE")?, state: required("STATE_TABLE")? })
    }
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
    /// Opens the connection to the table by one harmless read, for a start-up that has the
    /// processor to itself. A table that cannot be reached now may be there for the first request.
    pub async fn warm_up(&self) {
        if let Err(error) = self.completed_minute(0).await {
            tracing::warn!(%error, "the table could not be reached during the start");
        }
    }

    /// The same books for a caller who waits so long, instead of 2 seconds, for a table that loses
    /// requests or keeps asking for patience.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

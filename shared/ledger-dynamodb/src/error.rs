//! What can go wrong between a decision and the table.

use ledger::Rejection;

/// Why an operation on the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules refuse it; nothing was written. The caller branches on the reason.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The table could not be reached, or kept refusing for reasons of its own, beyond every
    /// retry. Whether a write was applied is not known; the same request again is safe.
    #[error("the table could not be reached")]
    Unavailable(#[source] BoxError),
    /// An item cannot be read as what its key says it is. Nothing is guessed from it.
    #[error("an item of account `{account}` cannot be read")]
    Corrupt {
        /// The partition it was found in.
        account: String,
        /// What is wrong.
        #[source]
        source: Unreadable,
    },
}

/// A failure of any kind underneath.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An attribute that is not what its item promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}` of item `{item}` {problem}")]
pub struct Unreadable {
    /// The item's sort key.
    pub item: String,
    /// The attribute at fault.
    pub attribute: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl StoreError {
    /// A failure whose sources are worth keeping but not branching on.
    pub(crate) fn unavailable(error: impl Into<BoxError>) -> Self {
        Self::Unavailable(error.into())
    }
}

//! What can go wrong between a question and the table.

/// A failure of any kind underneath.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the table gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The table could not be reached, or kept refusing, beyond every attempt. Whether a write was
    /// applied is not known; the same request again is safe.
    #[error("the state table could not be reached")]
    Unavailable(#[source] BoxError),
    /// An item cannot be read as what its key says it is. Nothing is guessed from it.
    #[error("an item of partition `{pk}` cannot be read")]
    Corrupt {
        /// The partition it was found in.
        pk: String,
        /// What is wrong.
        #[source]
        source: BoxError,
    },
}

impl DirectoryError {
    /// A failure whose sources are worth keeping but not branching on.
    pub(crate) fn unavailable(error: impl Into<BoxError>) -> Self {
        Self::Unavailable(error.into())
    }

    /// An item of the partition `pk` that is not what it should be.
    pub(crate) fn corrupt(pk: &str, error: impl Into<BoxError>) -> Self {
        Self::Corrupt { pk: pk.to_owned(), source: error.into() }
    }
}

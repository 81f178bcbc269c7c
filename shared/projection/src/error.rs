//! Why a balance was not shown, or a message not sent.

use clerk::ClerkError;
use directory::DirectoryError;
use ledger::AccountId;
use ledger_dynamodb::StoreError;
use startup::BoxError;

/// The queue did not take a message.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not take a message")]
pub struct QueueError(#[source] pub(crate) BoxError);

/// Why a projection is neither done nor waiting in the queue anew.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Clerk does not take the numbers now.
    #[error("the credits of `{account}` were not shown in clerk")]
    Clerk {
        /// Whose credits.
        account: AccountId,
        /// Why.
        #[source]
        source: ClerkError,
    },
    /// The books, or the account's turn, could not be read or written.
    #[error("the credits of `{account}` could not be read to be shown in clerk")]
    Store {
        /// Whose credits.
        account: AccountId,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The account's credits sum to more than an amount may be.
    #[error("the credits of `{account}` are beyond every limit")]
    Beyond {
        /// Whose credits.
        account: AccountId,
    },
    /// The slots of Clerk's rate could not be read or written.
    #[error("no slot of clerk's rate could be taken")]
    Slots(#[from] DirectoryError),
    /// What has to wait could not be queued.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

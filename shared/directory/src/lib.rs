#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod audit;
mod conditional;
mod email;
mod error;
mod item;
mod key;
pub mod operations;
pub mod plans;
mod rates;
mod read;
pub mod runs;
pub mod setting_changes;
pub mod subscriptions;
pub mod users;

use aws_sdk_dynamodb::Client;

pub use audit::{Band, BandPage, BandPosition, DayUse, Pass, Step, Totals};
pub use error::{BoxError, DirectoryError};
pub use item::Item;
pub use operations::{Operation, OperationFilter, OperationPage, OperationResult};
pub use plans::{Created, Plan, Replaced};
pub use subscriptions::Subscription;
pub use users::{Upserted, User, UserFacts, UserPage};

/// Everything in the State table that guards no money. Cheap to clone.
///
/// Requests are tried three times by the AWS client itself; nothing here waits longer.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(crate) client: Client,
    pub(crate) state_table: String,
}

impl Directory {
    /// The directory in the table `state_table`, reached through `client`.
    pub fn new(client: Client, state_table: String) -> Self {
        Self { client, state_table }
    }
}

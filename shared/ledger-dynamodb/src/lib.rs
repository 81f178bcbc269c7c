#![doc = include_str!("../README.md")]
#![deny(missing_docs, clippy::arithmetic_side_effects, clippy::as_conversions)]

mod append;
pub mod claim;
pub mod cold;
pub mod error;
pub mod expiry;
pub mod hot;
mod item;
pub mod key;
mod late;
pub mod read;
mod retry;
pub mod store;
mod transaction;
pub mod verify;

pub use claim::{
    ANSWER_BYTES_MAX, CLAIM_LIFE, Claim, ClaimKey, Claimed, Fate, FoundClaim, StoredAnswer,
};
pub use cold::Receipt;
pub use error::StoreError;
pub use hot::{End, Ended};
pub use key::SHARDS;
pub use read::Page;
pub use store::{LedgerStore, TableNames};
pub use verify::Report;

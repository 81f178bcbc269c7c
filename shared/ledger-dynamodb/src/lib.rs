#![doc = include_str!("../README.md")]
#![deny(missing_docs, clippy::arithmetic_side_effects, clippy::as_conversions)]

mod append;
mod balances;
mod batch;
mod browse;
pub mod claim;
pub mod cold;
pub mod error;
pub mod expiry;
pub mod hot;
mod item;
pub mod key;
mod late;
mod price_book;
pub mod projection;
pub mod read;
mod refundable;
mod retry;
pub mod store;
mod transaction;
mod used_holds;
pub mod verify;

pub use balances::ScanPage;
pub use browse::EntryFilter;
pub use claim::{
    ANSWER_BYTES_MAX, CLAIM_LIFE, Claim, ClaimKey, Claimed, Fate, FoundClaim, StoredAnswer,
};
pub use cold::{Beside, Receipt, Submitted};
pub use error::StoreError;
pub use hot::{End, Ended};
pub use item::Item;
pub use key::SHARDS;
pub use projection::{Projection, Turn};
pub use read::Page;
pub use refundable::Refundable;
pub use store::{LedgerStore, TableNames};
pub use verify::Report;

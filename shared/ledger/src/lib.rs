//! The rules of the money: what a balance is, what may move it, and what every movement must say.
//!
//! This crate is pure. It knows no clock, no table, no network: time and ids come in as arguments,
//! and what comes out is a decision (a [`Change`](change::Change) to commit, or a
//! [`Rejection`] that says why not). `ledger-dynamodb` commits decisions and
//! nothing else writes.
//!
//! Two paths share the rules. *Hot* movements (hold, outcome, late charge) are decided by the
//! condition of the write itself; [`balance`] and [`hold`] state those conditions as plain
//! functions, used to explain a refusal and to model-check the table. *Cold* movements (grant,
//! adjustment, refund, expiry, claw-back, freeze) are decided by [`decide`](decide::decide) from
//! the state read.

#![deny(missing_docs, clippy::arithmetic_side_effects, clippy::as_conversions)]

pub mod account;
pub mod account_id;
pub mod balance;
pub mod bucket;
pub mod change;
pub mod command;
pub mod credits;
pub mod decide;
pub mod entry;
pub mod entry_id;
pub mod feature;
pub mod grant_key;
pub mod hold;
pub mod invariant;
pub mod mode;
pub mod period;
pub mod price;
pub mod rejection;

pub use account_id::AccountId;
pub use credits::Credits;
pub use entry_id::{EntryId, HoldId};
pub use rejection::Rejection;

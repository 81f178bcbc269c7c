//! The numbers a front end finds in a user's public metadata, and in session tokens made from it.

use jiff::Timestamp;
use ledger::Credits;
use serde::Serialize;
use serde_json::{Value, json};

/// What is shown of a balance. Whole numbers, never differences: the last one written is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditsMetadata {
    /// What can be spent.
    pub credits_remaining: Credits,
    /// What the buckets in use were granted.
    pub credits_total: Credits,
    /// When the last grant, adjustment or sync came.
    pub last_credits_sync_at: Timestamp,
    /// The balance's revision: the greater of two is the newer.
    pub credits_version: u64,
}

impl CreditsMetadata {
    /// The body of the merge: our four keys of the public metadata and nothing else.
    pub(crate) fn patch(&self) -> Value {
        json!({ "public_metadata": self })
    }
}

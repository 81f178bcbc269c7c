//! What admins are shown of an account: its balance, its buckets, its open holds, its entries.
//! The words are those of the users' own routes.

mod entry;

use jiff::Timestamp;
use ledger::{
    Credits,
    account::{Account, View},
    balance::FreezeReason,
    bucket::{Bucket, Source},
    credits::AmountTooLarge,
    hold::Hold,
};
use serde::Serialize;

pub(crate) use self::entry::ShownEntry;

/// A balance at one moment, without what has expired by then.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownBalance {
    account: String,
    credits_remaining: Credits,
    credits_total: Credits,
    credits_version: u64,
    last_synced_at: Option<Timestamp>,
    frozen: Vec<&'static str>,
}

/// Credits granted together.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownBucket {
    id: String,
    source: &'static str,
    granted: Credits,
    remaining: Credits,
    expires_at: Option<Timestamp>,
}

/// A call that holds credits now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenHold {
    id: String,
    feature: String,
    model: String,
    quantity: u32,
    credits: Credits,
    placed_at: Timestamp,
    expires_at: Timestamp,
    actor: String,
}

impl ShownBalance {
    /// The balance of `account` at `now`.
    pub(crate) fn of(account: &Account, now: Timestamp) -> Result<Self, AmountTooLarge> {
        Self::viewed(account, &account.view(now)?)
    }

    fn viewed(account: &Account, view: &View) -> Result<Self, AmountTooLarge> {
        Ok(Self {
            account: account.id.to_string(),
            credits_remaining: view.available,
            credits_total: view.granted()?,
            credits_version: account.balance.revision,
            last_synced_at: account.last_synced_at,
            frozen: frozen(&account.balance.frozen),
        })
    }

    /// The balance of `account` at `now`, and the buckets it lies in, in the order they burn.
    pub(crate) fn with_buckets(
        account: &Account,
        now: Timestamp,
    ) -> Result<(Self, Vec<ShownBucket>), AmountTooLarge> {
        let view = account.view(now)?;
        let buckets = view.buckets.iter().map(ShownBucket::of).collect();
        Ok((Self::viewed(account, &view)?, buckets))
    }
}

/// The reasons in words, in their fixed order.
pub(crate) fn frozen<'a>(reasons: impl IntoIterator<Item = &'a FreezeReason>) -> Vec<&'static str> {
    reasons.into_iter().map(|reason| reason.as_str()).collect()
}

impl ShownBucket {
    /// The place that an expired bucket leaves behind counts with what came back to it.
    fn of(bucket: &Bucket) -> Self {
        let granted = match bucket.source {
            Source::Restored => bucket.left,
            _ => bucket.granted,
        };
        Self {
            id: bucket.id.to_string(),
            source: bucket.source.as_str(),
            granted,
            remaining: bucket.left,
            expires_at: bucket.expires_at,
        }
    }
}

impl From<Hold> for OpenHold {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id.to_string(),
            feature: hold.terms.feature.to_string(),
            model: hold.terms.model,
            quantity: hold.terms.quantity,
            credits: hold.amount,
            placed_at: hold.at,
            expires_at: hold.terms.expires_at,
            actor: hold.actor.to_string(),
        }
    }
}

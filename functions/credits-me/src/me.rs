//! `GET /api/credits/me`: what the caller can spend, and in which buckets it lies.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Query};
use jiff::Timestamp;
use ledger::{
    AccountId, Credits,
    account::{Account, View},
    balance::FreezeReason,
    bucket::{Bucket, Source},
    credits::AmountTooLarge,
    hold::Hold,
    mode::Mode,
};
use serde::{Deserialize, Serialize};

use crate::{CreditsMe, Settings, signed_in::SignedIn, unreadable};

/// `?include=holds`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    include: Option<Include>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Include {
    Holds,
}

/// The answer while credits are off, by its only four members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Free {
    credits_remaining: Option<Credits>,
    last_synced_at: Option<Timestamp>,
    unlimited: bool,
    credits_enabled: bool,
}

/// The answer while credits count.
#[expect(clippy::struct_excessive_bools, reason = "clients read these members one by one")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    account: String,
    opened: bool,
    credits_remaining: Credits,
    credits_total: Credits,
    last_synced_at: Option<Timestamp>,
    credits_enabled: bool,
    mode: &'static str,
    unlimited: bool,
    is_low: bool,
    is_empty: bool,
    frozen: Vec<&'static str>,
    buckets: Vec<ShownBucket>,
    next_expiry: Option<NextExpiry>,
    // Plans are not granted yet, so nothing is ahead; clients can rely on the member.
    next_grant: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_holds: Option<Vec<OpenHold>>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownBucket {
    source: &'static str,
    granted: Credits,
    remaining: Credits,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct NextExpiry {
    at: Timestamp,
    credits: Credits,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenHold {
    id: String,
    feature: String,
    model: String,
    quantity: u32,
    credits: Credits,
    placed_at: Timestamp,
    expires_at: Timestamp,
}

pub(crate) async fn show(
    SignedIn { caller, settings, now }: SignedIn,
    State(function): State<Arc<CreditsMe>>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let no_store = [(CACHE_CONTROL, "no-store")];
    if settings.mode == Mode::Off {
        let free = Free {
            credits_remaining: None,
            last_synced_at: None,
            unlimited: true,
            credits_enabled: false,
        };
        return Ok((no_store, Json(free)).into_response());
    }
    let holds = async {
        let Some(Include::Holds) = wanted.include else {
            return Ok(None);
        };
        function.store.open_holds(&caller.account, now).await.map(Some)
    };
    let read = tokio::try_join!(function.store.account(&caller.account), holds);
    let (account, holds) = read.map_err(unreadable)?;
    let me = match account {
        Some(account) => Me::of(&account, &settings, now),
        None => Me::unopened(&caller.account, &settings),
    };
    let mut me = me.map_err(|error| ApiError::internal(&error))?;
    me.open_holds = holds.map(|holds| holds.into_iter().map(OpenHold::from).collect());
    Ok((no_store, Json(me)).into_response())
}

impl Me {
    fn of(account: &Account, settings: &Settings, now: Timestamp) -> Result<Self, AmountTooLarge> {
        let View { available, buckets } = account.view(now)?;
        let buckets: Vec<_> = buckets.iter().filter_map(ShownBucket::of).collect();
        Ok(Self {
            account: account.id.to_string(),
            opened: true,
            credits_remaining: available,
            credits_total: Credits::sum(buckets.iter().map(|bucket| bucket.granted))?,
            last_synced_at: account.last_synced_at,
            credits_enabled: true,
            mode: settings.mode.as_str(),
            unlimited: false,
            is_low: available <= settings.low_balance,
            is_empty: !available.is_positive(),
            frozen: account.balance.frozen.iter().copied().map(FreezeReason::as_str).collect(),
            next_expiry: next_expiry(&buckets)?,
            buckets,
            next_grant: None,
            open_holds: None,
        })
    }

    /// What the account will open with, once something is asked of it that moves credits.
    fn unopened(id: &AccountId, settings: &Settings) -> Result<Self, AmountTooLarge> {
        let mut me = Self::of(&Account::unopened(id.clone()), settings, Timestamp::UNIX_EPOCH)?;
        let signup = settings.signup;
        me.opened = false;
        me.credits_remaining = signup;
        me.credits_total = signup;
        me.is_low = signup <= settings.low_balance;
        me.is_empty = !signup.is_positive();
        if signup.is_positive() {
            let source = Source::Signup.as_str();
            let bucket =
                ShownBucket { source, granted: signup, remaining: signup, expires_at: None };
            me.buckets.push(bucket);
        }
        Ok(me)
    }
}

impl ShownBucket {
    /// The bucket as its owner knows it. The place that an expired bucket leaves behind is shown
    /// only for what came back to it, which is all that it ever gave.
    fn of(bucket: &Bucket) -> Option<Self> {
        let granted = match bucket.source {
            Source::Restored if !bucket.left.is_positive() => return None,
            Source::Restored => bucket.left,
            _ => bucket.granted,
        };
        Some(Self {
            source: bucket.source.as_str(),
            granted,
            remaining: bucket.left,
            expires_at: bucket.expires_at,
        })
    }
}

/// When credits are forfeited next if they are not used, and how many.
fn next_expiry(buckets: &[ShownBucket]) -> Result<Option<NextExpiry>, AmountTooLarge> {
    let not_empty = || buckets.iter().filter(|bucket| bucket.remaining.is_positive());
    let Some(at) = not_empty().filter_map(|bucket| bucket.expires_at).min() else {
        return Ok(None);
    };
    let due = not_empty().filter(|bucket| bucket.expires_at == Some(at));
    let credits = Credits::sum(due.map(|bucket| bucket.remaining))?;
    Ok(Some(NextExpiry { at, credits }))
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
        }
    }
}

#[cfg(test)]
mod tests;

//! `GET /api/credits/history`: every movement of the caller's credits, newest first, in words.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Query};
use jiff::Timestamp;
use ledger::{
    Credits, HoldId,
    entry::{Cause, Entry},
    hold::Ending,
};
use ledger_dynamodb::Page;
use serde::{Deserialize, Serialize};

use crate::{CreditsMe, cursor::Cursor, signed_in::SignedIn, unreadable, words::words};

/// `?limit=&cursor=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

/// Entries per page, 1 to 100: a page of a hundred is one answer of the table and reads well.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
struct Limit(u32);

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl TryFrom<u32> for Limit {
    type Error = &'static str;

    fn try_from(entries: u32) -> Result<Self, &'static str> {
        if (1..=100).contains(&entries) {
            Ok(Self(entries))
        } else {
            Err("a page has 1 to 100 entries")
        }
    }
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// The call is running, or nobody has ended its hold yet.
    Open,
    /// The call was delivered.
    Settled,
    /// The call was not delivered.
    Released,
    /// Nobody ended the hold in time.
    Expired,
}

/// One page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    entries: Vec<ShownEntry>,
    next_cursor: Option<String>,
}

/// An entry as its owner reads it. Members that its kind does not have are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownEntry {
    id: String,
    kind: &'static str,
    credits: Credits,
    at: Timestamp,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charged: Option<Credits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

pub(crate) async fn show(
    SignedIn { caller, .. }: SignedIn,
    State(function): State<Arc<CreditsMe>>,
    Query(Range { limit: Limit(limit), cursor }): Query<Range>,
) -> Result<Response, ApiError> {
    let cursor = cursor.as_deref().map(Cursor::decode).transpose()?;
    let after = cursor.map(|cursor| cursor.after);
    let page = function.store.history(&caller.account, limit, after).await.map_err(unreadable)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(history(&page, cursor))).into_response())
}

fn history(page: &Page, cursor: Option<Cursor>) -> History {
    // INVARIANT: newest first, a hold follows directly on its outcome, if it has one.
    let mut last_ending = cursor.and_then(Cursor::ending_of);
    let mut entries = Vec::with_capacity(page.entries.len());
    for entry in &page.entries {
        if let Cause::Outcome { hold, ending } = entry.cause {
            last_ending = Some((hold, Status::of(ending)));
        }
        entries.push(ShownEntry::of(entry, last_ending));
    }
    let next_cursor = page.next.map(|after| {
        let last = last_ending.filter(|(hold, _)| hold.outcome() == after);
        Cursor { after, ended: last.map(|(_, status)| status) }.encode()
    });
    History { entries, next_cursor }
}

impl Status {
    const ENDED: [Self; 3] = [Self::Settled, Self::Released, Self::Expired];

    fn of(ending: Ending) -> Self {
        match ending {
            Ending::Settled { .. } => Self::Settled,
            Ending::Released => Self::Released,
            Ending::Expired => Self::Expired,
        }
    }

    /// The word in answers and cursors.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    /// The status of an ended hold by its word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ENDED.into_iter().find(|status| status.as_str() == word)
    }
}

impl ShownEntry {
    /// The entry, given the outcome that was shown last.
    fn of(entry: &Entry, last_ending: Option<(HoldId, Status)>) -> Self {
        let mut shown = Self {
            id: entry.id.to_string(),
            kind: entry.cause.kind().as_str(),
            credits: entry.amount,
            at: entry.at,
            text: words(entry),
            hold_id: None,
            status: None,
            feature: None,
            model: None,
            quantity: None,
            charged: None,
            source: None,
            expires_at: None,
        };
        match &entry.cause {
            Cause::Hold(terms) => {
                let own = last_ending.filter(|(hold, _)| hold.entry() == entry.id);
                shown.hold_id = Some(entry.id.to_string());
                shown.status = Some(own.map_or(Status::Open, |(_, status)| status));
                shown.feature = Some(terms.feature.to_string());
                shown.model = Some(terms.model.clone()).filter(|model| !model.is_empty());
                shown.quantity = Some(terms.quantity);
                shown.expires_at = Some(terms.expires_at);
            }
            Cause::Outcome { hold, ending } => {
                shown.hold_id = Some(hold.to_string());
                shown.status = Some(Status::of(*ending));
                shown.charged = Some(ending.charged());
            }
            Cause::Charge { hold } => {
                shown.hold_id = Some(hold.to_string());
                shown.charged = Some(entry.amount.negated());
            }
            Cause::Refund { hold, .. } => shown.hold_id = Some(hold.to_string()),
            Cause::Grant { source, expires_at, .. } => {
                shown.source = Some(source.as_str());
                shown.expires_at = *expires_at;
            }
            Cause::Expiry { source } => shown.source = Some(source.as_str()),
            // What an admin or a payment provider noted is for the operator.
            Cause::Adjustment { .. } | Cause::Clawback { .. } | Cause::Reinstatement { .. } => {}
        }
        shown
    }
}

#[cfg(test)]
mod tests;

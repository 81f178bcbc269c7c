//! `GET /api/admin/accounts/{account}/entries`: what moved, newest first, by pages or as a file.

mod csv;
mod export;
mod wanted;

use admin::Admin;
use axum::{
    extract::{Extension, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::ACCEPT, header::CACHE_CONTROL};
use http_api::{ApiError, Json, Path, Query};
use ledger::{AccountId, entry::Entry};
use ledger_dynamodb::Page;
use serde::Serialize;
use startup::Deadline;

use self::wanted::Wanted;
use crate::{AdminAdjust, asked, cursor, shown::ShownEntry};

/// How many entries one page looks at where it shows only some kinds or features: one answer of
/// the table, and a wait that nobody notices. A page may come back short, and says where to go on.
const EXAMINED_MAX: u32 = 500;

/// One page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entries {
    entries: Vec<ShownEntry>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(
    _admin: Admin,
    State(function): State<AdminAdjust>,
    account: Result<Path<String>, ApiError>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    deadline: Option<Extension<Deadline>>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let account = asked::account(account, "account")?;
    let wanted = Wanted::read(parameters)?;
    if wants_csv(&headers) {
        let deadline = deadline.and_then(|Extension(Deadline(at))| at);
        let file = function.file(&account, &wanted, deadline).await?;
        return file.answer(&account, query.as_deref().unwrap_or_default());
    }
    let page = function.page(&account, &wanted).await?;
    let entries = Entries {
        entries: page.entries.iter().map(ShownEntry::of).collect(),
        next_cursor: page.next.as_ref().map(cursor::encode),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(entries)).into_response())
}

impl AdminAdjust {
    /// At most as many entries as are wanted.
    async fn page(&self, account: &AccountId, wanted: &Wanted) -> Result<Page, ApiError> {
        let limit = wanted.limit();
        let examined = if wanted.is_everything() { limit } else { EXAMINED_MAX };
        let page = self.deps.store.entries(account, &wanted.filter, examined, wanted.after).await;
        let mut page = page.map_err(admin::unreadable)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if page.entries.len() > limit {
            page.entries.truncate(limit);
            page.next = page.entries.last().map(|entry: &Entry| entry.id);
        }
        Ok(page)
    }
}

/// Whether `Accept` names the type. What else it names, and in which order of preference, does not
/// matter: nobody who reads JSON asks for `text/csv`.
fn wants_csv(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = values.flat_map(|value| value.split(','));
    ranges.any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/csv")
    })
}

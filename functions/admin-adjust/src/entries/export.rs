//! All entries as one CSV file, as far as one answer reaches.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LINK},
};
use http_api::ApiError;
use jiff::{SignedDuration, Timestamp};
use ledger::{AccountId, EntryId};

use super::{EXAMINED_MAX, csv, wanted::Wanted};
use crate::{AdminAdjust, cursor};

/// The most one answer holds, as the platform counts it: inside a JSON string. It takes 6 MB with
/// everything around.
const ANSWER_BYTES_MAX: usize = 5_000_000;

/// How many pages of the table one answer reads: a filter that shows little of a long history
/// must end before the function's time does.
const PAGES_MAX: u32 = 200;

/// How long before the answer must be there no further page is read: what is read by then still
/// has to be written and sent.
const MARGIN: SignedDuration = SignedDuration::from_secs(8);

/// A file, and where the next one begins if there is more.
pub(super) struct File {
    text: Vec<u8>,
    next: Option<EntryId>,
}

impl AdminAdjust {
    /// The entries that are wanted, as far as one file goes that must be there by `deadline`.
    pub(super) async fn file(
        &self,
        account: &AccountId,
        wanted: &Wanted,
        deadline: Option<Timestamp>,
    ) -> Result<File, ApiError> {
        if wanted.limit.is_some() {
            let detail = "a file has all entries: `limit` is for pages";
            return Err(ApiError::invalid_field("limit", detail));
        }
        let end = deadline.map(|at| at.checked_sub(MARGIN).unwrap_or(at));
        let mut text = csv::header().map_err(|error| ApiError::internal(&error))?;
        let mut size = escaped(&text);
        let mut after = wanted.after;
        for _ in 0..PAGES_MAX {
            let store = &self.deps.store;
            let page = store.entries(account, &wanted.filter, EXAMINED_MAX, after).await;
            let page = page.map_err(admin::unreadable)?;
            for entry in &page.entries {
                let row = csv::row(entry).map_err(|error| ApiError::internal(&error))?;
                size = size.saturating_add(escaped(&row));
                if size > ANSWER_BYTES_MAX {
                    return Ok(File { text, next: after });
                }
                text.extend(row);
                after = Some(entry.id);
            }
            after = page.next;
            if after.is_none() || end.is_some_and(|end| self.deps.clock.now() >= end) {
                break;
            }
        }
        Ok(File { text, next: after })
    }
}

impl File {
    /// The file as an answer; `Link: <…>; rel="next"` says where the rest is.
    pub(super) fn answer(self, account: &AccountId, query: &str) -> Result<Response, ApiError> {
        let name = format!("attachment; filename=\"entries-{account}.csv\"");
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (CONTENT_DISPOSITION, name),
            (CACHE_CONTROL, "no-store".to_owned()),
        ];
        let mut response = (headers, self.text).into_response();
        if let Some(next) = self.next {
            let link = HeaderValue::try_from(link(account, query, next));
            let link = link.map_err(|error| ApiError::internal(&error))?;
            response.headers_mut().insert(LINK, link);
        }
        Ok(response)
    }
}

/// How long `text` is inside a JSON string.
fn escaped(text: &[u8]) -> usize {
    let longer = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..0x20 => 5,
        _ => 0_usize,
    };
    text.iter().map(longer).fold(text.len(), usize::saturating_add)
}

/// The same request from another entry on.
fn link(account: &AccountId, query: &str, next: EntryId) -> String {
    let kept = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("cursor="));
    let cursor = format!("cursor={}", cursor::encode(&next));
    let query: Vec<&str> = kept.chain([cursor.as_str()]).collect();
    format!("</api/admin/accounts/{account}/entries?{}>; rel=\"next\"", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_asked_for_with_the_same_filters() {
        let account = AccountId::parse("user_1").unwrap();
        let next: EntryId = "01JD3Q7Z8M0000000000000000".parse().unwrap();
        let cursor = cursor::encode(&next);
        for (query, kept) in [
            ("", ""),
            ("kind=grant&cursor=old&feature=ai_text_chat", "kind=grant&feature=ai_text_chat&"),
        ] {
            let expected =
                format!("</api/admin/accounts/user_1/entries?{kept}cursor={cursor}>; rel=\"next\"");
            assert_eq!(link(&account, query, next), expected);
        }
    }

    #[test]
    fn the_size_is_what_a_json_string_takes() {
        for text in ["plain", "a \"b\" \\ c\r\n", "ü\t\u{1}"] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(escaped(text.as_bytes()), json.len() - 2, "{text:?}");
        }
    }
}

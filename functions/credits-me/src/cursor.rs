//! Where a page of history ended, as clients carry it: opaque to them.

use std::str;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use http_api::ApiError;
use ledger::{EntryId, HoldId};

use crate::history::Status;

/// The entry a page ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The entry.
    pub(crate) after: EntryId,
    /// If that is an outcome, what it was: the next page begins with its hold, and only this
    /// tells what became of it without another read.
    pub(crate) ended: Option<Status>,
}

impl Cursor {
    /// The text for clients.
    pub(crate) fn encode(self) -> String {
        let ended = self.ended.map(|status| format!(" {}", status.as_str()));
        URL_SAFE_NO_PAD.encode(format!("{}{}", self.after, ended.unwrap_or_default()))
    }

    /// The cursor in `text`; 400 `invalid_cursor` for what no page of ours ended with.
    pub(crate) fn decode(text: &str) -> Result<Self, ApiError> {
        Self::parse(text).ok_or_else(|| {
            let detail = "`cursor` must be a `nextCursor` as it was answered";
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail).field("cursor")
        })
    }

    /// What became of `hold`, if its outcome was the last entry of the page before.
    pub(crate) fn ending_of(self) -> Option<(HoldId, Status)> {
        let EntryId::Outcome(hold) = self.after else {
            return None;
        };
        Some((hold, self.ended?))
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = str::from_utf8(&bytes).ok()?;
        let (after, ended) = match text.split_once(' ') {
            Some((after, ended)) => (after, Some(Status::parse(ended)?)),
            None => (text, None),
        };
        let after: EntryId = after.parse().ok()?;
        let belongs = ended.is_some() == matches!(after, EntryId::Outcome(_));
        belongs.then_some(Self { after, ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01JD3Q7Z8M0000000000000000";

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let hold: HoldId = ULID.parse().unwrap();
        let ended = [Status::Settled, Status::Released, Status::Expired].map(Some);
        let outcomes = ended.map(|ended| Cursor { after: hold.outcome(), ended });
        for cursor in outcomes.into_iter().chain([Cursor { after: hold.entry(), ended: None }]) {
            let text = cursor.encode();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            assert_eq!(Cursor::decode(&text).unwrap(), cursor);
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for text in [
            String::new(),
            "%%%".to_owned(),
            ULID.to_owned(),
            encode("rubbish"),
            encode(&ULID.to_lowercase()),
            encode(&format!("{ULID} settled")),
            encode(&format!("{ULID}.outcome")),
            encode(&format!("{ULID}.outcome open")),
            URL_SAFE_NO_PAD.encode([0xff, 0xfe]),
        ] {
            let error = Cursor::decode(&text).unwrap_err();
            assert_eq!((error.status().as_u16(), error.code()), (400, "invalid_cursor"), "{text}");
        }
    }
}

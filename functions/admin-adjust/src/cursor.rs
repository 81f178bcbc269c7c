//! Where a page ended, as clients carry it: opaque to them.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use http_api::ApiError;

/// The text for clients.
pub(crate) fn encode(after: &impl ToString) -> String {
    URL_SAFE_NO_PAD.encode(after.to_string())
}

/// What a page of ours ended with; 400 `invalid_cursor` for what none did.
pub(crate) fn decode<T: FromStr>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let after = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    after.map(Some).ok_or_else(|| {
        let detail = "`cursor` must be a `nextCursor` as it was answered";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail).field("cursor")
    })
}

#[cfg(test)]
mod tests {
    use ledger::EntryId;

    use super::*;

    const ULID: &str = "01JD3Q7Z8M0000000000000000";

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        for id in [ULID.to_owned(), format!("{ULID}.outcome")] {
            let after: EntryId = id.parse().unwrap();
            assert_eq!(decode(Some(&encode(&after))).unwrap(), Some(after));
        }
        assert_eq!(decode::<EntryId>(None).unwrap(), None);
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in ["", "%%%", ULID, &URL_SAFE_NO_PAD.encode([0xff, 0xfe]), &encode(&"rubbish")] {
            let error = decode::<EntryId>(Some(text)).unwrap_err();
            assert_eq!((error.status().as_u16(), error.code()), (400, "invalid_cursor"), "{text}");
        }
    }
}

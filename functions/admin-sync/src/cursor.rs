//! Where a page of runs, or a run, ended, as clients carry it: opaque to them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use directory::runs::Position;
use http::StatusCode;
use http_api::ApiError;
use ulid::Ulid;

/// The cursor of a list of runs, after this one.
pub(crate) fn of_runs(after: Ulid) -> String {
    URL_SAFE_NO_PAD.encode(after.to_string())
}

/// The run that a list goes on after; 400 `invalid_cursor` for what is no cursor of a list.
pub(crate) fn runs_after(text: Option<&str>) -> Result<Option<Ulid>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let after = decoded(text).and_then(|text| Ulid::from_string(&text).ok());
    after.map(Some).ok_or_else(invalid)
}

/// The cursor of what a run has left undone.
pub(crate) fn of_position(position: &Position) -> String {
    // INVARIANT: plain strings and numbers always serialise.
    URL_SAFE_NO_PAD.encode(serde_json::to_string(position).unwrap_or_default())
}

/// Where a run is to begin; 400 `invalid_cursor` for what no run was left with.
pub(crate) fn position(text: Option<&str>) -> Result<Option<Position>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let position = decoded(text).and_then(|text| serde_json::from_str(&text).ok());
    position.map(Some).ok_or_else(invalid)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn invalid() -> ApiError {
    let detail = "`cursor` must be a `nextCursor` as it was answered";
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail).field("cursor")
}

#[cfg(test)]
mod tests {
    use directory::runs::Phase;

    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let users = Position { after: Some("user_1".to_owned()), ..Position::default() };
        let tail = vec!["subi_1".to_owned()];
        let plans = Position { phase: Phase::Plans, offset: 500, total: 900, tail, after: None };
        for written in [users, plans] {
            assert_eq!(position(Some(&of_position(&written))).unwrap(), Some(written));
        }
        let run = Ulid::from_string("01JD3Q7Z8M0000000000000000").unwrap();
        assert_eq!(runs_after(Some(&of_runs(run))).unwrap(), Some(run));
        assert_eq!((runs_after(None).unwrap(), position(None).unwrap()), (None, None));
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in ["", "%%%", "e30", &URL_SAFE_NO_PAD.encode("rubbish")] {
            for refused in [position(Some(text)).map(drop), runs_after(Some(text)).map(drop)] {
                let error = refused.unwrap_err();
                assert_eq!((error.status().as_u16(), error.code()), (400, "invalid_cursor"));
            }
        }
    }
}

//! Edits on the version that was seen: `ETag` out, `If-Match` in.

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, StatusCode, header::IF_MATCH, request::Parts};
use http_api::ApiError;

/// The version an edit was made from: the number in the one `If-Match: "7"`.
///
/// 428 `precondition_required` where the header is missing; 400 `invalid_field` for anything that
/// is not one version as it was answered, `*` too: whoever edits says what they have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::from_headers(&parts.headers)
    }
}

impl IfMatch {
    fn from_headers(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut values = headers.get_all(IF_MATCH).iter();
        let Some(value) = values.next() else {
            let detail = "`If-Match` with the `ETag` of what was read is needed";
            let status = StatusCode::PRECONDITION_REQUIRED;
            return Err(ApiError::new(status, "precondition_required", detail).field("If-Match"));
        };
        let tag = value.to_str().ok().filter(|_| values.next().is_none());
        let version = tag.and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"'));
        // The number as it was written and no other way: `"+7"` and `"07"` were never answered.
        let version = version.and_then(|digits| {
            digits.parse().ok().filter(|version: &u64| version.to_string() == digits)
        });
        version.map(Self).ok_or_else(|| {
            ApiError::invalid_field("If-Match", "`If-Match` must be one `ETag` as it was answered")
        })
    }
}

/// The value of `ETag` for a version.
pub fn etag(version: u64) -> HeaderValue {
    // INVARIANT: digits and quotes are legal in a header.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// 412: the edit was made from another version than the `current` one.
pub fn changed_meanwhile(current: u64) -> ApiError {
    let detail = "it has been changed since it was read: read it again and repeat the edit on that";
    ApiError::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", detail)
        .with("current", current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Result<u64, (u16, &str)>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        let seen = IfMatch::from_headers(&headers).map(|IfMatch(version)| version);
        let seen = seen.map_err(|error| (error.status().as_u16(), error.code()));
        assert_eq!(seen, expected, "{values:?}");
    }

    #[test]
    fn an_edit_names_one_version_as_it_was_answered() {
        check(&["\"7\""], Ok(7));
        check(&["\"0\""], Ok(0));
        check(&[etag(u64::MAX).to_str().unwrap()], Ok(u64::MAX));
        check(&[], Err((428, "precondition_required")));
        let wrong = ["7", "*", "W/\"7\"", "\"7\", \"8\"", "\"+7\"", "\"07\"", "\"\"", "\"x\"", ""];
        for wrong in wrong {
            check(&[wrong], Err((400, "invalid_field")));
        }
        check(&["\"7\"", "\"7\""], Err((400, "invalid_field")));
    }

    #[test]
    fn who_came_second_is_told_what_there_is_now() {
        let error = changed_meanwhile(9);
        assert_eq!((error.status().as_u16(), error.code()), (412, "changed_meanwhile"));
        assert_eq!(error.document()["current"], 9);
    }
}

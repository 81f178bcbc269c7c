//! The parts of a request that several routes share: accounts in paths, texts with a limit, and
//! the caller's own names for what is asked once.

use http::{HeaderMap, HeaderName, StatusCode};
use http_api::{ApiError, Path};
use ledger::AccountId;

/// The longest reason or note, in characters: what an entry keeps.
pub(crate) const TEXT_CHARS_MAX: usize = 500;

/// The longest name a caller may give to a fact: with the account it fits a grant key.
pub(crate) const REFERENCE_BYTES_MAX: usize = 200;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The account a path names in the segment `field`.
pub(crate) fn account(
    path: Result<Path<String>, ApiError>,
    field: &'static str,
) -> Result<AccountId, ApiError> {
    let parsed = path.ok().and_then(|Path(text)| AccountId::parse(&text).ok());
    parsed.ok_or_else(|| {
        let detail =
            "an account is `user_…` or `org_…`, at most 64 letters, digits and underscores";
        ApiError::invalid_field(field, detail)
    })
}

/// The person a path names in the segment `id`.
pub(crate) fn user(path: Result<Path<String>, ApiError>) -> Result<AccountId, ApiError> {
    let id = account(path, "id")?;
    if id.is_user() {
        return Ok(id);
    }
    Err(ApiError::invalid_field("id", "a user is `user_…`; organizations have other paths"))
}

/// A free text of at most [`TEXT_CHARS_MAX`] characters. An empty one counts as none.
pub(crate) fn text(field: &'static str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let text = text.filter(|text| !text.trim().is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
        let detail = format!("`{field}` has at most {TEXT_CHARS_MAX} characters");
        return Err(ApiError::invalid_field(field, detail));
    }
    Ok(text)
}

/// A caller's name for a fact: 1 to 200 visible ASCII characters without `#`, which separates the
/// parts of keys in the table.
pub(crate) fn reference(text: String) -> Result<String, ApiError> {
    if is_name(text.as_bytes()) && !text.contains('#') {
        return Ok(text);
    }
    let detail = format!(
        "`reference` must be 1 to {REFERENCE_BYTES_MAX} visible ASCII characters without `#`"
    );
    Err(ApiError::invalid_field("reference", detail))
}

/// The `Idempotency-Key` of a request; `None` where it has none.
///
/// 400 `invalid_idempotency_key` unless it is there once, with 1 to 200 visible ASCII characters
/// other than `#`.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let name = value.to_str().ok().filter(|name| is_name(name.as_bytes()) && !name.contains('#'));
    match name {
        Some(name) if values.next().is_none() => Ok(Some(name.to_owned())),
        _ => {
            let detail = "`Idempotency-Key` must be there once, with 1 to 200 visible ASCII \
                          characters other than `#`";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail))
        }
    }
}

fn is_name(bytes: &[u8]) -> bool {
    (1..=REFERENCE_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn a_key_is_there_once_or_not_at_all() {
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["a:1"]).unwrap().as_deref(), Some("a:1"));
        let longest = "k".repeat(REFERENCE_BYTES_MAX);
        assert_eq!(key(&[&longest]).unwrap(), Some(longest.clone()));
        for bad in [&["a", "a"][..], &[""], &["two words"], &["a#b"], &[&format!("{longest}k")]] {
            assert_eq!(key(bad).unwrap_err().code(), "invalid_idempotency_key", "{bad:?}");
        }
    }

    #[test]
    fn a_text_is_counted_in_characters_and_a_blank_one_is_none() {
        let longest = "ü".repeat(TEXT_CHARS_MAX);
        assert_eq!(text("reason", Some(longest.clone())).unwrap(), Some(longest.clone()));
        assert_eq!(text("reason", Some("  ".to_owned())).unwrap(), None);
        let error = text("reason", Some(format!("{longest}ü"))).unwrap_err();
        assert_eq!(error.detail(), "`reason` has at most 500 characters");
    }

    #[test]
    fn a_reference_fits_a_grant_key_of_the_longest_account() {
        let account = AccountId::parse(&format!("user_{}", "a".repeat(59))).unwrap();
        let longest = reference("r".repeat(REFERENCE_BYTES_MAX)).unwrap();
        assert!(ledger::entry::GrantKey::manual(&account, &longest).is_ok());
        for bad in [String::new(), "a b".to_owned(), "a#b".to_owned(), format!("{longest}r")] {
            assert_eq!(reference(bad).unwrap_err().code(), "invalid_field");
        }
    }
}

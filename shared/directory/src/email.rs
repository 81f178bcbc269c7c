//! How e-mail addresses are ordered for the search by their beginning.

use ledger::AccountId;

/// Longer than any address that can be delivered to (RFC 5321: 254), and short enough for an index
/// key. A longer one is kept with its user and is in no search.
const EMAIL_BYTES_MAX: usize = 512;

/// The index entry of a user with this address: its partition and its place there.
pub(crate) fn entry(email: &str, id: &AccountId) -> Option<(String, String)> {
    let email = email.to_lowercase();
    let fits = !email.is_empty() && email.len() <= EMAIL_BYTES_MAX;
    fits.then(|| (shard(&email), format!("{email}#{id}")))
}

/// The partition of addresses that begin like `text`, of which only the first character counts:
/// the letters, the digits, and one for everything else.
pub(crate) fn shard(text: &str) -> String {
    let first = text.chars().next().map(|first| first.to_ascii_lowercase());
    let class = first.filter(|first| matches!(first, 'a'..='z' | '0'..='9')).unwrap_or('_');
    class.to_string()
}

/// The user whose index entry this is.
pub(crate) fn owner(email_key: &str) -> Option<AccountId> {
    AccountId::parse(email_key.rsplit_once('#')?.1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_its_beginning_in_any_case_and_names_its_user() {
        let id = AccountId::parse("user_1").unwrap();
        for (email, shard_of_it, key) in [
            ("Ana@Example.com", "a", "ana@example.com#user_1"),
            ("7@example.com", "7", "7@example.com#user_1"),
            ("_#x@example.com", "_", "_#x@example.com#user_1"),
            ("Éva@example.com", "_", "éva@example.com#user_1"),
        ] {
            assert_eq!(entry(email, &id), Some((shard_of_it.to_owned(), key.to_owned())));
            assert_eq!(shard(&email.to_lowercase()), shard_of_it);
            assert_eq!(owner(key), Some(id.clone()));
        }
        assert_eq!(entry("", &id), None);
        assert_eq!(entry(&"x".repeat(513), &id), None);
    }
}

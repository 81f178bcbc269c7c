//! The key of a Clerk instance.

use std::fmt;

use http::HeaderValue;

/// The secret key of a Clerk instance (`sk_…`), ready to be sent. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

/// Not a secret key. The text itself is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret key of Clerk is `sk_…`, one word of letters, digits and underscores")]
pub struct InvalidSecret;

impl Secret {
    /// The key in `text`, white space around it left out: a line break at the end of a stored
    /// secret is the most common mistake with one.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let key = text.trim();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !key.starts_with("sk_") || !key.bytes().all(legal) {
            return Err(InvalidSecret);
        }
        let mut value =
            HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| InvalidSecret)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of the `authorization` header.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_line_break_after_it_is_that_key_and_is_never_printed() {
        let secret = Secret::parse("sk_test_abc\n").unwrap();
        assert_eq!(secret, Secret::parse("sk_test_abc").unwrap());
        assert_eq!(secret.authorization(), "Bearer sk_test_abc");
        assert_eq!(format!("{secret:?} {:?}", secret.authorization()), "Secret Sensitive");
    }

    #[test]
    fn what_is_no_secret_key_is_refused_without_repeating_it() {
        for text in ["", "pk_test_abc", "sk_test abc", "sk_te\nst", "sk_tést"] {
            let error = Secret::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}

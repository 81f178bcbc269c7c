//! Why a token is not believed, and how that is answered.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use crate::error::ApiError;
use crate::jwks::KeyMissing;

/// While the keys cannot be fetched, this long is a caller asked to wait.
const KEYS_RETRY_SECONDS: u32 = 5;

/// Why a token was refused. Everything here is answered with 401, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("an `Authorization: Bearer` header with a session token is needed")]
    Missing,
    #[error("the token cannot be read")]
    Malformed,
    #[error("the token is not signed with RS256")]
    Algorithm,
    #[error("the token is signed with a key that is not known")]
    UnknownKey,
    #[error("the token's signature does not hold")]
    Signature,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token was made for a party that is not allowed")]
    Party,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token does not name a user")]
    Subject,
    #[error("the session is pending: the user has to complete the sign-in")]
    Pending,
    #[error("the identity provider's keys cannot be fetched")]
    KeysUnavailable,
}

impl From<KeyMissing> for Refusal {
    fn from(missing: KeyMissing) -> Self {
        match missing {
            KeyMissing::Unknown => Self::UnknownKey,
            KeyMissing::Unavailable => Self::KeysUnavailable,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, challenge) = match refusal {
            Refusal::KeysUnavailable => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Self::new(status, "identity_unavailable", refusal.to_string())
                    .retry_after(KEYS_RETRY_SECONDS);
            }
            Refusal::Missing => ("token_missing", "Bearer"),
            Refusal::Expired => ("token_expired", "Bearer error=\"invalid_token\""),
            _ => ("token_invalid", "Bearer error=\"invalid_token\""),
        };
        Self::new(StatusCode::UNAUTHORIZED, code, refusal.to_string())
            .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }
}

//! Who is calling: the bearer of a valid session token, and nothing else.
//!
//! Cookies are never read, so a foreign page cannot make a browser spend credits.

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap};
use jiff::Timestamp;
use ledger::AccountId;

use crate::error::ApiError;
use crate::token::{Claims, TokenVerifier};
use crate::token_refusal::Refusal;

/// The caller of a request, as a verified session token names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose credits are used.
    pub account: AccountId,
    /// The person, for the record of who did it: always a `user_…`.
    pub user: AccountId,
    /// The session the token was made for, where it says so.
    pub session: Option<String>,
    /// Somebody else acts in the user's name (an admin who looks at what the user sees).
    pub impersonated: bool,
}

/// The caller of a route that spends or moves credits, or administers.
///
/// 401 `token_missing`, `token_invalid`, `token_expired`; 403 `impersonation_forbidden` for who
/// acts in another's name; 503 `identity_unavailable` while the keys cannot be fetched.
pub async fn authenticate(
    headers: &HeaderMap,
    verifier: &TokenVerifier,
    now: Timestamp,
) -> Result<Caller, ApiError> {
    let caller = authenticate_to_read(headers, verifier, now).await?;
    if caller.impersonated { Err(impersonation_forbidden()) } else { Ok(caller) }
}

/// What the token of a request says, for a route that decides by more than who the user is.
///
/// Refuses as [`authenticate`] does.
pub async fn authenticated_claims(
    headers: &HeaderMap,
    verifier: &TokenVerifier,
    now: Timestamp,
) -> Result<Claims, ApiError> {
    let claims = verifier.verify(bearer(headers)?, now).await?;
    if claims.impersonated { Err(impersonation_forbidden()) } else { Ok(claims) }
}

fn impersonation_forbidden() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "impersonation_forbidden",
        "a session that acts in a user's name can look, and can neither spend nor change",
    )
}

/// The caller of a route that only shows the caller's own data, where impersonation is harmless.
///
/// Refuses as [`authenticate`] does, but for `impersonation_forbidden`.
pub async fn authenticate_to_read(
    headers: &HeaderMap,
    verifier: &TokenVerifier,
    now: Timestamp,
) -> Result<Caller, ApiError> {
    let claims = verifier.verify(bearer(headers)?, now).await?;
    Ok(Caller {
        account: claims.sub.clone(),
        user: claims.sub,
        session: claims.session,
        impersonated: claims.impersonated,
    })
}

/// The token of the one `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let value = value.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or(Refusal::Missing)?;
    let token = token.trim_start();
    if !scheme.eq_ignore_ascii_case("Bearer") || token.is_empty() {
        return Err(Refusal::Missing);
    }
    Ok(token)
}

#[cfg(test)]
mod tests;

//! Who is calling where no user does: a back end with a service key.
//!
//! A key is random, so its SHA-256 is all that has to be kept: there is nothing to guess, and
//! whoever reads the setting cannot call with it. Several keys are live at once, so that one can
//! be replaced without a moment in which none is good.

use std::{collections::BTreeSet, fmt};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use serde::Deserialize;

use crate::{auth::bearer, error::ApiError, token_refusal::Refusal};

#[cfg(test)]
mod tests;

/// What every service key starts with, so that one that leaks is recognised by scanners.
pub const KEY_PREFIX: &str = "sk_saldo_";

/// Keys are 52 characters long. What is much longer is not worth the hashing.
const KEY_BYTES_MAX: usize = 256;

/// The longest name of a key's owner. It is part of every entry it causes.
const NAME_CHARS_MAX: usize = 64;

/// The service keys that are good now, by what is left of them: a name and a hash.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServiceKeys(Vec<Known>);

#[derive(Clone, PartialEq, Eq)]
struct Known {
    name: String,
    sha256: [u8; 32],
    scopes: BTreeSet<Scope>,
}

/// What a service key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Place holds on any account.
    HoldsPlace,
    /// Settle and release holds that were placed with a service key.
    HoldsEnd,
}

/// A back end that is known by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name its key was given, 1 to 64 letters, digits, `-` and `_`.
    pub name: String,
}

/// Why a list of service keys is none. It says where the fault is and nothing of what stands
/// there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServiceKeys {
    /// Not JSON of the documented shape.
    #[error(
        "it must be a JSON list of objects with `name`, `sha256` and `scopes`; it is not from \
         column {0} on"
    )]
    Shape(usize),
    /// A member of one key, counted from 1, has a value it cannot have.
    #[error("key {0}: {1}")]
    Key(usize, &'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    sha256: String,
    scopes: Vec<String>,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 2] = [Self::HoldsPlace, Self::HoldsEnd];

    /// The word in the list of keys and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HoldsPlace => "holds:place",
            Self::HoldsEnd => "holds:end",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

impl ServiceKeys {
    /// Reads a list like `[{"name": "backend", "sha256": "…", "scopes": ["holds:place"]}]`.
    ///
    /// Refused whole: another shape, a name that is none, a hash that is not 64 lower-case
    /// hexadecimal digits, an unknown scope, no scope, the same key twice. Two keys may have one
    /// name: that is how a back end changes its key.
    pub fn parse(json: &str) -> Result<Self, InvalidServiceKeys> {
        let written: Vec<Written> = serde_json::from_str(json)
            .map_err(|error| InvalidServiceKeys::Shape(error.column()))?;
        let mut keys = Vec::<Known>::with_capacity(written.len());
        for (place, written) in (1..).zip(written) {
            let key = Known::read(written).map_err(|why| InvalidServiceKeys::Key(place, why))?;
            if keys.iter().any(|known| known.sha256 == key.sha256) {
                return Err(InvalidServiceKeys::Key(place, "its `sha256` is there before"));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// Who sends the request, if their key is live and may do `scope`.
    ///
    /// 401 `service_key_missing`, `service_key_invalid` (a session token, for example); 403
    /// `missing_scope` with the scope. The key itself is in no error and in no log.
    pub fn authenticate(&self, headers: &HeaderMap, scope: Scope) -> Result<Service, ApiError> {
        let key = bearer(headers).map_err(|refusal| match refusal {
            Refusal::Missing => refused(
                "service_key_missing",
                "`Authorization: Bearer` with a service key is needed",
            ),
            _ => invalid(),
        })?;
        let known = self.find(key).ok_or_else(invalid)?;
        if !known.scopes.contains(&scope) {
            let detail = format!("the service key has no scope `{}`", scope.as_str());
            let error = ApiError::new(StatusCode::FORBIDDEN, "missing_scope", detail);
            return Err(error.with("scope", scope.as_str()));
        }
        Ok(Service { name: known.name.clone() })
    }

    fn find(&self, key: &str) -> Option<&Known> {
        if !key.starts_with(KEY_PREFIX) || key.len() > KEY_BYTES_MAX {
            return None;
        }
        let hash = digest(&SHA256, key.as_bytes());
        // All of them are looked at, whichever fits: how long it takes tells nothing.
        let fits = |known: &&Known| verify_slices_are_equal(&known.sha256, hash.as_ref()).is_ok();
        self.0.iter().filter(fits).fold(None, |_, known| Some(known))
    }
}

impl Known {
    fn read(written: Written) -> Result<Self, &'static str> {
        let Written { name, sha256, scopes } = written;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(legal) {
            return Err("`name` must have 1 to 64 letters, digits, `-` and `_`");
        }
        let sha256 = hex(&sha256).ok_or("`sha256` must be 64 lower-case hexadecimal digits")?;
        let scopes: Option<BTreeSet<Scope>> =
            scopes.iter().map(|scope| Scope::parse(scope)).collect();
        let scopes = scopes.filter(|scopes| !scopes.is_empty());
        let scopes = scopes.ok_or("`scopes` must have `holds:place`, `holds:end` or both")?;
        Ok(Self { name, sha256, scopes })
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a' - 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

fn invalid() -> ApiError {
    refused("service_key_invalid", "this is not a service key that is good now")
}

fn refused(code: &'static str, detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Names and scopes; a hash is of no use to a reader either.
impl fmt::Debug for ServiceKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.iter().map(|known| (&known.name, &known.scopes));
        formatter.debug_list().entries(keys).finish()
    }
}

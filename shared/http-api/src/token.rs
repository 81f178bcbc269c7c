//! Whether a session token is one to believe.
//!
//! The algorithm is fixed (RS256), never the token's choice. The library checks the signature
//! only: everything that depends on time is judged here against the `now` that is passed in,
//! and nothing of a token is looked at before its signature holds, but for its header.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use ledger::AccountId;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::jwks::Jwks;
use crate::token_refusal::Refusal;
use crate::token_settings::{InvalidTokenSettings, TokenSettings};

/// How far the clocks of the issuer and of this machine may be apart; the vendor's own value.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Session tokens fit a cookie (4 KiB). What is larger is not worth the work of decoding.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user the token was made for: always a `user_…`.
    pub sub: AccountId,
    /// The session (`sid`), where the token names one.
    pub session: Option<String>,
    /// The token has an actor (`act`): somebody else acts in the user's name.
    pub impersonated: bool,
    /// The organization the session is active in, where there is one.
    pub organization: Option<Organization>,
    /// Everything the token says, for what only an operator's settings know to look for.
    all: Map<String, Value>,
}

/// The organization a session is active in, and what the user is in it.
///
/// Anybody can found an organization and be its admin: a role says nothing without the `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The organization, like `org_…`.
    pub id: String,
    /// The role without `org:`, which only older tokens write: `admin`, `member`.
    pub role: String,
}

impl Claims {
    /// What the token says at a dotted path, like `metadata.role`.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        let mut names = rest.into_iter().flat_map(|rest| rest.split('.'));
        names.try_fold(self.all.get(first)?, |value, name| value.get(name))
    }
}

/// Judges session tokens; made once and shared, because it keeps the fetched keys.
pub struct TokenVerifier {
    settings: TokenSettings,
    configured: Option<ConfiguredKey>,
    fetched: Jwks,
}

/// The key from the settings, and its id once a token has shown it.
struct ConfiguredKey {
    key: DecodingKey,
    id: OnceLock<String>,
}

impl TokenVerifier {
    /// A verifier for these settings. `fetch` gets the body of a URL, in bounded time and size;
    /// it is called only for a key that is not at hand, one call at a time.
    pub fn new<F, E>(
        settings: TokenSettings,
        fetch: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Result<Self, InvalidTokenSettings>
    where
        F: Future<Output = Result<Bytes, E>> + Send + 'static,
        E: Into<axum::BoxError> + 'static,
    {
        let settings = settings.checked()?;
        let configured = settings.jwt_key.as_deref().map(ConfiguredKey::from_pem).transpose()?;
        let fetched = Jwks::new(settings.keys_url(), fetch);
        Ok(Self { settings, configured, fetched })
    }

    /// Fetches the keys that the first token will need, where none is configured. A failure is not
    /// remembered: the first token tries again.
    pub async fn warm_up(&self, now: Timestamp) {
        if self.configured.is_none() {
            self.fetched.warm_up(now).await;
        }
    }

    /// The settings it judges by, to see whether it has to be made anew.
    pub fn settings(&self) -> &TokenSettings {
        &self.settings
    }

    /// What a session token says, if it is to be believed at `now`.
    ///
    /// 401 `token_invalid` or `token_expired`, 503 `identity_unavailable`. The token itself is in
    /// no error and in no log.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
        Ok(self.judge(token, now).await?)
    }

    pub(crate) async fn judge(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        let key_id = key_id(token)?;
        let claims = match self.signed_with_configured(token, &key_id)? {
            Some(claims) => claims,
            None => signed_with(token, &self.fetched.key(&key_id, now).await?)?,
        };
        claims.judge(&self.settings, now)
    }

    /// The claims if the configured key has signed them; `None` if another key may have.
    fn signed_with_configured(
        &self,
        token: &str,
        key_id: &str,
    ) -> Result<Option<SignedClaims>, Refusal> {
        let Some(configured) = &self.configured else {
            return Ok(None);
        };
        match signed_with(token, &configured.key) {
            Ok(claims) => {
                // The signature covers the header, so this is the key's id on its owner's word.
                configured.id.get_or_init(|| key_id.to_owned());
                Ok(Some(claims))
            }
            // A forgery under the known id is not worth a fetch; another id may be a new key.
            Err(Refusal::Signature) if configured.id.get().is_none_or(|id| id != key_id) => {
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }
}

impl ConfiguredKey {
    fn from_pem(pem: &str) -> Result<Self, InvalidTokenSettings> {
        let key = DecodingKey::from_rsa_pem(pem.as_bytes());
        let key = key.map_err(|_| InvalidTokenSettings::JwtKey)?;
        // The PEM reader takes a private key too, and any content; this reads a public key.
        jsonwebtoken::jwk::Jwk::from_decoding_key(&key, None)
            .map_err(|_| InvalidTokenSettings::JwtKey)?;
        Ok(Self { key, id: OnceLock::new() })
    }
}

/// The id of the key, from a header that promises nothing we would not keep.
fn key_id(token: &str) -> Result<String, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::Malformed);
    }
    let Header { alg, kid, typ, crit, .. } = decode_header(token).map_err(|error| {
        // A header with an algorithm the library does not know, like `none`, cannot be read.
        match error.kind() {
            ErrorKind::Json(error) if error.is_data() => Refusal::Algorithm,
            _ => Refusal::Malformed,
        }
    })?;
    if alg != Algorithm::RS256 {
        return Err(Refusal::Algorithm);
    }
    // The issuer's other tokens (OAuth access tokens are `at+jwt`) are not sessions, and what a
    // token declares critical must be understood or refused.
    if typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) || crit.is_some() {
        return Err(Refusal::Malformed);
    }
    kid.ok_or(Refusal::UnknownKey)
}

/// The claims of a token whose signature holds under `key`; nothing else is checked here.
fn signed_with(token: &str, key: &DecodingKey) -> Result<SignedClaims, Refusal> {
    let mut signature_only = Validation::new(Algorithm::RS256);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_nbf = false;
    signature_only.validate_aud = false;
    match decode::<Map<String, Value>>(token, key, &signature_only) {
        Ok(token) => SignedClaims::read(token.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => Refusal::Signature,
            _ => Refusal::Malformed,
        }),
    }
}

/// The claims that are judged, and beside them everything the token says.
struct SignedClaims {
    judged: JudgedClaims,
    all: Map<String, Value>,
}

#[derive(Deserialize)]
struct JudgedClaims {
    iss: Option<String>,
    azp: Option<String>,
    sub: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    sid: Option<String>,
    sts: Option<String>,
}

impl SignedClaims {
    fn read(all: Map<String, Value>) -> Result<Self, Refusal> {
        let judged = JudgedClaims::deserialize(&all).map_err(|_| Refusal::Malformed)?;
        Ok(Self { judged, all })
    }

    fn judge(self, settings: &TokenSettings, now: Timestamp) -> Result<Claims, Refusal> {
        let Self { judged, all } = self;
        if judged.iss.as_ref() != Some(&settings.issuer) {
            return Err(Refusal::Issuer);
        }
        if !judged.azp.is_some_and(|azp| settings.authorized_parties.contains(&azp)) {
            return Err(Refusal::Party);
        }
        if now.duration_since(moment(judged.exp)?) >= SKEW {
            return Err(Refusal::Expired);
        }
        for beginning in [judged.nbf, judged.iat].into_iter().flatten() {
            if moment(beginning)?.duration_since(now) > SKEW {
                return Err(Refusal::NotYet);
            }
        }
        if judged.sts.is_some_and(|status| status == "pending") {
            return Err(Refusal::Pending);
        }
        let sub = judged.sub.and_then(|sub| AccountId::parse(&sub).ok());
        let sub = sub.filter(AccountId::is_user).ok_or(Refusal::Subject)?;
        // An actor that is null is none.
        let impersonated = all.get("act").is_some_and(|actor| !actor.is_null());
        let organization = organization(&all);
        Ok(Claims { sub, session: judged.sid, impersonated, organization, all })
    }
}

/// The active organization: `o` in tokens of version 2, flat claims in those of version 1.
fn organization(all: &Map<String, Value>) -> Option<Organization> {
    let (id, role) = match all.get("o") {
        Some(organization) => (organization.get("id")?, organization.get("rol")?),
        None => (all.get("org_id")?, all.get("org_role")?),
    };
    let role = role.as_str()?;
    let role = role.strip_prefix("org:").unwrap_or(role);
    Some(Organization { id: id.as_str()?.to_owned(), role: role.to_owned() })
}

fn moment(unix_seconds: i64) -> Result<Timestamp, Refusal> {
    Timestamp::from_second(unix_seconds).map_err(|_| Refusal::Malformed)
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! A Clerk-compatible token mint: session tokens of local users, and the keys to check them.
//!
//! The key is made once and kept in the state directory, so that a token printed yesterday is
//! still good after a restart. Tokens have the claims of Clerk's session token, version 2, and
//! live for a day instead of a minute: a developer pastes them into a shell.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The `azp` of every token: the origin of the local web application.
pub const AUTHORIZED_PARTY: &str = "http://localhost:3000";

/// The issuer named in tokens for as long as [`Mint::serve`] was not called: tests that check with
/// [`Mint::public_pem`] need no server.
pub const UNSERVED_ISSUER: &str = "http://mint.localhost";

/// The file in the state directory that holds the private key, as PKCS#8.
const KEY_FILE: &str = "mint.pkcs8";

const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Why the mint could not be opened or a token not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The key file cannot be read or written.
    #[error("the token mint cannot use its key file `{path}`")]
    File {
        /// The key file.
        path: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The key file does not hold an RSA key.
    #[error("`{0}` is not a private key: remove it and a new one is made")]
    NotAKey(String),
    /// The cryptographic library failed.
    #[error("the token mint cannot make or use its key")]
    Crypto,
}

impl From<Unspecified> for MintError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

/// The mint; clones share one key.
#[derive(Debug, Clone)]
pub struct Mint(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: KeyPair,
    key_id: String,
    issuer: OnceLock<String>,
}

impl Mint {
    /// Opens the mint whose key is kept in `dir`, and makes both on first use.
    ///
    /// Fails where the key file cannot be read or written, or holds something else.
    pub fn open(dir: &Path) -> Result<Self, MintError> {
        let path = dir.join(KEY_FILE);
        let failed = |source| MintError::File { path: path.display().to_string(), source };
        let pkcs8 = match fs::read(&path) {
            Ok(pkcs8) => pkcs8,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let der: Pkcs8V1Der = KeyPair::generate(KeySize::Rsa2048)?.as_der()?;
                keep_first(dir, &path, der.as_ref()).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        let key = KeyPair::from_pkcs8(&pkcs8)
            .map_err(|_| MintError::NotAKey(path.display().to_string()))?;
        let modulus = PublicKeyComponents::<Vec<u8>>::from(key.public_key()).n;
        // The first bits of the modulus tell keys apart as well as a digest of it would.
        let key_id = format!("ins_{}", hex(modulus.get(..8).unwrap_or(&modulus)));
        Ok(Self(Arc::new(Inner { key, key_id, issuer: OnceLock::new() })))
    }

    /// Serves `/.well-known/jwks.json` and returns the issuer that tokens name from now on.
    ///
    /// Must be called inside a Tokio runtime. Fails where the listener has no local address; a
    /// second call serves too, but tokens keep the first issuer.
    pub fn serve(&self, listener: TcpListener) -> io::Result<String> {
        let issuer = format!("http://{}", listener.local_addr()?);
        let jwks = self.jwks();
        let keys = get(move || std::future::ready(axum::Json(jwks.clone()).into_response()));
        let router = Router::new().route("/.well-known/jwks.json", keys);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(self.0.issuer.get_or_init(|| issuer).clone())
    }

    /// The issuer that tokens name.
    pub fn issuer(&self) -> &str {
        self.0.issuer.get().map_or(UNSERVED_ISSUER, String::as_str)
    }

    /// A token of an ordinary user, such as `user_ada`, good for a day from `now`.
    pub fn user_token(&self, user_id: &str, now: Timestamp) -> Result<String, MintError> {
        self.token(&self.claims(user_id, now)?)
    }

    /// A token of a user whose public metadata says `"role": "admin"`.
    pub fn admin_token(&self, user_id: &str, now: Timestamp) -> Result<String, MintError> {
        let mut claims = self.claims(user_id, now)?;
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("metadata".to_owned(), json!({"role": "admin"}));
        }
        self.token(&claims)
    }

    /// The claims of a good token of `user_id`, for tests to spoil and pass to [`Mint::token`].
    pub fn claims(&self, user_id: &str, now: Timestamp) -> Result<Value, MintError> {
        let issued_s = now.as_second();
        Ok(json!({
            "azp": AUTHORIZED_PARTY,
            "exp": issued_s.saturating_add(LIFETIME.as_secs()),
            // Minutes since the first and the second factor were verified; -1 is "never".
            "fva": [0, -1],
            "iat": issued_s,
            "iss": self.issuer(),
            "jti": random_hex()?,
            // Clerk's own tokens are good from ten seconds before they were issued.
            "nbf": issued_s.saturating_sub(10),
            "sid": format!("sess_{}", random_hex()?),
            "sts": "active",
            "sub": user_id,
            "v": 2,
        }))
    }

    /// A token of any claims, signed with the mint's key.
    pub fn token(&self, claims: &Value) -> Result<String, MintError> {
        let header = json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": self.0.key_id,
                            "typ": "JWT"});
        self.token_with_header(&header, claims)
    }

    /// A token of any header and claims: the signature is RS256 whatever `header` says.
    pub fn token_with_header(&self, header: &Value, claims: &Value) -> Result<String, MintError> {
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.0.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.0.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The key set that [`Mint::serve`] serves.
    pub fn jwks(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.0.key.public_key());
        json!({"keys": [{
            "use": "sig", "kty": "RSA", "alg": "RS256", "kid": self.0.key_id,
            "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e),
        }]})
    }

    /// The public key as PEM (`BEGIN PUBLIC KEY`), as Clerk's dashboard shows it.
    pub fn public_pem(&self) -> Result<String, MintError> {
        let der: PublicKeyX509Der = self.0.key.public_key().as_der()?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }
}

/// Writes `pkcs8` to `path`, readable by its owner only, unless another process was first, and
/// returns what the file holds in the end. No reader ever finds half a key.
fn keep_first(dir: &Path, path: &Path, pkcs8: &[u8]) -> io::Result<Vec<u8>> {
    fs::create_dir_all(dir)?;
    let unfinished = dir.join(format!("{KEY_FILE}.{}", random_hex().map_err(io::Error::other)?));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(pkcs8)?;
    file.sync_all()?;
    let kept = match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(path),
    };
    fs::remove_file(&unfinished)?;
    kept
}

fn random_hex() -> Result<String, MintError> {
    let mut bytes = [0; 10];
    fill(&mut bytes)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

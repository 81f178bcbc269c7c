//! New service keys: what a back end is given once, and what is kept of it.

use aws_lc_rs::{
    digest::{SHA256, digest},
    error::Unspecified,
    rand::{SecureRandom as _, SystemRandom},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Everything that a service key may be allowed.
pub const SCOPES: [&str; 2] = ["holds:place", "holds:end"];

/// A service key that nobody else has.
pub struct ServiceKey {
    /// What the back end sends as its bearer token: `sk_saldo_` and 256 random bits.
    pub key: String,
    /// What is stored of it: an element of the list in the secret `SERVICE_KEYS`.
    pub stored: Value,
}

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl ServiceKey {
    /// A new key for the back end `name` with these scopes.
    pub fn new(name: &str, scopes: &[&str]) -> Result<Self, NoRandomness> {
        let mut random = [0_u8; 32];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|Unspecified| NoRandomness)?;
        let key = format!("sk_saldo_{}", URL_SAFE_NO_PAD.encode(random));
        let hash = digest(&SHA256, key.as_bytes());
        let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hash: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        let stored = json!({"name": name, "sha256": hash, "scopes": scopes});
        Ok(Self { key, stored })
    }

    /// The value of the secret where this is the only key.
    pub fn list(&self) -> String {
        json!([self.stored]).to_string()
    }
}

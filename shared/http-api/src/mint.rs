//! Tokens and keys for the tests of this crate, made with keys that live as long as the test run.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};

use crate::token_settings::TokenSettings;

pub(crate) const ISSUER: &str = "https://clerk.example.com";
pub(crate) const PARTY: &str = "https://app.example.com";

/// The moment at which [`claims`] are issued, in unix seconds.
pub(crate) const ISSUED: i64 = 1_800_000_000;

/// An issuer's key: `OURS` signs, `THEIRS` is anybody else's or the next one.
pub(crate) struct Mint {
    pub(crate) key_id: &'static str,
    key: KeyPair,
}

pub(crate) static OURS: LazyLock<Mint> = LazyLock::new(|| Mint::new("ins_OURS"));
pub(crate) static THEIRS: LazyLock<Mint> = LazyLock::new(|| Mint::new("ins_THEIRS"));

pub(crate) fn at(unix_seconds: i64) -> Timestamp {
    Timestamp::from_second(unix_seconds).unwrap()
}

/// The settings without a configured key: keys come from a fetch.
pub(crate) fn settings() -> TokenSettings {
    TokenSettings {
        issuer: ISSUER.to_owned(),
        authorized_parties: vec![PARTY.to_owned()],
        jwt_key: None,
        jwks_url: None,
    }
}

/// The claims of an ordinary session token, good from ten seconds before `ISSUED` to 60 after.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "azp": PARTY, "sub": "user_1", "sid": "sess_1", "sts": "active", "v": 2,
        "iat": ISSUED, "nbf": ISSUED - 10, "exp": ISSUED + 60,
    })
}

/// [`claims`] with one of them replaced, or left out where the value is null.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.insert(name.to_owned(), value);
    members.retain(|_, value| !value.is_null());
    claims
}

/// The answer of a provider that publishes these keys.
pub(crate) fn key_set(mints: &[&Mint]) -> Bytes {
    let keys: Vec<_> = mints.iter().map(|mint| mint.jwk()).collect();
    Bytes::from(json!({ "keys": keys }).to_string())
}

impl Mint {
    fn new(key_id: &'static str) -> Self {
        Self { key_id, key: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    /// A token with the header of an ordinary session token.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id }), claims)
    }

    /// A token that is signed with RS256, whatever its header says.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    pub(crate) fn jwk(&self) -> Value {
        let key = DecodingKey::from_rsa_pem(self.pem().as_bytes()).unwrap();
        let jwk = Jwk::from_decoding_key(&key, Some(Algorithm::RS256)).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.key_id);
        jwk["use"] = json!("sig");
        jwk
    }
}

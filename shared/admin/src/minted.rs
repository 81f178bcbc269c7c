//! Tokens for the tests of this crate, signed with a key that lives as long as the test run.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http_api::{TokenSettings, TokenVerifier};
use jiff::Timestamp;
use serde_json::{Value, json};
use startup::BoxError;

/// The moment at which [`token`]s are issued, in unix seconds.
const ISSUED: i64 = 1_800_000_000;

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

/// When the tokens are good.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(ISSUED).unwrap()
}

/// A verifier that believes the tokens made here, with no need of a network.
pub(crate) fn verifier() -> Arc<TokenVerifier> {
    let der: PublicKeyX509Der<'_> = KEY.public_key().as_der().unwrap();
    let key = STANDARD.encode(der.as_ref());
    let settings = TokenSettings {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        jwt_key: Some(format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n")),
        jwks_url: None,
    };
    let no_keys = |_url| async { Err::<Bytes, BoxError>("no network here".into()) };
    Arc::new(TokenVerifier::new(settings, no_keys).unwrap())
}

/// A session token of `user_1` with these claims beside the usual ones.
pub(crate) fn token(more: &Value) -> String {
    let mut claims = json!({
        "iss": "https://clerk.example.com", "azp": "https://app.example.com",
        "sub": "user_1", "sid": "sess_1", "sts": "active", "v": 2,
        "iat": ISSUED, "nbf": ISSUED - 10, "exp": ISSUED + 60,
    });
    let members = claims.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "ins_1" });
    let message = format!("{}.{}", encode(&header), encode(&claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    let random = SystemRandom::new();
    KEY.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

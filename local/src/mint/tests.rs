//! Tokens of the mint are what a verifier of Clerk's tokens accepts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{AUTHORIZED_PARTY, KEY_FILE, LIFETIME, Mint, MintError, UNSERVED_ISSUER, random_hex};

/// A directory of this test alone, removed when it ends.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("mint-test-{}", random_hex().unwrap())))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn claims(token: &str, key: &DecodingKey) -> jsonwebtoken::errors::Result<Value> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    decode::<Value>(token, key, &validation).map(|token| token.claims)
}

#[tokio::test]
async fn a_token_verifies_against_the_served_key_set() {
    let dir = Dir::new();
    let mint = Mint::open(&dir.0).unwrap();
    assert_eq!(mint.issuer(), UNSERVED_ISSUER);
    let issuer = mint.serve(TcpListener::bind(("127.0.0.1", 0)).await.unwrap()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let url = format!("{issuer}/.well-known/jwks.json").parse().unwrap();
    let body = client.get(url).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let keys: JwkSet = serde_json::from_slice(&body).unwrap();

    let token = mint.user_token("user_ada", now()).unwrap();
    let key_id = decode_header(&token).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&key_id).unwrap()).unwrap();
    let claims = claims(&token, &key).unwrap();
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["sub"], "user_ada");
    assert_eq!(claims["azp"], AUTHORIZED_PARTY);
    assert_eq!((&claims["v"], &claims["sts"]), (&json!(2), &json!("active")));
    assert_eq!(claims["iat"], now().as_second());
    assert_eq!(claims["exp"], now().as_second() + LIFETIME.as_secs());
    assert!(claims.get("o").is_none() && claims.get("metadata").is_none());
}

#[test]
fn an_admin_token_says_so_in_its_metadata() {
    let dir = Dir::new();
    let mint = Mint::open(&dir.0).unwrap();
    let key = DecodingKey::from_rsa_pem(mint.public_pem().unwrap().as_bytes()).unwrap();
    let claims = claims(&mint.admin_token("user_root", now()).unwrap(), &key).unwrap();
    assert_eq!(claims["metadata"], json!({"role": "admin"}));
}

#[test]
fn the_key_survives_a_restart_and_only_its_owner_can_read_it() {
    let dir = Dir::new();
    let token = Mint::open(&dir.0).unwrap().user_token("user_ada", now()).unwrap();
    let reopened = Mint::open(&dir.0).unwrap();
    let key = DecodingKey::from_rsa_pem(reopened.public_pem().unwrap().as_bytes()).unwrap();
    assert!(claims(&token, &key).is_ok());
    let mode = fs::metadata(dir.0.join(KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1);
}

#[test]
fn the_token_of_another_mint_does_not_verify() {
    let (ours, other) = (Dir::new(), Dir::new());
    let pem = Mint::open(&ours.0).unwrap().public_pem().unwrap();
    let token = Mint::open(&other.0).unwrap().user_token("user_ada", now()).unwrap();
    assert!(claims(&token, &DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap()).is_err());
}

#[test]
fn any_claims_and_any_header_can_be_signed() {
    let dir = Dir::new();
    let mint = Mint::open(&dir.0).unwrap();
    let mut spoilt = mint.claims("user_ada", now()).unwrap();
    spoilt["sts"] = json!("pending");
    let key = DecodingKey::from_rsa_pem(mint.public_pem().unwrap().as_bytes()).unwrap();
    assert_eq!(claims(&mint.token(&spoilt).unwrap(), &key).unwrap(), spoilt);
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "ins_unknown"});
    let token = mint.token_with_header(&header, &spoilt).unwrap();
    assert_eq!(decode_header(&token).unwrap().kid.as_deref(), Some("ins_unknown"));
}

#[test]
fn a_file_that_is_no_key_is_named_in_the_error() {
    let dir = Dir::new();
    fs::create_dir_all(&dir.0).unwrap();
    fs::write(dir.0.join(KEY_FILE), "not a key").unwrap();
    let error = Mint::open(&dir.0).unwrap_err();
    assert!(matches!(&error, MintError::NotAKey(path) if path.ends_with(KEY_FILE)), "{error}");
}

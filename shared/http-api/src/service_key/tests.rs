use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::*;

/// A key, and its SHA-256 by another program (`printf %s … | sha256sum`).
const KEY: &str = "sk_saldo_test";
const HASH: &str = "16d487092dde89a3048de1d1032739ef237019e61478d752c20bb855eb3a41ba";

fn one(changes: Value) -> Result<ServiceKeys, InvalidServiceKeys> {
    let mut key = json!({"name": "backend", "sha256": HASH, "scopes": ["holds:place"]});
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    key.as_object_mut().unwrap().extend(changes);
    ServiceKeys::parse(&json!([key]).to_string())
}

fn headers(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
}

fn check(keys: &ServiceKeys, header: &str, scope: Scope) -> Result<String, (u16, &'static str)> {
    let known = keys.authenticate(&headers(header), scope);
    known.map(|service| service.name).map_err(|error| (error.status().as_u16(), error.code()))
}

#[test]
fn a_key_is_known_by_its_hash_and_may_do_what_its_scopes_say() {
    let keys = one(json!({})).unwrap();
    let bearer = format!("Bearer {KEY}");
    assert_eq!(check(&keys, &bearer, Scope::HoldsPlace), Ok("backend".to_owned()));
    assert_eq!(check(&keys, &bearer, Scope::HoldsEnd), Err((403, "missing_scope")));
    let none = HeaderMap::new();
    let error = keys.authenticate(&none, Scope::HoldsPlace).unwrap_err();
    assert_eq!((error.status().as_u16(), error.code()), (401, "service_key_missing"));
    let invalid = Err((401, "service_key_invalid"));
    for other in ["sk_saldo_tesu", "sk_saldo_", HASH, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"] {
        assert_eq!(check(&keys, &format!("Bearer {other}"), Scope::HoldsPlace), invalid, "{other}");
    }
    assert_eq!(check(&keys, "Basic c2s6", Scope::HoldsPlace), Err((401, "service_key_missing")));
    assert_eq!(check(&ServiceKeys::default(), &bearer, Scope::HoldsPlace), invalid);
}

#[test]
fn a_key_of_a_thousand_characters_is_not_hashed() {
    let long = format!("{KEY_PREFIX}{}", "a".repeat(1_000));
    assert!(one(json!({})).unwrap().find(&long).is_none());
}

#[test]
fn what_is_not_a_list_of_keys_is_refused_without_quoting_it() {
    let secret = "hunter2";
    let rows = [
        (json!({"name": ""}), "key 1: `name` must have 1 to 64 letters, digits, `-` and `_`"),
        (json!({"name": "a b"}), "key 1: `name` must have 1 to 64 letters, digits, `-` and `_`"),
        (json!({"sha256": secret}), "key 1: `sha256` must be 64 lower-case hexadecimal digits"),
        (
            json!({"sha256": HASH.to_uppercase()}),
            "key 1: `sha256` must be 64 lower-case hexadecimal digits",
        ),
        (json!({"scopes": []}), "key 1: `scopes` must have `holds:place`, `holds:end` or both"),
        (json!({"scopes": ["*"]}), "key 1: `scopes` must have `holds:place`, `holds:end` or both"),
    ];
    for (changes, expected) in rows {
        assert_eq!(one(changes).unwrap_err().to_string(), expected);
    }
    for shape in [json!({"key": secret}), json!({"name": 7}), json!({"scopes": secret})] {
        let error = one(shape).unwrap_err();
        assert!(matches!(error, InvalidServiceKeys::Shape(_)));
        assert!(!error.to_string().contains(secret), "{error}");
    }
    assert!(matches!(ServiceKeys::parse(KEY), Err(InvalidServiceKeys::Shape(_))));
    assert_eq!(ServiceKeys::parse("[]"), Ok(ServiceKeys::default()));
}

#[test]
fn two_keys_of_one_name_are_good_at_once_and_one_key_is_not_there_twice() {
    let other = "0".repeat(64);
    let key = |hash: &str| json!({"name": "backend", "sha256": hash, "scopes": ["holds:end"]});
    let two = ServiceKeys::parse(&json!([key(HASH), key(&other)]).to_string()).unwrap();
    assert_eq!(check(&two, &format!("Bearer {KEY}"), Scope::HoldsEnd), Ok("backend".to_owned()));
    let twice = ServiceKeys::parse(&json!([key(HASH), key(HASH)]).to_string());
    assert_eq!(twice, Err(InvalidServiceKeys::Key(2, "its `sha256` is there before")));
}

#[test]
fn neither_key_nor_hash_is_printed() {
    let printed = format!("{:?}", one(json!({})).unwrap());
    assert!(printed.contains("backend") && !printed.contains(HASH.get(..8).unwrap()), "{printed}");
}

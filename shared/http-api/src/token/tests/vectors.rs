//! The verdicts of the vendor's own SDK on tokens it was shown, and ours on the same tokens.
//!
//! The vectors belong to others and are not kept here: `SALDO_FIXTURES` names the folder they are
//! in (`shared/fixtures`, beside the repository's own folder, when it is not set).

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Where we are stricter than the vendor's SDK on purpose: name of the vector and the reason.
/// There is none among the present vectors: its impersonated token is believed here too, and the
/// routes that move credits refuse its caller.
const STRICTER: &[(&str, Refusal)] = &[];

#[derive(Deserialize)]
struct Vectors {
    public_key_pem: String,
    jwks: Value,
    cases: Vec<Case>,
    #[serde(rename = "clerk_repo_vectors")]
    vendors_own: RepoVectors,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    token: String,
    now: i64,
    authorized_parties: Vec<String>,
    clerk_backend_accepts: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct RepoVectors {
    now: i64,
    jwks: Value,
    valid: String,
    expired: String,
    invalid_signature: String,
    malformed: String,
}

#[tokio::test]
async fn every_vector_gets_the_vendors_verdict_with_the_key_configured_and_with_it_fetched() {
    let Some(vectors) = read() else { return };
    assert!(vectors.cases.len() >= 12);
    for case in &vectors.cases {
        for jwt_key in [Some(vectors.public_key_pem.clone()), None] {
            let settings = TokenSettings {
                authorized_parties: case.authorized_parties.clone(),
                jwt_key,
                ..settings()
            };
            let (verifier, _) = with_fetched(settings, Bytes::from(vectors.jwks.to_string()));
            let judged = verifier.judge(&case.token, at(case.now)).await;
            check_verdict(case, judged);
        }
    }
}

fn check_verdict(case: &Case, judged: Result<Claims, Refusal>) {
    let name = case.name.as_str();
    if let Some((_, refusal)) = STRICTER.iter().find(|(stricter, _)| *stricter == name) {
        assert!(case.clerk_backend_accepts, "{name} is no difference any more");
        return assert_eq!(judged, Err(*refusal), "{name}");
    }
    assert_eq!(judged.is_ok(), case.clerk_backend_accepts, "{name}: {judged:?}");
    match judged {
        Ok(claims) => assert_eq!(claims.impersonated, name == "impersonated_act", "{name}"),
        Err(refusal) => {
            let expected = refusal_for(case.reason.as_deref().unwrap_or_default());
            assert_eq!(refusal, expected, "{name}");
        }
    }
}

/// Our word for the vendor's reason.
fn refusal_for(reason: &str) -> Refusal {
    match reason {
        "token-not-active-yet" => Refusal::NotYet,
        "token-invalid-signature" => Refusal::Signature,
        "token-invalid-authorized-parties" => Refusal::Party,
        "token-invalid-algorithm" => Refusal::Algorithm,
        "token-expired" => Refusal::Expired,
        "token-invalid" | "token-verification-failed" => Refusal::Malformed,
        other => panic!("a reason that was not among the vectors before: {other}"),
    }
}

#[tokio::test]
async fn the_tokens_of_the_vendors_own_tests_get_its_verdicts() {
    let Some(Vectors { vendors_own: vectors, .. }) = read() else {
        return;
    };
    let settings = TokenSettings {
        issuer: "https://clerk.inspired.puma-74.lcl.dev".to_owned(),
        authorized_parties: vec!["https://accounts.inspired.puma-74.lcl.dev".to_owned()],
        jwt_key: None,
        jwks_url: Some("https://clerk.example.com/.well-known/jwks.json".to_owned()),
    };
    let (verifier, _) = with_fetched(settings, Bytes::from(vectors.jwks.to_string()));
    let rows = [
        (&vectors.valid, Ok("user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr")),
        (&vectors.expired, Err(Refusal::Expired)),
        (&vectors.invalid_signature, Err(Refusal::Signature)),
        // Its signature is cut short, and its claims are none: the signature is seen first.
        (&vectors.malformed, Err(Refusal::Signature)),
    ];
    for (token, expected) in rows {
        let judged = verifier.judge(token, at(vectors.now)).await;
        let judged = judged.map(|claims| claims.sub.to_string());
        assert_eq!(judged, expected.map(str::to_owned));
    }
}

/// The vectors; `None`, and said so, when nobody asked for them and they are not there.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment where they are")]
fn read() -> Option<Vectors> {
    let asked_for = std::env::var_os("SALDO_FIXTURES");
    let folder = if let Some(folder) = &asked_for {
        assert!(!folder.is_empty(), "SALDO_FIXTURES is set but empty");
        PathBuf::from(folder)
    } else {
        let mut crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        crates.nth(3).unwrap().join("shared/fixtures")
    };
    if asked_for.is_none() && !folder.exists() {
        eprintln!("SKIPPED: no vectors in {}; set SALDO_FIXTURES", folder.display());
        return None;
    }
    let path = folder.join("clerk/jwt/vectors.json");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_slice(&text).unwrap())
}

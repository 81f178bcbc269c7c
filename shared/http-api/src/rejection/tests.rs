use std::collections::BTreeSet;

use ledger::Credits;
use ledger::credits::AmountTooLarge;
use serde_json::{Value, json};

use super::*;

const ERRORS: &str = include_str!("../../../../docs/errors.md");

/// The refusal after this one in the list of all. Exhaustive: a new one has to be put in.
fn next(rejection: &Rejection) -> Option<Rejection> {
    let credits = |amount: u32| Credits::from(amount);
    Some(match rejection {
        Rejection::InsufficientCredits { .. } => Rejection::AccountFrozen {
            reasons: BTreeSet::from([FreezeReason::Dispute, FreezeReason::Admin]),
        },
        Rejection::AccountFrozen { .. } => Rejection::NoAccount,
        Rejection::NoAccount => Rejection::AccountExists,
        Rejection::AccountExists => Rejection::NoHold,
        Rejection::NoHold => Rejection::HoldEnded { ended: "released", wanted: "settled" },
        Rejection::HoldEnded { .. } => {
            Rejection::ChargeOutsideHold { charged: credits(6), held: credits(5) }
        }
        Rejection::ChargeOutsideHold { .. } => Rejection::GrantKeyConflict,
        Rejection::GrantKeyConflict => Rejection::ReversalLimit { limit: credits(5) },
        Rejection::ReversalLimit { .. } => Rejection::CallOpen,
        Rejection::CallOpen => Rejection::AmountNotPositive,
        Rejection::AmountNotPositive => Rejection::AmountTooLarge(AmountTooLarge),
        Rejection::AmountTooLarge(_) => Rejection::ExpiryNotInFuture,
        Rejection::ExpiryNotInFuture => Rejection::TooManyBuckets { limit: 50 },
        Rejection::TooManyBuckets { .. } => Rejection::RateLimited,
        Rejection::RateLimited => Rejection::Busy,
        Rejection::Busy => return None,
    })
}

fn every_rejection() -> Vec<Rejection> {
    let available = Credits::try_from(-2_i64).unwrap();
    let first = Rejection::InsufficientCredits { required: Credits::from(5), available };
    std::iter::successors(Some(first), next).collect()
}

fn document(rejection: Rejection) -> Value {
    Value::Object(ApiError::from(rejection).document())
}

#[test]
fn every_refusal_of_the_ledger_is_documented_with_its_status() {
    for rejection in every_rejection() {
        let error = ApiError::from(rejection);
        let row = format!("| `{}` | {}", error.code(), error.status().as_u16());
        // The status alone, or with where it is another one.
        let found = [" |", ";"].iter().any(|end| ERRORS.contains(&format!("{row}{end}")));
        assert!(found, "docs/errors.md has no row {row}");
    }
}

#[test]
fn what_a_caller_needs_is_in_members_of_their_own() {
    let of = |code: &str| {
        let rejection = every_rejection().into_iter().find(|rejection| rejection.code() == code);
        document(rejection.unwrap())
    };
    let short = of("insufficient_credits");
    assert_eq!(short["status"], 402);
    assert_eq!((&short["required"], &short["available"]), (&json!(5), &json!(-2)));
    assert_eq!(short["detail"], "credits short: 5 needed and -2 available");
    assert_eq!(of("account_frozen")["reasons"], json!(["dispute", "admin"]));
    assert_eq!(of("hold_ended")["ended"], "released");
    assert_eq!(of("charge_outside_hold")["held"], 5);
    assert_eq!(of("reversal_limit")["limit"], 5);
    assert_eq!(of("too_many_buckets")["limit"], 50);
}

#[test]
fn a_busy_account_is_told_when_to_come_back() {
    use axum::response::IntoResponse;
    let statuses = [
        (Rejection::RateLimited, StatusCode::TOO_MANY_REQUESTS),
        (Rejection::Busy, StatusCode::CONFLICT),
    ];
    for (rejection, status) in statuses {
        let response = ApiError::from(rejection).into_response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["retry-after"], "1");
    }
}

#[test]
fn every_code_of_this_crate_has_exactly_one_row() {
    let rows: Vec<_> =
        ERRORS.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let unique: BTreeSet<_> = rows.iter().copied().collect();
    assert_eq!(rows.len(), unique.len(), "a code has two rows");
    assert!(unique.contains("internal"));
    for (file, source) in SOURCES {
        for code in codes_in(source) {
            assert!(unique.contains(code), "{file}: `{code}` is not in docs/errors.md");
        }
    }
}

const SOURCES: [(&str, &str); 5] = [
    ("auth.rs", include_str!("../auth.rs")),
    ("error.rs", include_str!("../error.rs")),
    ("json.rs", include_str!("../json.rs")),
    ("token_refusal.rs", include_str!("../token_refusal.rs")),
    ("unreadable.rs", include_str!("../unreadable.rs")),
];

/// Every string of a source file that looks like a code: lower-case words and underscores.
fn codes_in(source: &str) -> impl Iterator<Item = &str> {
    let is_code = |text: &&str| {
        text.contains('_') && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    source.split('"').skip(1).step_by(2).filter(is_code)
}

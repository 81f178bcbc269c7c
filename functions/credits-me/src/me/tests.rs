use std::collections::{BTreeMap, BTreeSet};

use http_api::{TokenSettings, TokenVerifier};
use ledger::balance::Balance;
use serde_json::{Value, json};
use startup::BoxError;
use ulid::Ulid;

use super::*;

fn now() -> Timestamp {
    "2026-11-20T15:08:00Z".parse().unwrap()
}

fn settings(values: &[(&str, &str)]) -> Settings {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let token = TokenSettings {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        jwt_key: None,
        jwks_url: None,
    };
    let no_keys = |_url| async { Err::<_, BoxError>("no keys here".into()) };
    let verifier = Arc::new(TokenVerifier::new(token, no_keys).unwrap());
    let values: BTreeMap<_, _> = values.collect();
    Settings::new(&values, crate::Catalogue::default(), verifier).unwrap()
}

fn credits(amount: i64) -> Credits {
    Credits::new(amount).unwrap()
}

fn bucket(source: Source, granted: i64, left: i64, expires_at: Option<&str>) -> Bucket {
    Bucket {
        id: Ulid::from(u128::from(source.priority())),
        source,
        granted: credits(granted),
        left: credits(left),
        expires_at: expires_at.map(|at| at.parse().unwrap()),
        priority: source.priority(),
        period: None,
    }
}

fn account(available: i64, buckets: Vec<Bucket>) -> Account {
    let marked = Credits::sum(buckets.iter().map(|bucket| bucket.left)).unwrap();
    Account {
        id: AccountId::parse("user_ada").unwrap(),
        balance: Balance {
            available: credits(available),
            next_expiry: buckets.iter().filter_map(|bucket| bucket.expires_at).min(),
            frozen: BTreeSet::new(),
            revision: 7,
        },
        buckets,
        marked_balance: marked,
        marked_at: now(),
        last_synced_at: Some("2026-11-20T15:00:00Z".parse().unwrap()),
    }
}

fn shown(account: &Account, settings: &Settings) -> Value {
    serde_json::to_value(Me::of(account, settings, now()).unwrap()).unwrap()
}

#[test]
fn the_answer_has_exact_buckets_derived_from_the_balance() {
    let december = Some("2026-12-01T00:00:00Z");
    let buckets =
        vec![bucket(Source::Plan, 100, 100, december), bucket(Source::Pack, 50, 50, None)];
    let me = shown(&account(90, buckets), &settings(&[]));
    let expected = json!({
        "account": "user_ada",
        "opened": true,
        "creditsRemaining": 90,
        "creditsTotal": 150,
        "lastSyncedAt": "2026-11-20T15:00:00Z",
        "creditsEnabled": true,
        "mode": "enforce",
        "unlimited": false,
        "isLow": false,
        "isEmpty": false,
        "frozen": [],
        "buckets": [
            {"source": "plan", "granted": 100, "remaining": 40, "expiresAt": "2026-12-01T00:00:00Z"},
            {"source": "pack", "granted": 50, "remaining": 50, "expiresAt": null},
        ],
        "nextExpiry": {"at": "2026-12-01T00:00:00Z", "credits": 40},
        "nextGrant": null,
    });
    assert_eq!(me, expected);
}

#[test]
fn credits_whose_time_is_over_are_left_out_although_nothing_has_expired_them() {
    let buckets = vec![
        bucket(Source::Plan, 100, 40, Some("2026-11-20T15:08:00Z")),
        bucket(Source::Pack, 50, 50, None),
    ];
    let me = shown(&account(90, buckets), &settings(&[]));
    assert_eq!((&me["creditsRemaining"], &me["creditsTotal"]), (&json!(50), &json!(50)));
    assert_eq!(me["nextExpiry"], Value::Null);
}

#[test]
fn the_place_an_expired_bucket_leaves_is_shown_only_for_what_came_back_to_it() {
    let week = Some("2026-11-27T00:00:00Z");
    let buckets =
        || vec![bucket(Source::Restored, 60, 0, week), bucket(Source::Pack, 50, 50, None)];
    let me = shown(&account(50, buckets()), &settings(&[]));
    assert_eq!((&me["creditsTotal"], me["buckets"].as_array().unwrap().len()), (&json!(50), 1));
    assert_eq!(me["nextExpiry"], Value::Null);
    let me = shown(&account(53, buckets()), &settings(&[]));
    let back = json!({"source": "restored", "granted": 3, "remaining": 3,
                      "expiresAt": "2026-11-27T00:00:00Z"});
    assert_eq!((&me["creditsTotal"], &me["buckets"][0]), (&json!(53), &back));
}

#[test]
fn a_balance_at_the_limit_is_low_and_one_at_zero_or_below_is_low_and_empty() {
    for (available, low, empty) in
        [(11, false, false), (10, true, false), (1, true, false), (0, true, true), (-2, true, true)]
    {
        let me = shown(&account(available, Vec::new()), &settings(&[("LOW_BALANCE", "10")]));
        assert_eq!((&me["isLow"], &me["isEmpty"]), (&json!(low), &json!(empty)), "{available}");
        assert_eq!(me["creditsRemaining"], json!(available));
    }
}

#[test]
fn shadow_answers_as_enforce_does_and_says_so() {
    let me = shown(&account(90, Vec::new()), &settings(&[("CREDITS_ENABLED", "shadow")]));
    assert_eq!((&me["mode"], &me["creditsEnabled"]), (&json!("shadow"), &json!(true)));
}

#[test]
fn every_reason_for_a_freeze_is_named() {
    let mut account = account(90, Vec::new());
    account.balance.frozen = BTreeSet::from([FreezeReason::Dispute, FreezeReason::Admin]);
    assert_eq!(shown(&account, &settings(&[]))["frozen"], json!(["dispute", "admin"]));
}

#[test]
fn an_account_nobody_has_opened_shows_what_it_will_open_with() {
    let id = AccountId::parse("user_new").unwrap();
    let shown = |signup| {
        let settings = settings(&[("SIGNUP_CREDITS", signup)]);
        serde_json::to_value(Me::unopened(&id, &settings).unwrap()).unwrap()
    };
    let me = shown("100");
    assert_eq!((&me["opened"], &me["creditsRemaining"]), (&json!(false), &json!(100)));
    let welcome =
        json!([{"source": "signup", "granted": 100, "remaining": 100, "expiresAt": null}]);
    assert_eq!((&me["buckets"], &me["lastSyncedAt"]), (&welcome, &Value::Null));
    let me = shown("0");
    assert_eq!((&me["buckets"], &me["isEmpty"]), (&json!([]), &json!(true)));
}

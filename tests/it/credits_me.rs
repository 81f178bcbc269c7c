//! `credits-me` in process: its router, from the events of the HTTP API, on a real table.

mod settings;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use axum::Router;
use credits_me::{Catalogue, CreditsMe, PlanCredits, Settings, router};
use directory::Directory;
use http::{HeaderValue, header::AUTHORIZATION};
use http_api::{TokenSettings, TokenVerifier};
use http_body_util::BodyExt;
use ledger::{AccountId, hold::Ending, price::PriceBook};
use local::mint::{AUTHORIZED_PARTY, Mint};
use serde_json::{Value, json};
use startup::{BoxError, Cached, Clock};
use tower::ServiceExt;

use crate::harness::{
    Harness, account, credits, end, grant, hold_at, later, now, released, settled,
};

const BALANCE: &str = include_str!("../../events/credits-me-balance.json");
const HOLDS: &str = include_str!("../../events/credits-me-holds.json");
const SETTINGS: &str = include_str!("../../events/credits-me-settings.json");
const HISTORY: &str = include_str!("../../events/credits-me-history.json");

/// The signed-in user.
const USER: &str = "user_1";

fn mint() -> Mint {
    Mint::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("mint")).unwrap()
}

/// The function on the test's books, with the settings given.
async fn function(books: &Harness, values: &[(&str, &str)]) -> Router {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let values: BTreeMap<String, String> = values.collect();
    let mint = mint();
    let token = TokenSettings {
        issuer: mint.issuer().to_owned(),
        authorized_parties: vec![AUTHORIZED_PARTY.to_owned()],
        jwt_key: Some(mint.public_pem().unwrap()),
        jwks_url: None,
    };
    let no_keys = |_url| async { Err::<_, BoxError>("the key is in the settings".into()) };
    let verifier = Arc::new(TokenVerifier::new(token, no_keys).unwrap());
    let clock = Clock::fixed(now());
    let read = move || {
        let catalogue = Catalogue {
            prices: Some(PriceBook::default()),
            plan_credits: Some(PlanCredits::default()),
        };
        let read = Settings::new(&values, catalogue, Arc::clone(&verifier));
        async move { read.map_err(BoxError::from) }
    };
    let settings = Cached::load(clock.clone(), read).await.unwrap();
    let directory = Directory::new(books.client.clone(), books.names.state.clone());
    router(CreditsMe { store: books.store.clone(), directory, settings, clock })
}

/// What a request answers: status, `Cache-Control`, body.
#[derive(Debug)]
struct Answer {
    status: u16,
    cache_control: String,
    body: Value,
}

/// Sends the event with a good token in its `authorization` header.
async fn signed_in(router: &Router, event: &str) -> Answer {
    let token = mint().user_token(USER, now()).unwrap();
    send(router, event, Some(&token)).await
}

async fn send(router: &Router, event: &str, token: Option<&str>) -> Answer {
    let mut request = startup::request_from_event(event, now(), None).unwrap();
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        headers.insert(AUTHORIZATION, value);
    }
    let response = router.clone().oneshot(request).await.unwrap();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
    let cache_control = header("cache-control").unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, cache_control, body: serde_json::from_slice(&body).unwrap() }
}

/// An event for any query of the history route.
fn history_event(query: &str) -> String {
    let mut event: Value = serde_json::from_str(HISTORY).unwrap();
    event["rawQueryString"] = json!(query);
    event.to_string()
}

/// An account with 10 credits: a call delivered for 1, one not delivered, one of 3 still running.
async fn used_account(books: &Harness) -> AccountId {
    let user = account(USER);
    books.open(&user, 10).await;
    for (seconds, amount, outcome) in
        [(1, 1, Some(settled(1))), (2, 5, Some(released())), (3, 3, None)]
    {
        let hold = hold_at(&user, amount, later(seconds));
        books.store.hold(&hold, credits(0)).await.unwrap();
        if let Some(outcome) = outcome {
            books.store.end(&hold, &outcome).await.unwrap();
        }
    }
    books.front.reset();
    user
}

#[tokio::test]
async fn the_balance_and_its_buckets_are_one_request() {
    let books = Harness::start().await;
    used_account(&books).await;
    let function = function(&books, &[]).await;
    let answer = signed_in(&function, BALANCE).await;
    assert_eq!((answer.status, answer.cache_control.as_str()), (200, "no-store"));
    assert_eq!(answer.body["creditsRemaining"], 6);
    let buckets = json!([{"source": "signup", "granted": 10, "remaining": 6, "expiresAt": null}]);
    assert_eq!(answer.body["buckets"], buckets);
    assert_eq!(answer.body.get("openHolds"), None);
    assert_eq!(books.operations(), ["Query"]);
}

#[tokio::test]
async fn open_holds_are_one_request_more() {
    let books = Harness::start().await;
    used_account(&books).await;
    let function = function(&books, &[]).await;
    let answer = signed_in(&function, HOLDS).await;
    let open = answer.body["openHolds"].as_array().unwrap();
    assert_eq!(open.len(), 1);
    let mut open = open[0].clone();
    assert!(open["id"].take().is_string());
    let expected = json!({
        "id": null,
        "feature": "ai_text_chat",
        "model": "gpt-4o-mini",
        "quantity": 1,
        "credits": 3,
        "placedAt": "2026-11-20T12:00:03Z",
        "expiresAt": "2026-11-20T12:20:03Z",
    });
    assert_eq!(open, expected);
    assert_eq!(books.operations(), ["Query", "Query"]);
}

#[tokio::test]
async fn credits_that_have_expired_are_left_out_although_nothing_has_run() {
    let books = Harness::start().await;
    let user = account(USER);
    books.open(&user, 10).await;
    books.submit_at(&user, grant(50, Some(later(-60))), later(-600)).await.unwrap();
    let answer = signed_in(&function(&books, &[]).await, BALANCE).await;
    assert_eq!(answer.body["creditsRemaining"], 10);
    assert_eq!(answer.body["buckets"].as_array().unwrap().len(), 1);
    assert_eq!(books.store.balance(&user).await.unwrap().unwrap().available, credits(60));
}

#[tokio::test]
async fn an_account_nobody_has_opened_shows_its_welcome_credits_and_stays_unopened() {
    let books = Harness::start().await;
    let function = function(&books, &[("SIGNUP_CREDITS", "100")]).await;
    let answer = signed_in(&function, HOLDS).await;
    assert_eq!(answer.body["opened"], false);
    assert_eq!(answer.body["creditsRemaining"], 100);
    assert_eq!(answer.body["openHolds"], json!([]));
    assert_eq!(books.store.balance(&account(USER)).await.unwrap(), None);
}

#[tokio::test]
async fn mode_off_answers_unlimited_and_reads_nothing() {
    let books = Harness::start().await;
    used_account(&books).await;
    let function = function(&books, &[("CREDITS_ENABLED", "off")]).await;
    let unlimited = json!({
        "creditsRemaining": null,
        "lastSyncedAt": null,
        "unlimited": true,
        "creditsEnabled": false,
    });
    for event in [BALANCE, HOLDS] {
        let answer = signed_in(&function, event).await;
        assert_eq!((answer.status, &answer.body), (200, &unlimited));
    }
    let free = json!({
        "featureCosts": {"ai_text_chat": 0, "ai_image_generation": 0},
        "planCredits": null,
        "creditsEnabled": false,
    });
    assert_eq!(signed_in(&function, SETTINGS).await.body, free);
    assert_eq!(books.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_settings_tell_what_each_feature_costs() {
    let books = Harness::start().await;
    let expected = |mode| {
        json!({
            "featureCosts": {"ai_text_chat": 1, "ai_image_generation": 5},
            "tokenCosts": {},
            "planCredits": {},
            "creditsEnabled": true,
            "mode": mode,
            "priceVersion": 1,
            "signupCredits": 0,
            "lowBalance": 10,
        })
    };
    for mode in ["enforce", "shadow"] {
        let function = function(&books, &[("CREDITS_ENABLED", mode)]).await;
        let answer = signed_in(&function, SETTINGS).await;
        assert_eq!((answer.status, answer.cache_control.as_str()), (200, "private, max-age=60"));
        assert_eq!(answer.body, expected(mode));
    }
}

#[tokio::test]
async fn the_history_is_told_page_by_page_newest_first_in_every_mode() {
    let books = Harness::start().await;
    used_account(&books).await;
    let told = [
        ("Chat with gpt-4o-mini", -3, "open"),
        ("Not delivered: 5 credits given back", 5, "released"),
        ("Chat with gpt-4o-mini", -5, "released"),
        ("Delivered: 1 credit charged", 0, "settled"),
        ("Chat with gpt-4o-mini", -1, "settled"),
        ("Welcome credits", 10, ""),
    ];
    for (mode, limit) in [("on", 1), ("shadow", 2), ("off", 4), ("on", 100)] {
        let function = function(&books, &[("CREDITS_ENABLED", mode)]).await;
        let mut query = format!("limit={limit}");
        let mut pages: Vec<Vec<Value>> = Vec::new();
        loop {
            let answer = signed_in(&function, &history_event(&query)).await;
            assert_eq!((answer.status, answer.cache_control.as_str()), (200, "no-store"));
            pages.push(answer.body["entries"].as_array().unwrap().clone());
            let Some(cursor) = answer.body["nextCursor"].as_str() else {
                break;
            };
            query = format!("limit={limit}&cursor={cursor}");
        }
        assert!(pages.iter().all(|page| page.len() <= limit));
        let entries = pages.concat();
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| {
                let status = entry["status"].as_str().unwrap_or_default();
                (entry["text"].as_str().unwrap(), entry["credits"].as_i64().unwrap(), status)
            })
            .collect();
        assert_eq!(seen, told, "{mode} {limit}");
    }
}

#[tokio::test]
async fn a_late_charge_is_told_with_the_call_it_belongs_to() {
    let books = Harness::start().await;
    let user = account(USER);
    books.open(&user, 10).await;
    let call = hold_at(&user, 7, now());
    books.store.hold(&call, credits(0)).await.unwrap();
    books.store.end(&call, &end(Ending::Expired, later(1_260))).await.unwrap();
    let late = end(Ending::Settled { charged: credits(5) }, later(1_300));
    books.store.end(&call, &late).await.unwrap();
    let answer = signed_in(&function(&books, &[]).await, &history_event("")).await;
    let entries = answer.body["entries"].as_array().unwrap();
    let told: Vec<_> = entries.iter().map(|entry| entry["text"].as_str().unwrap()).collect();
    let expected = [
        "Delivered late: 5 credits charged",
        "Not finished in time: 7 credits given back",
        "Chat with gpt-4o-mini",
        "Welcome credits",
    ];
    assert_eq!(told, expected);
    assert_eq!(entries[0]["holdId"], entries[2]["id"]);
}

#[tokio::test]
async fn what_cannot_be_read_of_a_query_is_refused_by_name() {
    let books = Harness::start().await;
    let function = function(&books, &[]).await;
    for (query, code, field) in [
        ("page=2", "invalid_field", "page"),
        ("limit=0", "invalid_field", "limit"),
        ("limit=101", "invalid_field", "limit"),
        ("limit=ten", "invalid_field", "limit"),
        ("cursor=rubbish", "invalid_cursor", "cursor"),
    ] {
        let answer = signed_in(&function, &history_event(query)).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!(code)), "{query}");
        assert_eq!(answer.body["field"], field, "{query}");
    }
    for (event, field) in [(BALANCE, "x"), (SETTINGS, "x"), (HOLDS, "include")] {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["rawQueryString"] = json!(format!("{field}=1"));
        let answer = signed_in(&function, &event.to_string()).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!(field)));
    }
    assert_eq!(books.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_sees_anything_without_a_good_token() {
    let books = Harness::start().await;
    let stale = mint().user_token(USER, later(-90_000)).unwrap();
    for mode in ["on", "shadow", "off"] {
        let function = function(&books, &[("CREDITS_ENABLED", mode)]).await;
        for event in [BALANCE, HOLDS, SETTINGS, HISTORY] {
            let answer = send(&function, event, None).await;
            assert_eq!((answer.status, &answer.body["code"]), (401, &json!("token_missing")));
            let answer = send(&function, event, Some(&stale)).await;
            assert_eq!((answer.status, &answer.body["code"]), (401, &json!("token_expired")));
        }
    }
    assert_eq!(books.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_table_out_of_reach_is_said_and_not_taken_for_an_empty_account() {
    let books = Harness::start().await;
    let function = function(&books, &[]).await;
    books.front.down(true);
    for event in [BALANCE, HISTORY] {
        let answer = signed_in(&function, event).await;
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("ledger_unavailable")));
    }
}

//! `admin-settings` in process: its router as a start makes it, on a real table, with the parameter
//! store and the queues of the local stack.

mod plans;
mod price_book;
mod reports;
mod settings;
mod world;

use http::Method;
use serde_json::json;

use self::world::{World, mint};
use crate::harness::now;

const EVENTS: [(&str, &str); 4] = [
    (include_str!("../../events/admin-settings-plans.json"), "plans"),
    (include_str!("../../events/admin-settings-price-book.json"), "fixed"),
    (include_str!("../../events/admin-settings-reports.json"), "queues"),
    (include_str!("../../events/admin-settings-settings.json"), "settings"),
];

/// A request that every route answers, and what it would change.
const ROUTES: [(Method, &str, &str); 12] = [
    (Method::GET, "/api/admin/price-book", ""),
    (Method::PUT, "/api/admin/price-book", r#"{"fixed": {"ai_text_chat": 2}}"#),
    (Method::GET, "/api/admin/price-book/1", ""),
    (Method::GET, "/api/admin/plans", ""),
    (Method::POST, "/api/admin/plans", r#"{"id": "pro", "name": "Pro", "credits": 5}"#),
    (Method::GET, "/api/admin/plans/pro", ""),
    (Method::PUT, "/api/admin/plans/pro", r#"{"name": "Pro", "credits": 6}"#),
    (Method::DELETE, "/api/admin/plans/pro", ""),
    (Method::GET, "/api/admin/settings", ""),
    (Method::GET, "/api/admin/settings/LOW_BALANCE", ""),
    (Method::PUT, "/api/admin/settings/LOW_BALANCE", r#"{"value": 5}"#),
    (Method::GET, "/api/admin/reports", ""),
];

#[tokio::test]
async fn only_admins_see_and_change_anything_but_the_plans_for_sale() {
    let world = World::start().await;
    let mut claims = mint().claims("user_admin", now()).unwrap();
    claims["metadata"] = json!({"role": "admin"});
    claims["act"] = json!({"sub": "user_other"});
    let impersonated = mint().token(&claims).unwrap();
    let user = mint().user_token("user_1", now()).unwrap();
    for (method, path, body) in ROUTES {
        for (token, expected) in [
            (None, (401, "token_missing")),
            (Some(&user), (403, "admin_required")),
            (Some(&impersonated), (403, "impersonation_forbidden")),
        ] {
            let asking = world.ask(method.clone(), path).text(body).seen(0).token(token);
            assert_eq!(asking.send().await.refusal(), expected, "{method} {path}");
        }
    }
    assert_eq!(world.operations().await.len(), 0, "who is no admin fills no record");
    assert_eq!(world.parameter("LOW_BALANCE").await, None);
    let public = world.ask(Method::GET, "/api/plans").token(None).send().await;
    assert_eq!((public.status, public.text.as_str()), (200, r#"{"plans":[]}"#));
}

#[tokio::test]
async fn every_route_works_in_every_mode_and_moves_no_credits() {
    for mode in ["on", "shadow", "off"] {
        let world = World::with(&[("CREDITS_ENABLED", mode)]).await;
        let ledger = world.books.names.ledger.clone();
        for (method, path, body) in ROUTES {
            let seen = u64::from(path.ends_with("/pro"));
            let seen = if method == Method::DELETE { 2 } else { seen };
            let answer = world.ask(method.clone(), path).text(body).seen(seen).send().await;
            assert!((200..300).contains(&answer.status), "{mode} {method} {path} {answer:?}");
        }
        let entries = world.books.client.scan().table_name(ledger).send().await.unwrap();
        assert_eq!(entries.count(), 0);
    }
}

#[tokio::test]
async fn an_edit_says_what_it_was_made_from_and_is_recorded_when_it_does_not() {
    let world = World::start().await;
    world.post("/api/admin/plans", &json!({"id": "pro", "name": "Pro", "credits": 5})).await;
    let mut seconds = 1..;
    for (method, path, body, action) in [
        (Method::PUT, "/api/admin/price-book", r#"{"fixed": {}}"#, "price-book"),
        (Method::PUT, "/api/admin/plans/pro", r#"{"name": "x", "credits": 1}"#, "plan-replace"),
        (Method::DELETE, "/api/admin/plans/pro", "", "plan-delete"),
        (Method::PUT, "/api/admin/settings/LOW_BALANCE", r#"{"value": 5}"#, "setting"),
    ] {
        world.set_time(seconds.next().unwrap());
        let answer = world.ask(method.clone(), path).text(body).send().await;
        assert_eq!(answer.refusal(), (428, "precondition_required"), "{path}");
        world.set_time(seconds.next().unwrap());
        let answer = world.ask(method, path).text(body).seen(9).send().await;
        assert_eq!(answer.refusal(), (412, "changed_meanwhile"), "{path}");
        let operations = world.operations().await;
        for (operation, code) in
            operations.iter().rev().zip(["changed_meanwhile", "precondition_required"])
        {
            assert_eq!(operation.action, action);
            assert_eq!(operation.result.as_str(), "refused");
            assert_eq!(operation.error.as_deref(), Some(code));
            assert_eq!(operation.actor, "admin:user_admin");
        }
    }
}

#[tokio::test]
async fn a_body_or_a_query_that_cannot_be_read_is_refused_by_name() {
    let world = World::start().await;
    for (method, path, body, field) in [
        (Method::PUT, "/api/admin/price-book", r#"{"fixed": {}, "fixd": {}}"#, "fixd"),
        (Method::POST, "/api/admin/plans", r#"{"name": "x", "credits": 1}"#, "id"),
        (Method::POST, "/api/admin/plans", r#"{"id": "a", "name": "x", "credit": 1}"#, "credit"),
        (Method::PUT, "/api/admin/settings/LOW_BALANCE", r#"{"val": 1}"#, "val"),
        (Method::PUT, "/api/admin/settings/LOW_BALANCE", r#"{"value": null}"#, "value"),
        (Method::GET, "/api/admin/reports?form=2026-11-01", "", "form"),
        (Method::GET, "/api/admin/reports?from=yesterday", "", "from"),
        (Method::GET, "/api/admin/plans?limit=0", "", "limit"),
        (Method::GET, "/api/admin/price-book?version=1", "", "version"),
        (Method::GET, "/api/admin/settings?name=x", "", "name"),
        (Method::GET, "/api/plans?public=1", "", "public"),
    ] {
        let answer = world.ask(method, path).text(body).seen(0).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_field"), "{path} {}", answer.text);
        assert_eq!(answer.body["field"], field, "{path} {}", answer.text);
    }
    let answer = world.ask(Method::PUT, "/api/admin/price-book").text("{").seen(0).send().await;
    assert_eq!(answer.refusal(), (400, "malformed_json"));
    let large = format!(r#"{{"fixed": {{}}, "free": ["{}"]}}"#, "x".repeat(300_000));
    let answer = world.ask(Method::PUT, "/api/admin/price-book").text(&large).seen(0).send().await;
    assert_eq!(answer.refusal(), (413, "body_too_large"));
}

#[tokio::test]
async fn the_events_of_the_http_api_are_answered() {
    let world = World::start().await;
    let token = mint().admin_token("user_admin", now()).unwrap();
    for (event, member) in EVENTS {
        let event = event.replace("ADMIN_TOKEN", &token);
        let request = startup::request_from_event(&event, now(), None).unwrap();
        let path = request.uri().path().to_owned();
        let answer = world.send(request).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
        assert!(!answer.body[member].is_null(), "{path}");
    }
}

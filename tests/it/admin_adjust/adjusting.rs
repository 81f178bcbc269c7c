//! A balance moved by hand: exactly what was asked, once, with its record, and shown in Clerk.

use http::Method;
use serde_json::{Value, json};

use super::world::{ADMIN, World, mint};
use crate::harness::{account, later, now};

const USER_1: &str = "/api/admin/users/user_1/credits";
const ANY_1: &str = "/api/admin/credits/user_1";

/// A world in which `user_1` has so many credits.
async fn opened(credits: u32) -> World {
    let world = World::start().await;
    world.books.open(&account("user_1"), credits).await;
    world.books.front.reset();
    world
}

#[tokio::test]
async fn an_adjustment_is_one_read_one_transaction_and_one_call_to_clerk() {
    let world = opened(100).await;
    let answer = world.put(USER_1, &json!({"adjustment": 50, "reason": "sorry"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(world.books.operations(), ["TransactGetItems", "TransactWriteItems"]);
    assert_eq!(world.clerk.call_count(), 1);
    let entry = &answer.body["entry"];
    let expected = json!({
        "account": "user_1",
        "creditsRemaining": 150,
        "creditsTotal": 150,
        "creditsVersion": 2,
        "lastSyncedAt": "2026-11-20T12:00:00Z",
        "frozen": [],
        "entry": {
            "id": entry["id"],
            "kind": "adjustment",
            "credits": 50,
            "at": "2026-11-20T12:00:00Z",
            "actor": format!("admin:{ADMIN}"),
            "reason": "sorry",
        },
        "metadataSynced": true,
        "replayed": false,
    });
    assert_eq!(answer.body, expected);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(world.books.available(&account("user_1")).await, 150);
    let shown = &world.clerk.user("user_1")["public_metadata"];
    assert_eq!(shown["creditsRemaining"], 150);
    assert_eq!(shown["creditsVersion"], 2);
}

#[tokio::test]
async fn what_others_keep_in_clerks_metadata_survives() {
    let world = opened(1).await;
    let theirs = json!({"role": "admin", "nested": {"deep": [1, 2]}});
    world.clerk.add_user("user_1", &theirs);
    world.put(USER_1, &json!({"credits": 9})).await;
    let shown = &world.clerk.user("user_1")["public_metadata"];
    assert_eq!(shown["role"], "admin");
    assert_eq!(shown["nested"], theirs["nested"]);
    assert_eq!(shown["creditsRemaining"], 9);
}

#[tokio::test]
async fn a_balance_is_set_from_wherever_it_is() {
    let world = opened(30).await;
    for (credits, moved) in [(70, json!(40)), (70, Value::Null), (0, json!(-70)), (5, json!(5))] {
        let answer = world.put(ANY_1, &json!({"credits": credits})).await;
        assert_eq!((answer.status, &answer.body["creditsRemaining"]), (200, &json!(credits)));
        let entry = answer.body["entry"].get("credits").cloned().unwrap_or_default();
        assert_eq!(entry, moved);
        assert_eq!(world.books.available(&account("user_1")).await, credits);
    }
    let results: Vec<Value> =
        world.recorded().await.into_iter().map(|done| done["result"].clone()).collect();
    assert_eq!(results, ["done", "done", "unchanged", "done"]);
}

#[tokio::test]
async fn more_than_there_is_is_refused_with_the_numbers_unless_it_is_clamped() {
    let world = opened(30).await;
    let answer = world.put(USER_1, &json!({"adjustment": -50})).await;
    assert_eq!(answer.refusal(), (409, "insufficient_credits"));
    assert_eq!((&answer.body["required"], &answer.body["available"]), (&json!(50), &json!(30)));
    assert_eq!(world.books.available(&account("user_1")).await, 30);
    let answer = world.put(USER_1, &json!({"adjustment": -50, "clamp": true})).await;
    assert_eq!((answer.status, &answer.body["entry"]["credits"]), (200, &json!(-30)));
    assert_eq!(world.books.available(&account("user_1")).await, 0);
    let answer = world.put(USER_1, &json!({"adjustment": -50, "clamp": true})).await;
    assert_eq!((answer.status, &answer.body["entry"]), (200, &Value::Null));
}

#[tokio::test]
async fn the_same_key_adjusts_once_for_ever() {
    let world = opened(10).await;
    let send = |body: Value| world.ask(Method::PUT, USER_1).body(&body);
    let keyed = |body: Value| send(body).header("idempotency-key", "ticket:42").send();
    let first = keyed(json!({"adjustment": 5})).await;
    assert_eq!((first.status, &first.body["replayed"]), (200, &json!(false)));
    world.put(USER_1, &json!({"adjustment": 100})).await;
    let again = keyed(json!({"adjustment": 5})).await;
    assert_eq!((again.status, &again.body["replayed"]), (200, &json!(true)));
    assert_eq!(again.body["entry"], first.body["entry"]);
    assert_eq!(again.body["creditsRemaining"], 115);
    let other = keyed(json!({"adjustment": 6})).await;
    assert_eq!(other.refusal(), (409, "grant_key_conflict"));
    assert_eq!(world.books.available(&account("user_1")).await, 115);
    let bad = send(json!({"adjustment": 5})).header("idempotency-key", "two words").send().await;
    assert_eq!(bad.refusal(), (400, "invalid_idempotency_key"));
    let results: Vec<Value> =
        world.recorded().await.into_iter().map(|done| done["result"].clone()).collect();
    assert_eq!(results, ["refused", "refused", "replayed", "done", "done"]);
}

#[tokio::test]
async fn an_account_nobody_has_used_is_opened_with_its_welcome_credits_if_clerk_knows_whose_it_is()
{
    let world = World::with(&[("SIGNUP_CREDITS", "20")]).await;
    world.clerk.add_organization("org_1");
    for (path, known) in [(USER_1, "user_1"), ("/api/admin/credits/org_1", "org_1")] {
        let answer = world.put(path, &json!({"adjustment": 5})).await;
        assert_eq!((answer.status, &answer.body["creditsRemaining"]), (200, &json!(25)), "{known}");
        assert_eq!(world.books.kinds(&account(known)).await, ["grant", "adjustment"]);
        assert_eq!(answer.body["metadataSynced"], true);
    }
    let user = world.directory.user(&account("user_1")).await.unwrap().unwrap();
    assert!(user.email.is_some());
}

#[tokio::test]
async fn a_mistyped_id_never_becomes_an_account() {
    let world = World::with(&[("SIGNUP_CREDITS", "20")]).await;
    for path in ["/api/admin/users/user_404/credits", "/api/admin/credits/org_404"] {
        let answer = world.put(path, &json!({"credits": 5})).await;
        assert_eq!(answer.refusal(), (404, "unknown_user"));
    }
    for path in ["/api/admin/users/org_1/credits", "/api/admin/credits/ada@example.com"] {
        let answer = world.put(path, &json!({"credits": 5})).await;
        assert_eq!(
            (answer.refusal(), &answer.body["field"]),
            ((400, "invalid_field"), &json!("id"))
        );
    }
    assert_eq!(world.dump(&world.books.names.ledger).await, Vec::<String>::new());
    let recorded = world.recorded().await;
    let codes: Vec<&Value> = recorded.iter().map(|done| &done["error"]).collect();
    assert_eq!(codes, ["invalid_field", "invalid_field", "unknown_user", "unknown_user"]);
    assert_eq!(recorded[0]["target"], Value::Null);
    assert_eq!(recorded[3]["target"], "user_404");
}

#[tokio::test]
async fn without_clerk_an_unopened_account_waits_and_an_open_one_does_not() {
    let world = opened(10).await;
    world.clerk.set_outage(true);
    let answer = world.put("/api/admin/users/user_2/credits", &json!({"credits": 5})).await;
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "clerk_unavailable"), "5"));
    let answer = world.put(USER_1, &json!({"adjustment": 5})).await;
    assert_eq!((answer.status, &answer.body["metadataSynced"]), (200, &json!(false)));
    assert_eq!(world.books.available(&account("user_1")).await, 15);
    let queued = world.queued.lock().unwrap().clone();
    assert_eq!(queued.len(), 1);
    assert_eq!(queued[0]["kind"], "project");
    assert_eq!(queued[0]["accounts"], json!(["user_1"]));
    let sync = world.get("/api/admin/users/user_1").await.body["sync"].clone();
    assert_eq!(sync["metadataSynced"], false);
    assert_eq!(sync["queuedAt"], "2026-11-20T12:00:00.001Z");
}

#[tokio::test]
async fn a_movement_whose_answer_was_lost_is_shown_by_the_same_request_again() {
    let world = opened(10).await;
    let send = || {
        let asking = world.ask(Method::PUT, USER_1).body(&json!({"adjustment": 5}));
        asking.header("idempotency-key", "1").send()
    };
    world.clerk.set_outage(true);
    assert_eq!(send().await.body["metadataSynced"], false);
    world.clerk.set_outage(false);
    // The first has the turn still: this one leaves it to the queue and says so.
    let again = send().await;
    assert_eq!(
        (&again.body["replayed"], &again.body["metadataSynced"]),
        (&json!(true), &json!(false))
    );
    world.books.store.mark_projected(&account("user_1"), 2, later(5)).await.unwrap();
    assert_eq!(send().await.body["metadataSynced"], true);
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_said_and_nothing_is_moved() {
    let world = opened(10).await;
    world.books.front.down(true);
    let answer = world.put(USER_1, &json!({"adjustment": 5})).await;
    assert_eq!(answer.refusal(), (503, "ledger_unavailable"));
    world.books.front.down(false);
    assert_eq!(world.books.available(&account("user_1")).await, 10);
}

#[tokio::test]
async fn unknown_fields_are_refused_by_name_and_recorded() {
    let world = opened(10).await;
    let before = world.dump(&world.books.names.ledger).await;
    for (body, code, field) in [
        (r#"{"credits": 5, "amount": 5}"#, "invalid_field", json!("amount")),
        (r#"{"credits": 5.5}"#, "invalid_field", json!("credits")),
        (r#"{"credits": 5, "adjustment": 5}"#, "invalid_field", json!("credits")),
        ("{", "malformed_json", Value::Null),
    ] {
        let answer = world.ask(Method::PUT, USER_1).text(body).send().await;
        assert_eq!(answer.refusal(), (400, code), "{body}");
        assert_eq!(answer.body.get("field").cloned().unwrap_or_default(), field, "{body}");
    }
    let huge = format!(r#"{{"credits": 5, "reason": "{}"}}"#, "r".repeat(20_000));
    let answer = world.ask(Method::PUT, USER_1).text(&huge).send().await;
    assert_eq!(answer.refusal(), (413, "body_too_large"));
    assert_eq!(world.dump(&world.books.names.ledger).await, before);
    let recorded = world.recorded().await;
    assert_eq!(recorded.len(), 5);
    assert!(recorded.iter().all(|done| done["result"] == "refused" && done["target"] == "user_1"));
}

#[tokio::test]
async fn nobody_but_admins_sees_or_moves_anything() {
    let world = opened(10).await;
    let mint = mint();
    let user = mint.user_token("user_1", now()).unwrap();
    let mut acting = mint.claims(ADMIN, now()).unwrap();
    acting["metadata"] = json!({"role": "admin"});
    acting["act"] = json!({"sub": "user_1"});
    let acting = mint.token(&acting).unwrap();
    let stale = mint.admin_token(ADMIN, later(-90_000)).unwrap();
    let routes = [
        (Method::GET, "/api/admin/users"),
        (Method::GET, "/api/admin/users/user_1"),
        (Method::PUT, USER_1),
        (Method::PUT, ANY_1),
        (Method::GET, "/api/admin/accounts/user_1"),
        (Method::GET, "/api/admin/accounts/user_1/entries"),
        (Method::POST, "/api/admin/accounts/user_1/entries/01JD3Q7Z8M0000000000000000/refund"),
        (Method::POST, "/api/admin/accounts/user_1/grants"),
        (Method::POST, "/api/admin/accounts/user_1/freeze"),
        (Method::POST, "/api/admin/accounts/user_1/unfreeze"),
        (Method::GET, "/api/admin/operations"),
    ];
    for (method, path) in routes {
        let answer = world.ask(method.clone(), path).without_token().send().await;
        assert_eq!(answer.refusal(), (401, "token_missing"), "{path}");
        for (token, refusal) in [
            (&user, (403, "admin_required")),
            (&acting, (403, "impersonation_forbidden")),
            (&stale, (401, "token_expired")),
        ] {
            let asking = world.ask(method.clone(), path);
            let token = format!("Bearer {token}");
            let answer = asking.header("authorization", &token).send().await;
            assert_eq!(answer.refusal(), refusal, "{path}");
        }
    }
    assert_eq!(world.books.operations(), Vec::<String>::new());
}

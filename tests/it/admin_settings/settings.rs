//! Settings: written to the parameter store, with who and when, by one admin at a time.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, Writes};

const SETTINGS: &str = "/api/admin/settings";
const LOW: &str = "/api/admin/settings/LOW_BALANCE";
const MODE: &str = "/api/admin/settings/CREDITS_ENABLED";

fn value(value: impl Into<Value>) -> Value {
    json!({"value": value.into()})
}

#[tokio::test]
async fn every_setting_is_listed_with_its_value_and_where_that_comes_from() {
    let world = World::with(&[("LOW_BALANCE", "7"), ("HOLD_SECONDS", "soon")]).await;
    let answer = world.get(SETTINGS).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let settings = answer.body["settings"].as_array().unwrap();
    let of = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    for (name, value, source) in [
        ("CREDITS_ENABLED", "1", "default"),
        ("LOW_BALANCE", "7", "parameter"),
        ("HIGH_BALANCE", "10000", "default"),
        ("STRIPE_SYNC_INTERVAL", "21600", "default"),
        ("CLERK_AUTHORIZED_PARTIES", "http://localhost:3000", "parameter"),
    ] {
        assert_eq!((&of(name)["value"], &of(name)["source"]), (&json!(value), &json!(source)));
        assert_eq!(of(name)["usable"], true, "{name}");
    }
    assert_eq!(
        (&of("HOLD_SECONDS")["usable"], &of("HOLD_SECONDS")["value"]),
        (&json!(false), &json!("soon"))
    );
    assert_eq!(of("ADMIN_CLAIM")["editable"], false);
    assert_eq!(of("ADMIN_ORGANIZATION")["value"], Value::Null);
    assert!(settings.iter().all(|setting| !setting["name"].as_str().unwrap().contains("KEY")));
    assert_eq!(world.get("/api/admin/settings/NOPE").await.refusal(), (404, "no_setting"));
    let written = world.put("/api/admin/settings/NOPE", 0, &value(1)).await;
    assert_eq!(written.refusal(), (404, "no_setting"));
}

#[tokio::test]
async fn a_change_is_in_the_parameter_store_with_who_and_when() {
    let world = World::start().await;
    let unset = world.get(LOW).await;
    assert_eq!((unset.header("etag"), &unset.body["value"]), ("\"0\"", &json!("10")));
    let first = world.put(LOW, 0, &value(7)).await;
    assert_eq!((first.status, first.header("etag")), (200, "\"1\""), "{}", first.text);
    let expected = json!({
        "name": "LOW_BALANCE",
        "value": "7",
        "default": "10",
        "source": "parameter",
        "usable": true,
        "editable": true,
        "version": 1,
        "changedBy": "admin:user_admin",
        "changedAt": "2026-11-20T12:00:00Z",
        "changedElsewhere": false,
    });
    assert_eq!(first.body, expected);
    assert_eq!(world.get(LOW).await.body, expected);
    world.set_time(90);
    let second = world.ask(Method::PUT, LOW).by("user_other").seen(1);
    let second = second.text(r#"{"value": "8"}"#).send().await;
    assert_eq!((second.status, second.header("etag")), (200, "\"2\""));
    assert_eq!(second.body["changedBy"], "admin:user_other");
    assert_eq!(second.body["changedAt"], "2026-11-20T12:01:30Z");
    assert_eq!(world.parameter("LOW_BALANCE").await, Some(("8".to_owned(), 2)));
    world.set_time(91);
    let late = world.put(LOW, 1, &value(9)).await;
    assert_eq!((late.refusal(), &late.body["current"]), ((412, "changed_meanwhile"), &json!(2)));

    let operations = world.operations().await;
    let told: Vec<_> =
        operations.iter().map(|it| (it.actor.as_str(), it.result.as_str())).collect();
    let admins = ["admin:user_admin", "admin:user_other", "admin:user_admin"];
    assert_eq!(told, [(admins[0], "done"), (admins[1], "done"), (admins[2], "refused")]);
    let second = &operations[1];
    assert_eq!(
        (second.action.as_str(), second.target.as_deref()),
        ("setting", Some("LOW_BALANCE"))
    );
    let details = [("before", "7"), ("value", "8"), ("version", "2")];
    assert_eq!(second.details, details.map(|(name, it)| (name.to_owned(), it.to_owned())).into());
}

#[tokio::test]
async fn each_setting_is_judged_by_its_own_bounds() {
    let world = World::start().await;
    for (name, good, bad) in [
        ("CREDITS_ENABLED", json!("shadow"), json!("offf")),
        ("BILLING_WEBHOOKS_ENABLED", json!(false), json!("shadow")),
        ("MANUAL_SYNC_ENABLED", json!("off"), json!(2)),
        ("STRIPE_AUTO_SYNC_ENABLED", json!(true), json!("")),
        ("STRIPE_SYNC_INTERVAL", json!(3_600), json!(299)),
        ("STRIPE_SYNC_MAX_RETRIES", json!(0), json!(11)),
        ("STRIPE_SYNC_RETRY_DELAY", json!(60), json!(0)),
        ("STRIPE_WEBHOOK_RATE_LIMIT", json!(1), json!(0)),
        ("STRIPE_CACHE_TTL", json!(0), json!(-1)),
        ("SIGNUP_CREDITS", json!(1_000_000_000_000_i64), json!(1_000_000_000_001_i64)),
        ("LOW_BALANCE", json!(0), json!(1.5)),
        ("HIGH_BALANCE", json!("500"), json!("many")),
        ("HOLD_SECONDS", json!(3_600), json!(3_601)),
        ("RENEWAL_GRACE_DAYS", json!(31), json!(32)),
        ("CLERK_RATE", json!(100), json!([100])),
    ] {
        let path = format!("{SETTINGS}/{name}");
        let refused = world.put(&path, 0, &value(bad)).await;
        assert_eq!(refused.refusal(), (400, "invalid_field"), "{name}");
        assert_eq!(refused.body["field"], "value");
        assert_eq!(world.parameter(name).await, None, "{name}");
        let accepted = world.put(&path, 0, &value(good)).await;
        assert_eq!((accepted.status, &accepted.body["version"]), (200, &json!(1)), "{name}");
    }
    for name in ["CLERK_ISSUER", "ADMIN_CLAIM", "ADMIN_ORGANIZATION", "PROVIDER_BASE_URL"] {
        let answer = world.put(&format!("{SETTINGS}/{name}"), 0, &value("x")).await;
        assert_eq!(answer.refusal(), (409, "setting_read_only"), "{name}");
    }
}

#[tokio::test]
async fn of_two_admins_who_saw_one_version_one_changes_the_setting() {
    let world = World::start().await;
    for seen in 0..5 {
        let change = |admin: &'static str, value: u32| {
            let body = format!(r#"{{"value": {value}}}"#);
            world.ask(Method::PUT, LOW).by(admin).seen(seen).text(&body).send()
        };
        let (one, other) = tokio::join!(change("user_one", 1), change("user_other", 2));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{} {}", one.text, other.text);
        let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
        assert_eq!(lost.body["current"], seen + 1);
        let (now, version) = world.parameter("LOW_BALANCE").await.unwrap();
        assert_eq!((json!(now), version), (won.body["value"].clone(), seen + 1));
        assert_eq!(world.get(LOW).await.body, won.body);
    }
}

#[tokio::test]
async fn a_change_made_past_this_function_is_shown_as_such() {
    let world = World::start().await;
    world.put(LOW, 0, &value(7)).await;
    world.put_by_hand("LOW_BALANCE", "99").await;
    let answer = world.get(LOW).await;
    assert_eq!((answer.header("etag"), &answer.body["value"]), ("\"2\"", &json!("99")));
    assert_eq!(
        (&answer.body["changedElsewhere"], &answer.body["changedBy"]),
        (&json!(true), &Value::Null)
    );
    assert!(answer.body["changedAt"].is_string());
    let stale = world.put(LOW, 1, &value(8)).await;
    assert_eq!((stale.status, &stale.body["current"]), (412, &json!(2)));
    let mended = world.put(LOW, 2, &value(8)).await;
    assert_eq!((mended.status, &mended.body["changedElsewhere"]), (200, &json!(false)));
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_can_be_sent_again_and_is_the_same() {
    let world = World::start().await;
    world.set_writes(Writes::Lost);
    let lost = world.put(LOW, 0, &value(7)).await;
    assert_eq!(lost.refusal(), (503, "settings_unavailable"));
    world.set_writes(Writes::Fine);
    world.set_time(1);
    let other = world.put(LOW, 0, &value(8)).await;
    assert_eq!(other.refusal(), (412, "changed_meanwhile"), "another value is another change");
    world.set_time(2);
    let again = world.put(LOW, 0, &value(7)).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let (now, version) = world.parameter("LOW_BALANCE").await.unwrap();
    assert_eq!((now.as_str(), &again.body["version"]), ("7", &json!(version)));
    let shown = world.get(LOW).await;
    assert_eq!(shown.body["changedBy"], "admin:user_admin");
    let results: Vec<_> = world.operations().await.iter().map(|it| it.result.as_str()).collect();
    assert_eq!(results, ["failed", "refused", "done"]);
}

#[tokio::test]
async fn a_change_that_stopped_halfway_can_be_repeated_and_keeps_others_out_for_a_minute() {
    let world = World::start().await;
    world.set_writes(Writes::Down);
    let stopped = world.put(LOW, 0, &value(7)).await;
    assert_eq!(stopped.refusal(), (503, "settings_unavailable"));
    world.set_writes(Writes::Fine);
    let shown = world.get(LOW).await;
    assert_eq!((&shown.body["version"], &shown.body["changedBy"]), (&json!(0), &Value::Null));
    let other = |value: u32| {
        let body = format!(r#"{{"value": {value}}}"#);
        world.ask(Method::PUT, LOW).by("user_other").seen(0).text(&body).send()
    };
    for (seconds, value) in [(0, 8), (0, 7), (60, 8)] {
        world.set_time(seconds);
        assert_eq!(other(value).await.refusal(), (412, "changed_meanwhile"));
        assert_eq!(world.parameter("LOW_BALANCE").await, None);
    }
    world.set_time(61);
    assert_eq!(other(8).await.status, 200);

    world.set_writes(Writes::Down);
    assert_eq!(world.put(LOW, 1, &value(9)).await.status, 503);
    world.set_writes(Writes::Fine);
    let repeated = world.put(LOW, 1, &value(9)).await;
    assert_eq!((repeated.status, &repeated.body["version"]), (200, &json!(2)));
}

#[tokio::test]
async fn the_mode_can_be_switched_off_and_on_again_in_every_mode() {
    let world = World::start().await;
    for (seen, mode) in [(0, "off"), (1, "shadow"), (2, "off"), (3, "on")] {
        // The function itself has seen the mode before by then.
        world.set_time(i64::try_from(seen).unwrap() * 120);
        let answer = world.put(MODE, seen, &value(mode)).await;
        assert_eq!((answer.status, &answer.body["value"]), (200, &json!(mode)));
    }
    assert_eq!(world.parameter("CREDITS_ENABLED").await, Some(("on".to_owned(), 4)));
}

//! Users found by e-mail, by id and by the band their balance was in.

use directory::{Band, Pass, Totals};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::World;
use crate::harness::{account, grant, later, now};

/// A world whose directory knows three users, two of them with an account.
async fn known() -> World {
    let world = World::start().await;
    for (id, email) in [
        ("user_1", Some("Ada@example.com")),
        ("user_2", Some("ada.l@example.com")),
        ("user_3", None),
    ] {
        let facts = directory::UserFacts {
            id: account(id),
            email: email.map(str::to_owned),
            name: Some(format!("name of {id}")),
            created_at: later(-1_000),
            updated_at: later(-1_000),
        };
        world.directory.upsert_user(&facts, None, false).await.unwrap();
    }
    world.books.open(&account("user_1"), 7).await;
    world.books.open(&account("user_3"), 0).await;
    world
}

/// The ids on every page of a list, one row to a page.
async fn walk(world: &World, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = world.get(&format!("/api/admin/users?limit=1&{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let rows = answer.body["users"].as_array().unwrap();
        assert!(rows.len() <= 1);
        ids.extend(rows.iter().map(|row| row["account"].as_str().unwrap().to_owned()));
        let Some(next) = answer.body["nextCursor"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn users_are_found_by_the_beginning_of_their_address_or_id() {
    let world = known().await;
    for (query, expected) in [
        ("", &["user_1", "user_2", "user_3"][..]),
        ("q=user_", &["user_1", "user_2", "user_3"]),
        ("q=user_2", &["user_2"]),
        ("q=ADA", &["user_2", "user_1"]),
        ("q=ada%40", &["user_1"]),
        ("q=nobody", &[]),
    ] {
        assert_eq!(walk(&world, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_row_shows_the_profile_and_the_balance_of_now() {
    let world = known().await;
    let answer = world.get("/api/admin/users?q=user_").await;
    let expected = json!({
        "account": "user_1",
        "email": "Ada@example.com",
        "name": "name of user_1",
        "createdAt": "2026-11-20T11:43:20Z",
        "deletedAt": null,
        "opened": true,
        "creditsRemaining": 7,
        "frozen": [],
    });
    assert_eq!(answer.body["users"][0], expected);
    assert_eq!(answer.body["users"][1]["opened"], false);
    assert_eq!(answer.body["users"][1]["creditsRemaining"], Value::Null);
    assert_eq!(answer.body["pass"], Value::Null);
}

#[tokio::test]
async fn a_row_counts_no_credits_that_have_expired_although_nothing_has_run() {
    let world = known().await;
    let user = account("user_1");
    world.books.submit_at(&user, grant(50, Some(later(-60))), later(-600)).await.unwrap();
    let answer = world.get("/api/admin/users?q=user_1").await;
    assert_eq!(answer.body["users"][0]["creditsRemaining"], 7);
}

/// A finished pass of `day` that found these accounts to be at zero.
async fn pass(world: &World, day: &str, zero: &[&str], at: Timestamp) {
    let mut pass = Pass {
        id: startup::new_ulid(at),
        day: day.parse().unwrap(),
        started_at: at,
        finished_at: None,
        low: crate::harness::credits(10),
        high: crate::harness::credits(1_000),
        step: 0,
        position: None,
        totals: Totals::default(),
        distribution: Vec::new(),
        bands: std::collections::BTreeMap::new(),
        unreadable: Vec::new(),
    };
    assert!(world.directory.begin_pass(&pass).await.unwrap());
    pass.step = 1;
    pass.finished_at = Some(at);
    let found = [(Band::Zero, zero.iter().map(|id| account(id)).collect())].into();
    assert!(world.directory.advance_pass(&pass, &found).await.unwrap());
}

#[tokio::test]
async fn a_band_shows_who_was_in_it_at_the_last_pass_as_they_are_now() {
    let world = known().await;
    assert_eq!(walk(&world, "band=zero").await, Vec::<String>::new());
    pass(&world, "2026-11-20", &["user_3", "org_9"], later(-3_600)).await;
    assert_eq!(walk(&world, "band=zero").await, ["user_3", "org_9"]);
    assert_eq!(walk(&world, "band=low").await, Vec::<String>::new());
    world.put("/api/admin/credits/user_3", &json!({"credits": 40})).await;
    let answer = world.get("/api/admin/users?band=zero").await;
    let expected = json!({
        "startedAt": "2026-11-20T11:00:00Z",
        "finishedAt": "2026-11-20T11:00:00Z",
    });
    assert_eq!(answer.body["pass"], expected);
    assert_eq!(answer.body["users"][0]["creditsRemaining"], 40);
    assert_eq!(answer.body["users"][1]["email"], Value::Null);
}

#[tokio::test]
async fn a_walk_through_a_band_stays_with_the_pass_it_began_with() {
    let world = known().await;
    pass(&world, "2026-11-19", &["user_1", "user_2"], later(-90_000)).await;
    let first = world.get("/api/admin/users?band=zero&limit=1").await;
    pass(&world, "2026-11-20", &["user_3"], now()).await;
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let second = world.get(&format!("/api/admin/users?band=zero&cursor={cursor}")).await;
    assert_eq!(second.body["users"][0]["account"], "user_2");
    assert_eq!(second.body["pass"], first.body["pass"]);
}

#[tokio::test]
async fn what_is_not_understood_of_a_search_is_refused_by_name() {
    let world = known().await;
    for (query, code, field) in [
        ("band=rich", "invalid_field", "band"),
        ("band=zero&q=ada", "invalid_field", "band"),
        ("limit=0", "invalid_field", "limit"),
        ("limit=101", "invalid_field", "limit"),
        ("page=2", "invalid_field", "page"),
        ("cursor=%21", "invalid_cursor", "cursor"),
        ("band=zero&cursor=dXNlcl8x", "invalid_cursor", "cursor"),
    ] {
        let answer = world.get(&format!("/api/admin/users?{query}")).await;
        assert_eq!(
            (answer.refusal(), &answer.body["field"]),
            ((400, code), &json!(field)),
            "{query}"
        );
    }
}

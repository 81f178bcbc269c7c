//! An account's entries: by pages with filters, and as a file.

use http::Method;
use ledger::{AccountId, feature::Feature, hold::Hold};
use serde_json::{Value, json};

use super::world::{Answer, World};
use crate::harness::{account, credits, hold_at, later, released, settled};

const ENTRIES: &str = "/api/admin/accounts/user_1/entries";

/// An account with a grant, calls of two features, a refund and an adjustment.
async fn used() -> (World, AccountId) {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 100).await;
    for (seconds, feature, end) in [
        (1, Feature::AI_TEXT_CHAT, settled(2)),
        (2, Feature::AI_IMAGE_GENERATION, settled(5)),
        (3, Feature::AI_TEXT_CHAT, released()),
    ] {
        let mut call = hold_at(&user, 5, later(seconds));
        call.terms.feature = feature;
        world.books.store.hold(&call, credits(0)).await.unwrap();
        world.books.store.end(&call, &end).await.unwrap();
    }
    world.put("/api/admin/credits/user_1", &json!({"adjustment": 3, "reason": "=1+1"})).await;
    (world, user)
}

fn told(answer: &Answer) -> Vec<String> {
    let entries = answer.body["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| format!("{} {}", entry["kind"].as_str().unwrap(), entry["credits"]))
        .collect()
}

/// What all pages of `limit` entries tell.
async fn walk(world: &World, query: &str, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = world.get(&format!("{ENTRIES}?limit={limit}{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = told(&answer);
        assert!(page.len() <= limit);
        all.extend(page);
        let Some(next) = answer.body["nextCursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn entries_are_told_newest_first_and_whole_whatever_the_page() {
    let (world, _) = used().await;
    let all = [
        "outcome 5",
        "hold -5",
        "outcome 0",
        "hold -5",
        "outcome 3",
        "hold -5",
        "adjustment 3",
        "grant 100",
    ];
    for limit in [1, 3, 100] {
        assert_eq!(walk(&world, "", limit).await, all, "{limit}");
    }
    let answer = world.get(ENTRIES).await;
    let entries = answer.body["entries"].as_array().unwrap();
    assert_eq!((&entries[0]["status"], &entries[4]["charged"]), (&json!("released"), &json!(2)));
    assert_eq!(entries[6]["reason"], "=1+1");
    assert_eq!(entries[7]["key"], "signup:user_1");
}

#[tokio::test]
async fn entries_are_filtered_by_kind_feature_and_time_on_pages_of_any_size() {
    let (world, _) = used().await;
    let chat = ["outcome 5", "hold -5", "outcome 3", "hold -5"];
    for (query, expected) in [
        ("&kind=grant&kind=adjustment", &["adjustment 3", "grant 100"][..]),
        ("&kind=grant,adjustment", &["adjustment 3", "grant 100"]),
        ("&kind=clawback", &[]),
        ("&feature=ai_text_chat", &chat),
        ("&feature=ai_image_generation&kind=hold", &["hold -5"]),
        ("&since=2026-11-20T12:00:02Z&kind=hold", &["hold -5", "hold -5"]),
        ("&until=2026-11-20T12:00:02Z&kind=hold", &["hold -5"]),
        ("&until=2026-11-20T12:00:00Z", &["grant 100"]),
    ] {
        for limit in [1, 2, 100] {
            assert_eq!(walk(&world, query, limit).await, expected, "{query} {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_with_a_filter_looks_at_500_entries_at_most() {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 1_000).await;
    many_calls(&world, &user, 300).await;
    world.books.front.reset();
    let answer = world.get(&format!("{ENTRIES}?kind=grant")).await;
    assert_eq!(told(&answer), Vec::<String>::new());
    assert_eq!(world.books.operations(), ["Query"]);
    assert!(answer.body["nextCursor"].is_string());
    assert_eq!(walk(&world, "&kind=grant", 100).await, ["grant 1000"]);
}

/// So many calls of one credit, each delivered: two entries each.
async fn many_calls(world: &World, user: &AccountId, calls: i64) -> Vec<Hold> {
    let mut placed = Vec::new();
    for seconds in 1..=calls {
        let call = hold_at(user, 1, later(seconds));
        world.books.store.hold(&call, credits(0)).await.unwrap();
        world.books.store.end(&call, &settled(1)).await.unwrap();
        placed.push(call);
    }
    placed
}

async fn csv(world: &World, path: &str) -> Answer {
    world.ask(Method::GET, path).header("accept", "application/json;q=0.1, text/csv").send().await
}

#[tokio::test]
async fn a_file_has_every_entry_and_no_formula() {
    let (world, user) = used().await;
    let file = csv(&world, ENTRIES).await;
    assert_eq!((file.status, file.header("link")), (200, ""));
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"entries-user_1.csv\"");
    assert_eq!(file.header("cache-control"), "no-store");
    let lines: Vec<&str> = file.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 9);
    assert!(lines[0].starts_with("id,kind,credits,at,actor,"));
    assert!(lines[7].ends_with(",'=1+1"), "{}", lines[7]);
    let sum: i64 =
        lines[1..].iter().map(|line| line.split(',').nth(2).unwrap().parse::<i64>().unwrap()).sum();
    assert_eq!(sum, world.books.available(&user).await);
    let filtered = csv(&world, &format!("{ENTRIES}?kind=grant")).await;
    assert_eq!(filtered.text.split_terminator("\r\n").count(), 2);
    let refused = csv(&world, &format!("{ENTRIES}?limit=5")).await;
    assert_eq!(
        (refused.refusal(), &refused.body["field"]),
        ((400, "invalid_field"), &json!("limit"))
    );
}

#[tokio::test]
async fn a_file_goes_through_more_entries_than_a_page() {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 1_000).await;
    many_calls(&world, &user, 300).await;
    let file = csv(&world, ENTRIES).await;
    assert_eq!((file.text.split_terminator("\r\n").count(), file.header("link")), (602, ""));
}

#[tokio::test]
async fn a_file_ends_before_the_functions_time_does_and_says_where_it_goes_on() {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 1_000).await;
    many_calls(&world, &user, 300).await;
    let asking = world.ask(Method::GET, ENTRIES).header("accept", "text/csv");
    let file = asking.deadline(later(8)).send().await;
    assert_eq!(file.text.split_terminator("\r\n").count(), 501);
    let link = file.header("link").strip_prefix('<').unwrap();
    let rest = csv(&world, link.split_once('>').unwrap().0).await;
    assert_eq!((rest.text.split_terminator("\r\n").count(), rest.header("link")), (102, ""));
}

#[tokio::test]
async fn what_does_not_fit_into_one_file_is_in_the_next() {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 0).await;
    // Control characters take the most room: each is six bytes where the platform escapes it.
    let reason = "\u{1}".repeat(500);
    let lines = 1_800;
    for number in 0..lines {
        let action = ledger::command::Action::Adjust {
            adjustment: ledger::command::Adjustment::By(credits(1)),
            reason: Some(reason.clone()),
            key: None,
        };
        world.books.submit_at(&user, action, later(number)).await.unwrap();
    }
    let mut ids = std::collections::BTreeSet::new();
    let mut path = format!("{ENTRIES}?kind=adjustment");
    let mut files = 0;
    loop {
        let file = csv(&world, &path).await;
        assert_eq!(file.status, 200, "{}", file.text);
        assert!(serde_json::to_string(&file.text).unwrap().len() < 5_500_000);
        for line in file.text.split_terminator("\r\n").skip(1) {
            assert!(ids.insert(line.split(',').next().unwrap().to_owned()));
        }
        files += 1;
        let Some(link) = file.header("link").strip_prefix('<') else { break };
        let (next, relation) = link.split_once('>').unwrap();
        assert_eq!(relation, "; rel=\"next\"");
        assert!(next.contains("kind=adjustment&cursor="));
        next.clone_into(&mut path);
    }
    assert_eq!((ids.len(), files), (usize::try_from(lines).unwrap(), 2));
}

#[tokio::test]
async fn what_is_not_understood_is_refused_by_name() {
    let (world, _) = used().await;
    for (query, code, field) in [
        ("kind=grants", "invalid_field", "kind"),
        ("limit=101", "invalid_field", "limit"),
        ("cursor=rubbish", "invalid_cursor", "cursor"),
        ("page=2", "invalid_field", "page"),
    ] {
        let answer = world.get(&format!("{ENTRIES}?{query}")).await;
        assert_eq!(
            (answer.refusal(), &answer.body["field"]),
            ((400, code), &json!(field)),
            "{query}"
        );
    }
    let none = world.get("/api/admin/accounts/user_404/entries").await;
    assert_eq!((none.status, &none.body["nextCursor"]), (200, &Value::Null));
}

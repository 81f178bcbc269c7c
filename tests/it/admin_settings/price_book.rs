//! The price book: replaced whole, refused whole, on the version that was seen.

use serde_json::{Value, json};

use super::world::World;

const BOOK: &str = "/api/admin/price-book";

fn book() -> Value {
    json!({
        "fixed": {"ai_image_generation": 5, "ai_moderation": 0, "ai_text_chat": 2},
        "tokens": {"ai_text_chat": {"gpt-4o": {"input": 3, "output": 12, "minimum": 1,
            "output_max": 4096, "limit_field": "max_tokens"}}},
        "free": ["ai_moderation"],
    })
}

fn versioned(version: u32, mut book: Value) -> Value {
    book["version"] = json!(version);
    book
}

#[tokio::test]
async fn before_anybody_has_written_one_the_default_is_shown_as_version_zero_of_the_edit() {
    let world = World::start().await;
    let answer = world.get(BOOK).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"0\""));
    assert_eq!(answer.header("cache-control"), "no-store");
    let fixed = json!({"ai_image_generation": 5, "ai_text_chat": 1});
    let expected = json!({"version": 1, "fixed": fixed, "tokens": {}, "free": []});
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn a_new_book_is_the_next_version_and_older_ones_can_still_be_read() {
    let world = World::start().await;
    let first = world.put(BOOK, 0, &book()).await;
    assert_eq!((first.status, first.header("etag")), (200, "\"2\""), "{}", first.text);
    assert_eq!(first.body, versioned(2, book()));
    // What was answered can be edited and sent back as it is.
    let mut edited = first.body.clone();
    edited["fixed"]["ai_text_chat"] = json!(3);
    world.set_time(1);
    let second = world.put(BOOK, 2, &edited).await;
    assert_eq!((second.status, second.header("etag")), (200, "\"3\""));
    let read = world.get(BOOK).await;
    assert_eq!(
        (read.body, read.headers["etag"].clone()),
        (second.body, second.headers["etag"].clone())
    );
    for (version, chat) in [(1, 1), (2, 2), (3, 3)] {
        let old = world.get(&format!("{BOOK}/{version}")).await;
        assert_eq!((old.status, &old.body["fixed"]["ai_text_chat"]), (200, &json!(chat)));
        assert_eq!(old.body["version"], version);
    }
    for unknown in ["0", "4", "-1", "x", "4294967296"] {
        let answer = world.get(&format!("{BOOK}/{unknown}")).await;
        assert_eq!(answer.refusal(), (404, "no_price_book"), "{unknown}");
    }
    let operations = world.operations().await;
    let recorded = |at: usize, name: &str| operations[at].details[name].clone();
    assert_eq!((recorded(0, "before"), recorded(0, "version")), ("0".into(), "2".into()));
    assert_eq!((recorded(1, "before"), recorded(1, "version")), ("2".into(), "3".into()));
    assert!(operations.iter().all(|it| it.action == "price-book" && it.error.is_none()));
}

#[tokio::test]
async fn a_book_is_refused_whole_with_the_name_at_fault() {
    let world = World::start().await;
    for (fixed, tokens, free, field) in [
        (json!({"ai_text_chat": -1}), json!({}), json!([]), "ai_text_chat"),
        (json!({"ai_text_chat": 1.5}), json!({}), json!([]), "ai_text_chat"),
        (json!({"ai_text_chat": "1"}), json!({}), json!([]), "ai_text_chat"),
        (json!({"ai_text_chat": 1_000_001}), json!({}), json!([]), "ai_text_chat"),
        (json!({"ai_text_chat": 0}), json!({}), json!([]), "ai_text_chat"),
        (json!({"AI": 1}), json!({}), json!([]), "AI"),
        (json!({}), json!({"ai_text_chat": {"m": {"input": 1}}}), json!([]), "ai_text_chat/m"),
        (json!({"ai_text_chat": 1}), json!({}), json!(["ai_text_chat"]), "ai_text_chat"),
        (json!({}), json!({}), json!(["ai_speech"]), "ai_speech"),
    ] {
        let body = json!({"fixed": fixed, "tokens": tokens, "free": free});
        let answer = world.put(BOOK, 0, &body).await;
        assert_eq!(answer.refusal(), (400, "invalid_field"), "{body} {}", answer.text);
        assert_eq!(answer.body["field"], field, "{body}");
    }
    assert_eq!(world.get(BOOK).await.header("etag"), "\"0\"");
    let other = world.put(BOOK, 0, &versioned(7, book())).await;
    assert_eq!((other.status, &other.body["field"]), (400, &json!("version")));
}

#[tokio::test]
async fn of_two_books_made_from_one_version_one_is_in_force_and_the_other_is_told() {
    let world = World::start().await;
    let cheap = json!({"fixed": {"ai_text_chat": 1}});
    let dear = json!({"fixed": {"ai_text_chat": 9}});
    for seen in [0, 2, 3, 4] {
        let (one, other) =
            tokio::join!(world.put(BOOK, seen, &cheap), world.put(BOOK, seen, &dear));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{} {}", one.text, other.text);
        let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
        assert_eq!(lost.refusal(), (412, "changed_meanwhile"));
        assert_eq!(lost.body["current"], won.body["version"]);
        assert_eq!(world.get(BOOK).await.body, won.body);
    }
}

#[tokio::test]
async fn a_book_that_was_put_back_by_hand_is_followed_by_a_version_that_never_was() {
    let world = World::start().await;
    for (seen, chat) in [(0, 2), (2, 3), (3, 4)] {
        let answer = world.put(BOOK, seen, &json!({"fixed": {"ai_text_chat": chat}})).await;
        assert_eq!(answer.status, 200);
    }
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let deleting = world.books.client.delete_item().table_name(&world.books.names.state);
    deleting.key("pk", text("PRICE_BOOK")).key("sk", text("ONLY")).send().await.unwrap();
    let answer = world.put(BOOK, 0, &json!({"fixed": {"ai_text_chat": 5}})).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"5\""), "{}", answer.text);
}

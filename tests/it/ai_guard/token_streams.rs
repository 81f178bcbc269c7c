//! Streams that are priced by their tokens: usage is asked for and hidden again, and a stream that
//! breaks is charged for what came.

use serde_json::{Value, json};

use super::{
    CHAT, STREAM,
    streams::{credits, last_events},
    world::{Answer, World},
};

/// The same question as a stream whose caller does not ask for usage.
async fn stream(world: &World, model: &str) -> Answer {
    world.call(STREAM, json!({"model": model, "stream_options": null})).await
}

fn sent(world: &World) -> Value {
    world.provider.requests().pop().unwrap().body
}

#[tokio::test]
async fn usage_is_asked_for_and_hidden_where_the_caller_did_not_ask() {
    let world = World::metered(&[], 1_000).await;
    let answer = stream(&world, "stand-in-1").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(sent(&world)["stream_options"], json!({"include_usage": true}));
    assert!(!answer.body.contains("\"usage\""), "{}", answer.body);
    assert_eq!(answer.body.matches("\"choices\":[]").count(), 1, "the one of the credits");
    assert_eq!(last_events(&answer, 2), ["data: [DONE]", &credits(6, 994)]);
    assert_eq!(world.available().await, 994);

    // But for the usage it is the stream of a caller who pays a fixed price.
    let fixed = world.call(STREAM, json!({"model": "gpt-4o-mini", "stream_options": null})).await;
    let chunks = |answer: &Answer| -> Vec<Value> {
        let data = answer.body.lines().filter_map(|line| line.strip_prefix("data: {"));
        let chunk = |data: &str| serde_json::from_str::<Value>(&format!("{{{data}")).unwrap();
        data.map(|data| chunk(data)["choices"].clone()).collect()
    };
    assert_eq!(chunks(&answer), chunks(&fixed));
}

#[tokio::test]
async fn usage_is_passed_on_where_the_caller_asked_for_it() {
    let world = World::metered(&[], 1_000).await;
    let options = json!({"include_usage": true, "include_obfuscation": false});
    let changes = json!({"model": "stand-in-1", "stream_options": options});
    let answer = world.call(STREAM, changes).await;
    assert_eq!(sent(&world)["stream_options"], options);
    assert!(answer.body.contains("\"usage\":null"), "{}", answer.body);
    let last = last_events(&answer, 3);
    assert!(last[0].contains("\"choices\":[]") && last[0].contains("\"completion_tokens\":4"));
    assert_eq!(last[1..], ["data: [DONE]", &credits(6, 994)]);
    let refused = json!({"include_usage": false, "include_obfuscation": false});
    let changes = json!({"model": "stand-in-1", "stream_options": refused});
    let answer = world.call(STREAM, changes).await;
    assert_eq!(sent(&world)["stream_options"], options, "the other options stay");
    assert!(!answer.body.contains("\"usage\""), "{}", answer.body);
}

#[tokio::test]
async fn a_stream_is_charged_by_its_report_and_else_by_our_count_of_what_came() {
    // `user` and the question are 14 bytes, three words of the answer 14, two 10, all of it 20.
    let (prompt, three, two, all) = (4, 4, 3, 5);
    let rows = [
        ("stand-in-1", 6),
        ("stand-in-no-done", 6),
        ("stand-in-no-content", 2),
        ("stand-in-no-usage", prompt + all),
        ("stand-in-odd-usage", 6),
        ("stand-in-no-choices", 0),
        ("stand-in-breaks", prompt + three),
        ("stand-in-breaks-at-once", 0),
        ("stand-in-stalls-midway", prompt + three),
        ("stand-in-error-event", prompt + two),
    ];
    for (model, charged) in rows {
        let world = World::metered(&[], 1_000).await;
        let answer = stream(&world, model).await;
        assert_eq!(answer.status, 200, "{model}");
        assert_eq!(last_events(&answer, 1), [credits(charged, 1_000 - charged)], "{model}");
        assert!(!answer.body.contains("\"usage\""), "{model}: {}", answer.body);
        assert_eq!(world.available().await, 1_000 - charged, "{model}");
    }
}

#[tokio::test]
async fn a_stream_says_what_is_held_and_the_provider_what_it_may_take() {
    let world = World::metered(&[], 60).await;
    let answer = stream(&world, "stand-in-greedy").await;
    let held: i64 = answer.header("x-credits-held").unwrap().parse().unwrap();
    assert_eq!(held, 60, "all there is");
    let limit = sent(&world)["max_tokens"].as_i64().unwrap();
    assert!(limit > 0 && limit < held, "{limit}");
    // It takes ten words more than it may, which the hold covers only as far as it goes.
    let charged = (2 + limit + 10).min(held);
    assert_eq!(last_events(&answer, 1), [credits(charged, 60 - charged)]);
}

#[tokio::test]
async fn a_stream_behind_the_http_api_is_metered_the_same_way() {
    let world = World::metered(&[], 1_000).await;
    let answer = world.call(CHAT, json!({"model": "stand-in-1", "stream": true})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("6")));
    assert!(!answer.body.contains("\"usage\""), "{}", answer.body);
    assert_eq!(last_events(&answer, 2), ["data: [DONE]", &credits(6, 994)]);
    let broken = world.call(CHAT, json!({"model": "stand-in-breaks", "stream": true})).await;
    assert_eq!((broken.status, broken.header("x-credits-charged")), (502, Some("0")));
    assert_eq!(world.available().await, 994);
}

#[tokio::test]
async fn a_measured_stream_is_asked_for_its_usage_and_shows_none() {
    let world = World::metered(&[("CREDITS_ENABLED", "shadow")], 5).await;
    let answer = stream(&world, "stand-in-1").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(sent(&world)["stream_options"], json!({"include_usage": true}));
    assert!(!answer.body.contains("\"usage\""), "{}", answer.body);
    assert_eq!(last_events(&answer, 1), [credits(0, 5)]);
    assert_eq!(world.books.operations(), ["GetItem"]);

    let off = World::metered(&[("CREDITS_ENABLED", "off")], 5).await;
    let answer = stream(&off, "stand-in-1").await;
    assert_eq!((answer.status, sent(&off)["stream_options"].clone()), (200, Value::Null));
    assert_eq!(off.books.operations(), Vec::<String>::new());
}

//! Calls that are priced by their tokens: what is held, what the provider is sent, what is charged.
//! In these worlds a token costs a credit and an answer has at most 100 of them.

use std::{sync::Arc, time::Duration};

use ledger::{Credits, hold::Hold};
use local::fault::Fault;
use serde_json::{Value, json};

use super::{
    CHAT, GUARDED, IMAGE,
    world::{Answer, World},
};
use crate::harness::{hold, now};

/// What the question of the events is estimated at: two bytes a token of `model`, `stand-in-1`,
/// `messages`, `role`, `user`, `content` and the text, and 8 for the message.
const PROMPT: i64 = 24 + 8;

/// What `max_tokens` adds to it by its own name.
const LIMITED_PROMPT: i64 = PROMPT + 5;

/// The tokens of the question and of the answer to it, as the stand-in counts them.
const USED: i64 = 2 + 4;

/// A call of a model of the stand-in.
async fn chat(world: &World, model: &str, mut changes: Value) -> Answer {
    changes["model"] = json!(model);
    world.call(CHAT, changes).await
}

/// What the provider was sent last.
fn sent(world: &World) -> Value {
    world.provider.requests().pop().unwrap().body
}

/// The hold of an answer, as the table has it.
async fn hold_of(world: &World, answer: &Answer) -> Hold {
    let id = answer.header("x-credits-hold").unwrap().parse().unwrap();
    world.books.store.find_hold(&world.user, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_call_is_held_at_its_worst_case_and_charged_by_what_it_took() {
    let world = World::metered(&[], 1_000).await;
    let answer = chat(&world, "stand-in-1", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let charged = USED.to_string();
    assert_eq!(answer.header("x-credits-charged"), Some(charged.as_str()));
    assert_eq!(answer.json()["usage"]["completion_tokens"], 4, "usage of a whole answer stays");
    let hold = hold_of(&world, &answer).await;
    assert_eq!(hold.amount.get(), PROMPT + 100);
    assert_eq!((hold.terms.price_version, hold.terms.quantity), (2, 1));
    assert_eq!(world.available().await, 1_000 - USED);
    assert_eq!(world.books.operations()[..2], ["TransactWriteItems", "GetItem"]);
}

#[tokio::test]
async fn the_limit_is_set_where_it_is_missing_lowered_to_the_cap_and_kept_where_it_is_lower() {
    let world = World::metered(&[], 1_000).await;
    let rows = [
        (json!({}), PROMPT + 100, json!(null), json!(100)),
        (json!({"max_tokens": 20}), LIMITED_PROMPT + 20, json!(null), json!(20)),
        (json!({"max_tokens": 5_000}), LIMITED_PROMPT + 100, json!(null), json!(100)),
        (json!({"max_tokens": null}), LIMITED_PROMPT + 100, json!(null), json!(100)),
    ];
    for (changes, held, older, newer) in rows {
        let answer = chat(&world, "stand-in-1", changes.clone()).await;
        assert_eq!(answer.status, 200, "{changes}: {}", answer.body);
        assert_eq!(hold_of(&world, &answer).await.amount.get(), held, "{changes}");
        let sent = sent(&world);
        assert_eq!((&sent["max_tokens"], &sent["max_completion_tokens"]), (&older, &newer));
        assert_eq!(sent["messages"], json!([{"role": "user", "content": "Say hello."}]));
        assert_eq!(sent.get("stream_options"), None);
    }
    chat(&world, "stand-in-no-usage", json!({})).await;
    assert_eq!(sent(&world)["max_tokens"], 100, "the book says which member");
    chat(&world, "stand-in-no-usage", json!({"max_completion_tokens": 1})).await;
    assert_eq!(sent(&world)["max_tokens"], 1, "another may not be known to the provider");
}

#[tokio::test]
async fn a_model_without_token_prices_costs_the_fixed_price_and_its_request_is_not_touched() {
    let world = World::metered(&[], 10).await;
    let odd = json!({"max_tokens": 5_000, "Max_Tokens": -1});
    let answer = chat(&world, "gpt-4o-mini", odd).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some("1")));
    assert_eq!(sent(&world)["Max_Tokens"], -1);
    assert_eq!(sent(&world).get("max_completion_tokens"), None);
    assert_eq!(world.books.operations(), GUARDED);
    let image = world.call(IMAGE, json!({})).await;
    assert_eq!(image.refusal(), (500, "price_missing".to_owned(), None));
}

#[tokio::test]
async fn the_limit_is_lowered_to_what_the_balance_affords() {
    let world = World::metered(&[], 34).await;
    let answer = chat(&world, "stand-in-1", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(sent(&world)["max_completion_tokens"], 34 - PROMPT);
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "length");
    assert_eq!(answer.header("x-credits-charged"), Some("4"));
    assert_eq!(world.available().await, 30);
    let operations = world.books.operations();
    assert_eq!(operations[..2], ["TransactWriteItems", "TransactWriteItems"], "{operations:?}");
    assert_eq!(world.books.kinds(&world.user).await, ["grant", "hold", "outcome"]);
}

#[tokio::test]
async fn the_limit_is_lowered_again_where_the_balance_is_spent_meanwhile() {
    let world = Arc::new(World::metered(&[], 60).await);
    let (transaction, hour) = ("TransactWriteItems", Duration::from_hours(1));
    world.books.front.next(transaction, Fault::Delay(Duration::ZERO));
    // The second hold is lost on its way and sent again, a second later.
    world.books.front.next(transaction, Fault::Delay(hour));
    let calling = Arc::clone(&world);
    let call = tokio::spawn(async move { chat(&calling, "stand-in-1", json!({})).await });
    while world.books.operations().len() < 2 {
        tokio::task::yield_now().await;
    }
    let other = hold(&world.user, 20);
    world.books.store.hold(&other, Credits::ZERO).await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(hold_of(&world, &answer).await.amount.get(), 40);
    assert_eq!(sent(&world)["max_completion_tokens"], 40 - PROMPT);
    assert_eq!(world.available().await, 40 - USED);
}

#[tokio::test]
async fn a_prompt_that_cannot_be_paid_with_one_token_of_answer_is_refused_with_the_numbers() {
    let world = World::metered(&[], 32).await;
    let answer = chat(&world, "stand-in-1", json!({})).await;
    assert_eq!(answer.refusal(), (402, "insufficient_credits".to_owned(), None));
    assert_eq!((&answer.json()["required"], &answer.json()["available"]), (&json!(33), &json!(32)));
    assert_eq!(world.provider.request_count(), 0);
    assert_eq!(world.books.operations(), ["TransactWriteItems"]);
    assert_eq!(world.available().await, 32);
}

#[tokio::test]
async fn every_choice_is_held_limited_and_charged() {
    let world = World::metered(&[], 1_000).await;
    let answer = chat(&world, "stand-in-1", json!({"n": 3})).await;
    let name = 1; // `n` is a byte, which begins a token.
    assert_eq!(hold_of(&world, &answer).await.amount.get(), PROMPT + name + 300);
    assert_eq!(sent(&world)["max_completion_tokens"], 100);
    assert_eq!(answer.header("x-credits-charged"), Some("14"));
    let poor = World::metered(&[], 40).await;
    let answer = chat(&poor, "stand-in-1", json!({"n": 3})).await;
    assert_eq!(sent(&poor)["max_completion_tokens"], 2, "7 left of 40 for three");
    assert_eq!(answer.header("x-credits-charged"), Some("8"));
    let poorer = World::metered(&[], 35).await;
    let answer = chat(&poorer, "stand-in-1", json!({"n": 3})).await;
    assert_eq!((answer.status, &answer.json()["required"]), (402, &json!(36)));
}

#[tokio::test]
async fn what_the_provider_does_not_count_is_counted_here() {
    let world = World::metered(&[], 1_000).await;
    // `user` and the question are 14 bytes, the answer 20.
    let own = "9";
    let answer = chat(&world, "stand-in-no-usage", json!({})).await;
    assert_eq!((answer.status, answer.header("x-credits-charged")), (200, Some(own)));
    for odd in ["negative", "fractional", "text", "null"] {
        let question = json!([{"role": "user", "content": odd}]);
        let answer = chat(&world, "stand-in-odd-usage", json!({"messages": question})).await;
        let bytes = u32::try_from(odd.len()).unwrap();
        let expected = (4 + bytes).div_ceil(4) + (10 + bytes).div_ceil(4);
        assert_eq!(
            answer.header("x-credits-charged"),
            Some(expected.to_string().as_str()),
            "{odd}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_takes_more_than_it_may_is_paid_by_the_operator() {
    let world = World::metered(&[], 1_000).await;
    for limit in [1, 50, 100] {
        let answer = chat(&world, "stand-in-greedy", json!({"max_tokens": limit})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let hold = hold_of(&world, &answer).await;
        let charged: i64 = answer.header("x-credits-charged").unwrap().parse().unwrap();
        let usage = &answer.json()["usage"];
        assert!(usage["completion_tokens"].as_i64().unwrap() > limit);
        let used = usage["prompt_tokens"].as_i64().unwrap() + limit + 10;
        assert_eq!(charged, used.min(hold.amount.get()), "{usage}");
    }
    let tight = World::metered(&[], 60).await;
    let question =
        json!([{"role": "user", "content": "a b c d e f g h i j k l m n o p q r s t u"}]);
    let answer =
        chat(&tight, "stand-in-greedy", json!({"messages": question, "max_tokens": 5})).await;
    let held = hold_of(&tight, &answer).await.amount;
    assert!(held.get() <= 60, "{}", answer.body);
    assert!(tight.available().await >= 0);
}

#[tokio::test]
async fn a_request_whose_limits_are_not_clear_is_refused_before_anything_is_held() {
    let world = World::metered(&[], 1_000).await;
    let rows = [
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"max_tokens": "9"}), "max_tokens"),
        (json!({"max_completion_tokens": 1.5}), "max_completion_tokens"),
        (json!({"MAX_TOKENS": 9}), "max_tokens"),
        (json!({"stream_options": true}), "stream_options"),
    ];
    for (changes, field) in rows {
        let answer = chat(&world, "stand-in-1", changes.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_field".to_owned(), None), "{changes}");
        assert_eq!(answer.json()["field"], field, "{changes}");
    }
    assert_eq!(world.books.operations(), Vec::<String>::new());
    assert_eq!(world.provider.request_count(), 0);
}

#[tokio::test]
async fn a_failed_call_gives_its_whole_worst_case_back() {
    let world = World::metered(&[], 1_000).await;
    for model in ["stand-in-fails", "stand-in-empty", "stand-in-breaks", "stand-in-rubbish"] {
        let answer = chat(&world, model, json!({})).await;
        assert_eq!(
            (answer.status, answer.header("x-credits-charged")),
            (502, Some("0")),
            "{model}"
        );
        assert_eq!(world.available().await, 1_000, "{model}");
    }
    let silent = chat(&world, "stand-in-no-content", json!({})).await;
    assert_eq!(silent.header("x-credits-charged"), Some("2"), "the prompt was read all the same");
    assert_eq!(world.available().await, 998);
    assert!(world.books.store.open_holds(&world.user, now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn with_credits_off_or_only_measured_nothing_is_limited_and_nothing_refused() {
    for mode in ["off", "shadow"] {
        let world = World::metered(&[("CREDITS_ENABLED", mode)], 5).await;
        for changes in [json!({}), json!({"max_tokens": 5_000}), json!({"max_tokens": "9"})] {
            let answer = chat(&world, "stand-in-1", changes.clone()).await;
            let sent = sent(&world);
            assert_eq!(sent.get("max_tokens"), changes.get("max_tokens"), "{mode} {changes}");
            assert_eq!(sent.get("max_completion_tokens"), None, "{mode} {changes}");
            // The stand-in itself takes no limit that is a text.
            let status = if changes["max_tokens"] == "9" { 502 } else { 200 };
            assert_eq!((answer.status, answer.header("x-credits-charged")), (status, Some("0")));
        }
        assert_eq!(world.available().await, 5);
        assert_eq!(world.books.kinds(&world.user).await, ["grant"], "{mode}");
    }
}

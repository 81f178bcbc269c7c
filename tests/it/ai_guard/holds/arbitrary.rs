//! Whatever a back end sends to settle a hold, no credit comes out of nothing.

use std::cell::Cell;

use proptest::{
    collection,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::Shop;
use crate::harness::now;

const MEMBERS: [&str; 10] = [
    "usage",
    "quantity",
    "credits",
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "charged",
    "x",
];

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-3_i64..15).prop_map(Value::from),
        1 => select(vec![i64::MIN, i64::MAX, -1, 1_000_000_000_000, 1_000_000_000_001, 4_294_967_296])
            .prop_map(Value::from),
        2 => any::<u32>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => select(vec![json!(0.5), json!(-0.0), json!(1e300), json!(1e19), json!(3.0)]),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => number(),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => "[0-9a-zN-]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let named = (select(MEMBERS.as_slice()), inner.clone());
        prop_oneof![
            collection::vec(inner, 0..3).prop_map(Value::from),
            collection::vec(named, 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// Bodies that are about right more often than chance would have it.
fn measure() -> impl Strategy<Value = Value> {
    let usage = (number(), number())
        .prop_map(|(input, output)| json!({"prompt_tokens": input, "completion_tokens": output}));
    prop_oneof![
        usage.prop_map(|usage| json!({ "usage": usage })),
        number().prop_map(|credits| json!({ "credits": credits })),
        number().prop_map(|units| json!({ "quantity": units })),
        anything(),
    ]
}

/// An order, and the most that it holds.
fn order() -> impl Strategy<Value = (Value, i64)> {
    prop_oneof![
        (1_i64..4).prop_map(|units| (json!({ "quantity": units }), units * 3)),
        (0_i64..4, 0_i64..4).prop_map(|(input, output)| {
            let estimate = json!({"promptTokens": input, "maxTokens": output});
            let chat = json!({
                "feature": "ai_text_chat", "model": "by-tokens", "estimate": estimate,
            });
            (chat, (input + 2 * output).max(2))
        }),
    ]
}

#[test]
fn nothing_that_is_sent_to_settle_mints_a_credit_or_takes_more_than_was_held() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shop = runtime.block_on(Shop::by_tokens(100_000));
    let balance = || runtime.block_on(shop.world.books.store.balance(&shop.world.user));
    let left = Cell::new(100_000);
    let settled = Cell::new(0);
    let mut runner =
        TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&(order(), measure()), |((order, most), measure)| {
        let placed = runtime.block_on(shop.place(order)).json();
        prop_assert_eq!(&placed["held"], most);
        let id = placed["id"].as_str().unwrap();
        let answer = runtime.block_on(shop.settle(id, measure));
        let charged = if answer.status == 200 {
            settled.set(settled.get() + 1);
            answer.json()["charged"].as_i64().unwrap()
        } else {
            prop_assert_eq!(answer.status, 400, "{}", answer.body);
            prop_assert_eq!(runtime.block_on(shop.release(id)).status, 200);
            0
        };
        prop_assert!((0..=most).contains(&charged), "{charged} of {most}");
        left.set(left.get() - charged);
        prop_assert_eq!(balance().unwrap().unwrap().available.get(), left.get());
        Ok(())
    });
    checked.unwrap();
    assert!(settled.get() > 40, "only {} were good", settled.get());
    assert_eq!(runtime.block_on(shop.world.books.available(&shop.world.user)), left.get());
    let open = runtime.block_on(shop.world.books.store.open_holds(&shop.world.user, now()));
    assert_eq!(open.unwrap(), []);
}

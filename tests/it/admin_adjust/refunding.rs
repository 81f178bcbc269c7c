//! A call's cost given back: in parts, never more than it cost.

use http::Method;
use ledger::{
    AccountId,
    hold::{Ending, Hold},
};
use serde_json::{Value, json};

use super::world::World;
use crate::harness::{account, credits, end, hold, later, released, settled};

/// An account of 20 credits with a call that was held at 10.
async fn called() -> (World, AccountId, Hold) {
    let world = World::start().await;
    let user = account("user_1");
    world.books.open(&user, 20).await;
    let call = hold(&user, 10);
    world.books.store.hold(&call, credits(0)).await.unwrap();
    (world, user, call)
}

fn path(entry: impl std::fmt::Display) -> String {
    format!("/api/admin/accounts/user_1/entries/{entry}/refund")
}

#[tokio::test]
async fn partial_refunds_add_up_to_what_the_call_cost_and_no_further() {
    let (world, user, call) = called().await;
    world.books.store.end(&call, &settled(7)).await.unwrap();
    let refund = path(call.id);
    let first = world.post(&refund, &json!({"credits": 3, "note": "half of it was blank"})).await;
    assert_eq!((first.status, &first.body["entry"]["credits"]), (200, &json!(3)), "{}", first.text);
    assert_eq!(first.body["entry"]["holdId"], call.id.to_string());
    assert_eq!(first.body["entry"]["note"], "half of it was blank");
    let over = world.post(&refund, &json!({"credits": 5})).await;
    assert_eq!((over.refusal(), &over.body["limit"]), ((409, "reversal_limit"), &json!(7)));
    let rest = world.ask(Method::POST, &refund).send().await;
    assert_eq!((rest.status, &rest.body["entry"]["credits"]), (200, &json!(4)));
    let nothing = world.ask(Method::POST, &refund).send().await;
    assert_eq!(nothing.refusal(), (409, "reversal_limit"));
    assert_eq!(world.books.available(&user).await, 20);
    let details = world.recorded().await.pop().unwrap()["details"].clone();
    assert_eq!((&details["asked"], &details["cost"]), (&json!("3"), &json!("7")));
}

#[tokio::test]
async fn a_refund_with_a_reference_or_a_key_happens_once() {
    let (world, user, call) = called().await;
    world.books.store.end(&call, &settled(10)).await.unwrap();
    let refund = path(call.id);
    let part = json!({"credits": 2, "reference": "ticket-1"});
    let first = world.post(&refund, &part).await;
    let again = world.post(&refund, &part).await;
    assert_eq!((again.status, &again.body["replayed"]), (200, &json!(true)));
    assert_eq!(again.body["entry"], first.body["entry"]);
    let other = world.post(&refund, &json!({"credits": 3, "reference": "ticket-1"})).await;
    assert_eq!(other.refusal(), (409, "grant_key_conflict"));
    let rest = || world.ask(Method::POST, &refund).header("idempotency-key", "k").send();
    assert_eq!(rest().await.body["entry"]["credits"], 8);
    assert_eq!(rest().await.body["replayed"], true);
    assert_eq!(world.books.available(&user).await, 20);
}

#[tokio::test]
async fn a_call_is_named_by_its_hold_its_outcome_or_its_late_charge() {
    let (world, user, call) = called().await;
    let expired = end(Ending::Expired, later(1_260));
    world.books.store.end(&call, &expired).await.unwrap();
    let late = end(Ending::Settled { charged: credits(6) }, later(1_300));
    world.books.store.end(&call, &late).await.unwrap();
    let charge = world.books.store.history(&user, 10, None).await.unwrap().entries[0].id;
    for entry in [charge.to_string(), call.id.outcome().to_string(), call.id.to_string()] {
        let answer = world.post(&path(&entry), &json!({"credits": 2})).await;
        assert_eq!((answer.status, &answer.body["entry"]["credits"]), (200, &json!(2)), "{entry}");
    }
    assert_eq!(world.books.available(&user).await, 20);
}

#[tokio::test]
async fn what_cost_nothing_or_is_no_call_is_not_refunded() {
    let (world, user, call) = called().await;
    let refusal = |answer: super::world::Answer| {
        let (status, code) = answer.refusal();
        (status, code.to_owned())
    };
    let open = world.post(&path(call.id), &json!({})).await;
    assert_eq!(refusal(open), (409, "call_open".to_owned()));
    world.books.store.end(&call, &released()).await.unwrap();
    for body in [json!({}), json!({"credits": 1})] {
        let free = world.post(&path(call.id), &body).await;
        assert_eq!(refusal(free), (409, "reversal_limit".to_owned()));
    }
    let welcome = world.books.store.history(&user, 10, None).await.unwrap().entries.pop().unwrap();
    for none in [welcome.id.to_string(), "01JD3Q7Z8M0000000000000000".to_owned()] {
        let answer = world.post(&path(none), &json!({})).await;
        assert_eq!(refusal(answer), (404, "no_hold".to_owned()));
    }
    let answer = world.post(&path("rubbish"), &json!({})).await;
    assert_eq!((answer.refusal(), &answer.body["field"]), ((400, "invalid_field"), &json!("id")));
    let answer = world.post(&path(call.id), &json!({"credits": -1})).await;
    assert_eq!(refusal(answer), (400, "amount_not_positive".to_owned()));
    let recorded = world.recorded().await;
    assert_eq!(recorded.len(), 7);
    assert!(recorded.iter().all(|done| done["error"] != Value::Null));
    assert_eq!(world.books.available(&user).await, 20);
}

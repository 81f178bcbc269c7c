use serde_json::{Value, json};

use super::*;

fn accept(id: &str, body: &Value) -> Result<Plan, ApiError> {
    let written: WrittenPlan = http_api::from_json(body.to_string().as_bytes())?;
    let at = "2026-11-20T12:00:00Z".parse().unwrap();
    written.accept(id, 1, (at, "admin:user_admin".to_owned()))
}

fn at_fault(body: &Value) -> String {
    let error = accept("pro", body).unwrap_err();
    assert_eq!((error.status().as_u16(), error.code()), (400, "invalid_field"), "{error}");
    error.document()["field"].as_str().unwrap().to_owned()
}

/// A good plan with one member changed.
fn with(member: &str, value: Value) -> Value {
    let mut plan = json!({"name": "Pro", "credits": 500});
    plan[member] = value;
    plan
}

#[test]
fn a_name_and_credits_are_enough() {
    let plan = accept("pro", &json!({"name": "Pro", "credits": 1})).unwrap();
    assert_eq!((plan.credits, plan.roll_over), (Credits::from(1), RollOver::None));
    assert!(plan.public && plan.active && plan.clerk_plans.is_empty());
}

#[test]
fn credits_are_whole_and_more_than_none() {
    let most = accept("pro", &with("credits", json!(1_000_000_000_000_i64)));
    assert_eq!(most.unwrap().credits, Credits::MAX);
    for wrong in [json!(0), json!(-1), json!(1.5), json!("5"), json!(1_000_000_000_001_i64)] {
        assert_eq!(at_fault(&with("credits", wrong)), "credits");
    }
}

#[test]
fn a_cap_stands_beside_capped_and_nothing_else() {
    let mut plan = with("rollOver", json!("capped"));
    assert_eq!(at_fault(&plan), "rollOverCap");
    plan["rollOverCap"] = json!(0);
    assert_eq!(at_fault(&plan), "rollOverCap");
    plan["rollOverCap"] = json!(200);
    let accepted = accept("pro", &plan).unwrap();
    assert_eq!(accepted.roll_over, RollOver::Capped(Credits::from(200)));
    for other in ["none", "all"] {
        plan["rollOver"] = json!(other);
        assert_eq!(at_fault(&plan), "rollOverCap");
    }
    assert_eq!(at_fault(&with("rollOver", json!("some"))), "rollOver");
}

#[test]
fn texts_have_their_bounds() {
    for wrong in [String::new(), " ".to_owned(), "x".repeat(101), "a\u{7}b".to_owned()] {
        assert_eq!(at_fault(&with("name", json!(wrong))), "name");
    }
    assert_eq!(at_fault(&with("description", json!("x".repeat(501)))), "description");
    assert_eq!(at_fault(&json!({"credits": 1})), "name");
    assert_eq!(at_fault(&with("price", json!(5))), "price");
}

#[test]
fn a_provider_names_a_plan_at_most_twenty_times_and_each_once() {
    let names = |count: u32| (0..count).map(|n| json!(format!("cplan_{n}"))).collect::<Vec<_>>();
    assert!(accept("pro", &with("clerkPlans", json!(names(20)))).is_ok());
    assert_eq!(at_fault(&with("clerkPlans", json!(names(21)))), "clerkPlans");
    let twice = json!(["price_1", "price_2", "price_1"]);
    assert_eq!(at_fault(&with("stripePrices", twice)), "stripePrices[2]");
    for wrong in [String::new(), "a b".to_owned(), "x".repeat(129), "prix_é".to_owned()] {
        assert_eq!(at_fault(&with("stripePrices", json!([wrong]))), "stripePrices[0]");
    }
}

#[test]
fn an_id_is_made_for_urls() {
    for good in ["pro", "team-2", "0", &"a".repeat(64)] {
        assert!(accept(good, &with("name", json!("x"))).is_ok(), "{good}");
    }
    for wrong in ["", "Pro", "a b", "a/b", "ä", &"a".repeat(65)] {
        assert!(accept(wrong, &with("name", json!("x"))).is_err(), "{wrong}");
    }
}

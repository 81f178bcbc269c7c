//! Plans: made, changed and removed by admins, shown to everybody.

use http::{
    Method,
    header::{IF_NONE_MATCH, LOCATION},
};
use serde_json::{Value, json};

use super::world::{Answer, World};

const PLANS: &str = "/api/admin/plans";
const PRO: &str = "/api/admin/plans/pro";

fn plan(id: &str) -> Value {
    json!({
        "id": id,
        "name": "Pro",
        "description": "For daily work",
        "credits": 500,
        "rollOver": "capped",
        "rollOverCap": 250,
        "clerkPlans": [format!("cplan_{id}"), format!("{id}_yearly")],
        "stripePrices": [format!("price_{id}")],
        "public": true,
        "active": true,
    })
}

fn with(mut plan: Value, member: &str, value: Value) -> Value {
    plan[member] = value;
    plan
}

/// What anybody sees.
async fn shown(world: &World) -> Answer {
    world.ask(Method::GET, "/api/plans").token(None).send().await
}

fn ids(answer: &Answer) -> Vec<&str> {
    let plans = answer.body["plans"].as_array().unwrap();
    plans.iter().map(|plan| plan["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_plan_is_made_changed_and_removed_each_time_from_the_revision_that_was_seen() {
    let world = World::start().await;
    let made = world.post(PLANS, &plan("pro")).await;
    assert_eq!((made.status, made.header("etag")), (201, "\"1\""), "{}", made.text);
    assert_eq!(made.headers[LOCATION], PRO);
    let mut expected = plan("pro");
    let added = [
        ("revision", json!(1)),
        ("updatedAt", json!("2026-11-20T12:00:00Z")),
        ("updatedBy", json!("admin:user_admin")),
    ];
    for (member, value) in added {
        expected[member] = value;
    }
    assert_eq!(made.body, expected);
    assert_eq!(world.get(PRO).await.body, expected);
    world.set_time(30);
    assert_eq!(world.post(PLANS, &plan("pro")).await.refusal(), (409, "plan_exists"));

    world.set_time(60);
    let changed = world.put(PRO, 1, &json!({"name": "Pro 2", "credits": 600})).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""), "{}", changed.text);
    assert_eq!(changed.body["rollOver"], "none", "what is left out has its default");
    assert_eq!(changed.body["clerkPlans"], json!([]));
    let late = world.put(PRO, 1, &json!({"name": "Pro 3", "credits": 1})).await;
    assert_eq!((late.refusal(), &late.body["current"]), ((412, "changed_meanwhile"), &json!(2)));
    let renamed = world.put(PRO, 2, &with(plan("pro"), "id", json!("team"))).await;
    assert_eq!((renamed.status, &renamed.body["field"]), (400, &json!("id")));

    let early = world.ask(Method::DELETE, PRO).seen(1).send().await;
    assert_eq!(early.refusal(), (412, "changed_meanwhile"));
    world.set_time(90);
    let removed = world.ask(Method::DELETE, PRO).seen(2).send().await;
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    for missing in [
        world.get(PRO).await,
        world.put(PRO, 2, &plan("pro")).await,
        world.ask(Method::DELETE, PRO).seen(2).send().await,
        world.get("/api/admin/plans/Not%20an%20id").await,
    ] {
        assert_eq!(missing.refusal(), (404, "no_plan"));
    }
    let operations = world.operations().await;
    let done: Vec<_> = operations.iter().filter(|it| it.error.is_none()).collect();
    let actions: Vec<_> = done.iter().map(|it| it.action.as_str()).collect();
    assert_eq!(actions, ["plan-create", "plan-replace", "plan-delete"]);
    assert!(done.iter().all(|it| it.target.as_deref() == Some("pro")));
    assert_eq!(operations.len(), 9, "what was refused is recorded too");
}

#[tokio::test]
async fn a_name_of_a_provider_belongs_to_one_plan() {
    let world = World::start().await;
    assert_eq!(world.post(PLANS, &plan("pro")).await.status, 201);
    for (field, name) in [("clerkPlans", "pro_yearly"), ("stripePrices", "price_pro")] {
        let team = with(plan("team"), field, json!(["other", name]));
        let answer = world.post(PLANS, &team).await;
        assert_eq!(answer.refusal(), (409, "provider_plan_taken"));
        assert_eq!(answer.body["field"], format!("{field}[1]"));
        assert_eq!(answer.body["plan"], "pro");
    }
    assert_eq!(world.get("/api/admin/plans/team").await.status, 404);
    // The other provider's name of the same spelling is another name.
    let team = with(plan("team"), "stripePrices", json!(["pro_yearly"]));
    assert_eq!(world.post(PLANS, &team).await.status, 201);
    let taking = with(team.clone(), "clerkPlans", json!(["cplan_pro"]));
    let answer = world.put("/api/admin/plans/team", 1, &taking).await;
    assert_eq!(answer.refusal(), (409, "provider_plan_taken"));
    // A name that is given up is free, by an edit and by removal.
    let without = with(plan("pro"), "clerkPlans", json!(["pro_yearly"]));
    assert_eq!(world.put(PRO, 1, &without).await.status, 200);
    assert_eq!(world.put("/api/admin/plans/team", 1, &taking).await.status, 200);
    assert_eq!(world.ask(Method::DELETE, PRO).seen(2).send().await.status, 204);
    let all = with(taking, "clerkPlans", json!(["cplan_pro", "pro_yearly"]));
    assert_eq!(world.put("/api/admin/plans/team", 2, &all).await.status, 200);
}

#[tokio::test]
async fn two_plans_made_at_once_do_not_share_a_name() {
    let world = World::start().await;
    for round in 0..5 {
        let named = |id: &str| {
            let id = format!("{id}-{round}");
            with(plan(&id), "clerkPlans", json!([format!("cplan_{round}")]))
        };
        let (one, other) = (named("one"), named("other"));
        let (one, other) = tokio::join!(world.post(PLANS, &one), world.post(PLANS, &other));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", one.text, other.text);
    }
}

#[tokio::test]
async fn of_two_edits_of_one_revision_one_is_made() {
    let world = World::start().await;
    world.post(PLANS, &plan("pro")).await;
    for seen in 1..6 {
        let (one, other) =
            (with(plan("pro"), "credits", json!(1)), with(plan("pro"), "credits", json!(2)));
        let (one, other) = tokio::join!(world.put(PRO, seen, &one), world.put(PRO, seen, &other));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{} {}", one.text, other.text);
    }
}

#[tokio::test]
async fn the_list_comes_page_by_page_in_the_order_of_ids() {
    let world = World::start().await;
    for id in ["pro", "basic", "team", "max"] {
        world.post(PLANS, &plan(id)).await;
    }
    assert_eq!(ids(&world.get(PLANS).await), ["basic", "max", "pro", "team"]);
    let (mut seen, mut query) = (Vec::new(), "limit=1".to_owned());
    loop {
        let page = world.get(&format!("{PLANS}?{query}")).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        query = format!("limit=1&cursor={cursor}");
    }
    assert_eq!(seen, ["basic", "max", "pro", "team"]);
    let wrong = world.get(&format!("{PLANS}?cursor=Not+ours")).await;
    assert_eq!(wrong.refusal(), (400, "invalid_cursor"));
}

#[tokio::test]
async fn anybody_sees_the_plans_for_sale_and_nothing_of_the_providers() {
    let world = World::start().await;
    for plan in [
        plan("pro"),
        with(plan("secret"), "public", json!(false)),
        with(plan("retired"), "active", json!(false)),
    ] {
        assert_eq!(world.post(PLANS, &plan).await.status, 201);
    }
    let answer = shown(&world).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=60"));
    let expected = json!({"plans": [{
        "id": "pro",
        "name": "Pro",
        "description": "For daily work",
        "credits": 500,
        "rollOver": "capped",
        "rollOverCap": 250,
    }]});
    assert_eq!(answer.body, expected);
    let asked = |tag: String| world.ask(Method::GET, "/api/plans").header(IF_NONE_MATCH, &tag);
    let tag = answer.header("etag").to_owned();
    for has in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = asked(has.clone()).token(None).send().await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{has}");
        assert_eq!(again.header("etag"), tag);
    }
    assert_eq!(asked("\"x\"".to_owned()).send().await.status, 200);
}

#[tokio::test]
async fn what_anybody_sees_is_kept_in_process_for_less_than_a_minute() {
    let world = World::start().await;
    world.post(PLANS, &plan("pro")).await;
    let first = shown(&world).await;
    world.post(PLANS, &plan("team")).await;
    world.books.front.reset();
    world.set_time(54);
    for _ in 0..20 {
        assert_eq!(shown(&world).await.text, first.text);
    }
    assert_eq!(world.books.operations(), Vec::<String>::new());
    world.set_time(55);
    let renewed = shown(&world).await;
    assert_eq!(ids(&renewed), ["pro", "team"]);
    assert_ne!(renewed.header("etag"), first.header("etag"));
    assert_eq!(world.books.operations(), ["Query"]);
}

#[tokio::test]
async fn plans_that_were_read_once_are_shown_while_the_table_is_out_of_reach() {
    let world = World::start().await;
    world.books.front.down(true);
    assert_eq!(shown(&world).await.refusal(), (503, "ledger_unavailable"));
    world.books.front.down(false);
    world.post(PLANS, &plan("pro")).await;
    assert_eq!(ids(&shown(&world).await), ["pro"]);
    world.books.front.down(true);
    world.set_time(600);
    assert_eq!(ids(&shown(&world).await), ["pro"]);
}

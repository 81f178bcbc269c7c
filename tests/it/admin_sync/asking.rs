//! What may be asked of the sync, by whom, and what is refused.

use http::Method;
use local::clerk::Outage;
use serde_json::json;

use super::world::{SYNC, World, counters};

#[tokio::test]
async fn a_small_run_is_answered_with_its_counters_when_it_is_done() {
    let world = World::with(3).await;
    world.plan("pro", "cplan_PRO", 100).await;
    world.subscribe("subi_1", "user_1", "cplan_PRO", "active");
    let answer = world.post(&json!({"setCredits": true})).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(counters(&answer.body), [3, 3, 3, 1, 1]);
    assert_eq!(answer.body["complete"], json!(true));
    assert_eq!(answer.body["nextCursor"], json!(null));
    assert_eq!(answer.body["state"], json!("done"));
    assert_eq!((world.available("user_1").await, world.available("user_2").await), (105, 5));
    // The message that was sent ahead finds nothing left to do; the others show balances.
    world.deliver_all().await;
    assert_eq!(world.clerk.user("user_3")["public_metadata"]["creditsRemaining"], json!(5));
    let run = world.run(answer.body["run"].as_str().unwrap()).await;
    assert_eq!(counters(&run), [3, 3, 3, 1, 1]);
}

#[tokio::test]
async fn an_empty_body_takes_users_and_plans_over_and_moves_no_credits() {
    let world = World::with(2).await;
    world.plan("pro", "cplan_PRO", 100).await;
    world.subscribe("subi_1", "user_1", "cplan_PRO", "active");
    let answer = world.post(&serde_json::Value::Null).await;
    assert_eq!(counters(&answer.body), [2, 2, 2, 1, 0], "{:?}", answer.body);
    let user = crate::harness::account("user_1");
    let kept = world.directory.subscriptions(&user).await.unwrap();
    assert_eq!((kept[0].item.as_str(), kept[0].status.as_str()), ("clerk:subi_1", "active"));
    let known = world.directory.user(&user).await.unwrap().unwrap();
    assert_eq!(
        known.email.as_deref(),
        world.clerk.user("user_1")["email_addresses"][0]["email_address"].as_str()
    );
}

#[tokio::test]
async fn a_large_run_goes_to_the_queue_without_being_asked_to() {
    let world = World::with(501).await;
    let answer = world.post(&json!({"syncPlans": false})).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    assert_eq!(answer.body["state"], json!("running"));
    assert_eq!(answer.body["progress"]["usersTotal"], json!(501));
    let run = answer.body["run"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("{SYNC}/{run}"));
    world.deliver_all().await;
    assert_eq!(counters(&world.run(&run).await), [501, 501, 501, 0, 0]);
}

#[tokio::test]
async fn of_two_requests_at_once_one_starts_a_run_and_the_other_learns_its_id() {
    let world = World::with(2).await;
    let prefer = [("prefer", "respond-async")];
    let body = json!({});
    let ask = || world.ask_with(Method::POST, SYNC, &body, &prefer);
    let (one, two) = tokio::join!(ask(), ask());
    let (started, refused) = if one.status == 202 { (one, two) } else { (two, one) };
    assert_eq!((started.status, refused.status), (202, 409), "{:?}", refused.body);
    assert_eq!(refused.body["code"], json!("sync_running"));
    assert_eq!(refused.body["run"], started.body["run"]);
    world.deliver_all().await;
    assert_eq!(ask().await.status, 202, "the lock is given back at the run's end");
}

#[tokio::test]
async fn setting_everyones_balance_takes_their_number_where_they_are_many() {
    let world = World::with(101).await;
    let asked = json!({"overrideCredits": 7, "syncPlans": false});
    let refused = world.post(&asked).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("confirmation_required")));
    assert_eq!(refused.body["users"], json!(101));
    let wrong = json!({"overrideCredits": 7, "syncPlans": false, "confirm": 100});
    assert_eq!(world.post(&wrong).await.body["code"], json!("confirmation_required"));
    assert_eq!(world.dump(&world.books.names.ledger).await, [""; 0]);
    let confirmed = json!({"overrideCredits": 7, "syncPlans": false, "confirm": 101});
    let answer = world.post(&confirmed).await;
    assert_eq!(counters(&answer.body), [101, 101, 101, 0, 101], "{:?}", answer.body);
    assert_eq!(world.available("user_101").await, 7);
}

#[tokio::test]
async fn what_is_switched_off_says_so_and_what_is_no_run_is_not_found() {
    let world = World::with(1).await;
    world.set("MANUAL_SYNC_ENABLED", "0");
    let refused = world.post(&json!({})).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("manual_sync_disabled")));
    for path in ["rubbish", "01JD3Q7Z8M0000000000000000"] {
        let missing = world.get(&format!("{SYNC}/{path}")).await;
        assert_eq!((missing.status, &missing.body["code"]), (404, &json!("unknown_run")));
        for change in ["resume", "cancel"] {
            let path = format!("{SYNC}/{path}/{change}");
            let missing = world.ask(Method::POST, &path, &serde_json::Value::Null).await;
            assert_eq!((missing.status, &missing.body["code"]), (404, &json!("unknown_run")));
        }
    }
}

#[tokio::test]
async fn off_nothing_is_started_and_neither_table_is_touched_but_for_the_record() {
    let world = World::with(2).await;
    world.set("CREDITS_ENABLED", "off");
    for body in [json!({"setCredits": true}), json!({"overrideCredits": 5})] {
        let answer = world.post(&body).await;
        assert_eq!((answer.status, &answer.body["creditsDisabled"]), (200, &json!(true)));
    }
    assert_eq!(world.dump(&world.books.names.ledger).await, [""; 0]);
    let state = world.dump(&world.books.names.state).await;
    assert_eq!(state.len(), 2, "{state:?}");
    assert!(state.iter().all(|item| item.contains("credits_disabled")), "{state:?}");
    assert!(world.queue.messages().is_empty());
}

#[tokio::test]
async fn clerk_out_of_reach_starts_nothing() {
    let world = World::with(1).await;
    world.clerk.set_outage_mode(Outage::Unavailable);
    let refused = world.post(&json!({})).await;
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("clerk_unavailable")));
    assert!(world.queue.messages().is_empty());
    world.clerk.set_outage_mode(Outage::None);
    assert_eq!(world.post(&json!({})).await.status, 200);
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_every_request_is_recorded() {
    let world = World::with(1).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        world.pass(1);
        runs.insert(0, world.post(&json!({})).await.body["run"].clone());
    }
    world.pass(1);
    assert_eq!(world.post(&json!({"pageSize": 0})).await.status, 400);
    let page = world.get(&format!("{SYNC}?limit=2")).await.body;
    let next = page["nextCursor"].as_str().unwrap();
    let rest = world.get(&format!("{SYNC}?limit=2&cursor={next}")).await.body;
    let listed = [&page, &rest].into_iter().flat_map(|page| page["runs"].as_array().unwrap());
    let listed: Vec<_> = listed.map(|run| run["run"].clone()).collect();
    assert_eq!(listed, runs);
    assert_eq!(rest["nextCursor"], json!(null));
    let filter = directory::OperationFilter::default();
    let operations = world.directory.operations(&filter, world.now(), 10, None).await.unwrap();
    let told: Vec<_> = operations.operations.iter().map(|o| (o.result, o.target.clone())).collect();
    assert_eq!(told.len(), 4);
    assert_eq!(told[0], (directory::OperationResult::Refused, None));
    assert_eq!(told[1].1.as_deref(), runs[0].as_str());
}

//! Who may hold credits in an account's name.

use local::service_key::SCOPES;
use serde_json::json;

use super::{ID, PLACE, RELEASE, SETTLE, Shop, new_key, send};
use crate::{
    ai_guard::{
        CHAT,
        world::{World, mint},
    },
    harness::now,
};

#[tokio::test]
async fn only_a_live_service_key_with_the_scope_holds_credits() {
    let shop = Shop::open().await;
    let body = json!({"account": "user_1", "feature": "ai_image_generation"});
    let token = mint().user_token("user_1", now()).unwrap();
    for (event, id) in [(PLACE, ""), (SETTLE, ID), (RELEASE, ID)] {
        let answer = send(&shop.world, &token, event, id, &body, &[]).await;
        assert_eq!(answer.refusal(), (401, "service_key_invalid".to_owned(), None));
        let unknown = new_key("backend", &SCOPES).key;
        let answer = send(&shop.world, &unknown, event, id, &body, &[]).await;
        assert_eq!(answer.refusal(), (401, "service_key_invalid".to_owned(), None));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = send(&shop.world, &shop.key.key, CHAT, "", &json!({"model": "m"}), &[]).await;
    assert_eq!(answer.refusal(), (401, "token_invalid".to_owned(), None));
    assert_eq!(shop.world.books.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn two_keys_are_good_at_once_and_each_does_what_its_scopes_say() {
    let (old, new) = (new_key("backend", &["holds:place"]), new_key("backend", &["holds:end"]));
    let list = json!([old.stored, new.stored]).to_string();
    let world = World::start(&[("SERVICE_KEYS", &list)]).await;
    let body = json!({"account": "user_1", "feature": "ai_image_generation"});
    let placed = send(&world, &old.key, PLACE, "", &body, &[]).await;
    assert_eq!(placed.status, 201, "{}", placed.body);
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    for (key, event, scope) in
        [(&old, SETTLE, "holds:end"), (&old, RELEASE, "holds:end"), (&new, PLACE, "holds:place")]
    {
        let refused = send(&world, &key.key, event, &id, &body, &[]).await;
        assert_eq!(refused.refusal(), (403, "missing_scope".to_owned(), None));
        assert_eq!(refused.json()["scope"], scope);
    }
    assert_eq!(send(&world, &new.key, RELEASE, &id, &body, &[]).await.status, 200);
    assert_eq!(world.available().await, 10);
}

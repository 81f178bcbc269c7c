//! What a believed token says beyond who the user is.

use super::*;

async fn said(name: &str, value: Value) -> Claims {
    let token = OURS.token(&claims_with(name, value));
    with_pem().verify(&token, at(ISSUED)).await.unwrap()
}

#[tokio::test]
async fn a_claim_is_found_by_its_path_and_nowhere_else() {
    let claims = said("metadata", json!({ "role": "admin", "a": { "b": [1] }, "c.d": 2 })).await;
    for (path, expected) in [
        ("sub", Some(json!("user_1"))),
        ("metadata.role", Some(json!("admin"))),
        ("metadata.a.b", Some(json!([1]))),
        ("metadata", Some(json!({ "role": "admin", "a": { "b": [1] }, "c.d": 2 }))),
        ("metadata.a.b.0", None),
        ("metadata.c.d", None),
        ("metadata.role.admin", None),
        ("metadata.", None),
        (".metadata", None),
        ("role", None),
        ("", None),
    ] {
        assert_eq!(claims.at(path), expected.as_ref(), "{path}");
    }
}

#[tokio::test]
async fn the_organization_is_read_from_tokens_of_both_versions() {
    let ours = |role: &str| Some(Organization { id: "org_1".to_owned(), role: role.to_owned() });
    for (claims, expected) in [
        (json!({ "o": { "id": "org_1", "rol": "admin", "slg": "one" } }), ours("admin")),
        (json!({ "o": { "id": "org_1", "rol": "org:admin" } }), ours("admin")),
        (json!({ "org_id": "org_1", "org_role": "org:member", "v": 1 }), ours("member")),
        (json!({ "org_id": "org_1", "org_role": "basic_member" }), ours("basic_member")),
        (json!({}), None),
        (json!({ "o": null, "org_id": "org_1", "org_role": "org:admin" }), None),
        (json!({ "o": { "id": "org_1" } }), None),
        (json!({ "o": { "id": 1, "rol": "admin" } }), None),
        (json!({ "o": { "id": "org_1", "rol": ["admin"] } }), None),
        (json!({ "org_id": "org_1" }), None),
    ] {
        let mut all = claims_with("x", Value::Null);
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let said = with_pem().verify(&OURS.token(&all), at(ISSUED)).await.unwrap();
        assert_eq!(said.organization, expected, "{claims}");
    }
}

#[tokio::test]
async fn an_actor_that_is_null_is_none_and_any_other_is_one() {
    for (actor, impersonated) in [
        (json!({ "sub": "user_2" }), true),
        (json!({}), true),
        (json!("user_2"), true),
        (json!(false), true),
    ] {
        assert_eq!(said("act", actor.clone()).await.impersonated, impersonated, "{actor}");
    }
    let mut all = claims();
    all["act"] = Value::Null;
    let claims = with_pem().verify(&OURS.token(&all), at(ISSUED)).await.unwrap();
    assert!(!claims.impersonated);
}

use serde_json::json;

use super::*;
use crate::minted::{now, token, verifier};

/// The configured organization of these tests; `org_2` is anybody's.
const OURS: Option<&str> = Some("org_1");

async fn check(rule: &AdminRule, claims: Value, expected: bool) {
    let said = verifier().verify(&token(&claims), now()).await.unwrap();
    assert_eq!(rule.admits(&said), expected, "{claims}");
}

fn rule(claim: Option<&str>, organization: Option<&str>) -> AdminRule {
    AdminRule::new(claim, organization).unwrap()
}

#[tokio::test]
async fn where_nothing_is_set_the_role_in_the_public_metadata_decides() {
    let rule = rule(None, None);
    check(&rule, json!({ "metadata": { "role": "admin" } }), true).await;
    for claims in [
        json!({}),
        json!({ "metadata": null }),
        json!({ "metadata": "admin" }),
        json!({ "metadata": {} }),
        json!({ "metadata": { "role": "member" } }),
        json!({ "metadata": { "role": "Admin" } }),
        json!({ "metadata": { "role": "admin " } }),
        json!({ "metadata": { "role": true } }),
        json!({ "metadata": { "role": ["admin"] } }),
        json!({ "metadata": { "role": { "admin": true } } }),
        json!({ "role": "admin" }),
        json!({ "metadata.role": "admin" }),
        json!({ "unsafe_metadata": { "role": "admin" } }),
        json!({ "o": { "id": "org_2", "rol": "admin" } }),
        json!({ "org_id": "org_2", "org_role": "org:admin" }),
    ] {
        check(&rule, claims, false).await;
    }
}

#[tokio::test]
async fn another_claim_can_be_named_by_its_path() {
    let deep = rule(Some(" app.access.level = root=yes "), None);
    check(&deep, json!({ "app": { "access": { "level": "root=yes" } } }), true).await;
    check(&deep, json!({ "app": { "access": { "level": "root" } } }), false).await;
    check(&deep, json!({ "metadata": { "role": "admin" } }), false).await;
    let flat = rule(Some("staff=yes"), None);
    check(&flat, json!({ "staff": "yes" }), true).await;
    check(&flat, json!({ "staff": "no" }), false).await;
}

#[tokio::test]
async fn an_admin_of_the_one_configured_organization_is_one_and_of_any_other_is_none() {
    let rule = rule(None, OURS);
    for (id, admitted) in [("org_1", true), ("org_2", false), ("org_11", false), ("", false)] {
        for role in ["admin", "org:admin"] {
            check(&rule, json!({ "o": { "id": id, "rol": role } }), admitted).await;
            check(&rule, json!({ "v": 1, "org_id": id, "org_role": role }), admitted).await;
        }
    }
    for role in ["member", "org:member", "org:org:admin", "administrator", "", "Admin"] {
        check(&rule, json!({ "o": { "id": "org_1", "rol": role } }), false).await;
        check(&rule, json!({ "org_id": "org_1", "org_role": role }), false).await;
    }
    // The organization of the session and a flat claim of another one must not be mixed up.
    let mixed = json!({ "o": { "id": "org_2", "rol": "admin" }, "org_id": "org_1" });
    check(&rule, mixed, false).await;
    let mixed = json!({ "o": { "id": "org_1" }, "org_role": "org:admin" });
    check(&rule, mixed, false).await;
    check(&rule, json!({ "metadata": { "role": "admin" } }), true).await;
}

#[tokio::test]
async fn without_a_claim_and_without_an_organization_nobody_is_an_admin() {
    for rule in [AdminRule::default(), rule(Some("none"), None), rule(Some(" none "), Some(" "))] {
        check(&rule, json!({ "metadata": { "role": "admin" } }), false).await;
        check(&rule, json!({ "o": { "id": "org_1", "rol": "admin" } }), false).await;
        check(&rule, json!({ "none": "" }), false).await;
    }
    let only_ours = rule(Some("none"), OURS);
    check(&only_ours, json!({ "metadata": { "role": "admin" } }), false).await;
    check(&only_ours, json!({ "o": { "id": "org_1", "rol": "admin" } }), true).await;
}

#[test]
fn a_rule_that_would_admit_nobody_or_everybody_by_mistake_is_refused_by_name() {
    for claim in ["metadata.role", "=admin", "metadata.role=", ".role=admin", "a..b=c", "a.=c"] {
        assert_eq!(AdminRule::new(Some(claim), None), Err(InvalidAdminRule::Claim), "{claim}");
    }
    for claim in ["unsafe_metadata.role=admin", "user.unsafeMetadata.role=admin"] {
        let refused = Err(InvalidAdminRule::WrittenByUsers);
        assert_eq!(AdminRule::new(Some(claim), None), refused, "{claim}");
    }
    for organization in ["user_1", "org_", "our company", "org_1,org_2"] {
        let refused = Err(InvalidAdminRule::Organization);
        assert_eq!(AdminRule::new(None, Some(organization)), refused, "{organization}");
    }
    assert_eq!(AdminRule::new(Some(" "), Some("")), AdminRule::new(None, None));
}

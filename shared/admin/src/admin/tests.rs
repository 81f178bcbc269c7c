use axum::{Router, body::Body, body::to_bytes, routing::get};
use http::{Request, header::AUTHORIZATION};
use ledger::Rejection;
use ledger_dynamodb::TableNames;
use serde_json::{Value, json};
use startup::{BoxError, Startup};
use tower::ServiceExt;

use super::*;
use crate::minted::{now, token, verifier};

/// A function for admins, whose tables cannot be reached: who is no admin never gets that far.
#[derive(Clone)]
struct Function(AdminDeps);

impl AsRef<AdminDeps> for Function {
    fn as_ref(&self) -> &AdminDeps {
        &self.0
    }
}

async fn deps() -> AdminDeps {
    let startup = Startup::from_vars(|name| match name {
        "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
        "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        _ => None,
    })
    .unwrap();
    let names = TableNames { ledger: "ledger".to_owned(), state: "state".to_owned() };
    let clock = Clock::fixed(now());
    let read = || async {
        let values = BTreeMap::from([("ADMIN_ORGANIZATION".to_owned(), "org_1".to_owned())]);
        Ok::<_, BoxError>(Settings::new(values, verifier())?)
    };
    AdminDeps {
        settings: Cached::load(clock.clone(), read).await.unwrap(),
        clock,
        directory: Directory::new(startup.dynamodb(), names.state.clone()),
        store: LedgerStore::new(startup.dynamodb(), names),
    }
}

async fn ask(authorization: Option<String>) -> (u16, Value) {
    let show = |admin: Admin| async move {
        let operation = admin.operation("function", "adjust", Some("user_2".to_owned()));
        assert_eq!((operation.id, operation.at), (admin.operation, now()));
        assert_eq!(admin.operation.timestamp_ms(), 1_800_000_000_000);
        operation.actor
    };
    let router = Router::new().route("/", get(show)).with_state(Function(deps().await));
    let mut request = Request::get("/");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn check(claims: Value, status: u16, expected: &str) {
    let (found, body) = ask(Some(format!("Bearer {}", token(&claims)))).await;
    let said = body.get("code").unwrap_or(&body);
    assert_eq!((found, said.as_str().unwrap()), (status, expected), "{claims}");
}

#[tokio::test]
async fn a_route_for_admins_is_closed_to_everybody_else() {
    let (status, body) = ask(None).await;
    assert_eq!((status, &body["code"]), (401, &json!("token_missing")));
    let (status, body) = ask(Some("Bearer nonsense".to_owned())).await;
    assert_eq!((status, &body["code"]), (401, &json!("token_invalid")));
    check(json!({}), 403, "admin_required").await;
    check(json!({ "metadata": { "role": "admin" } }), 200, "admin:user_1").await;
    check(json!({ "o": { "id": "org_1", "rol": "admin" } }), 200, "admin:user_1").await;
    check(json!({ "o": { "id": "org_2", "rol": "admin" } }), 403, "admin_required").await;
}

#[tokio::test]
async fn an_admin_who_is_impersonated_is_refused_as_everybody_who_acts_for_another() {
    let admin = json!({ "role": "admin" });
    let actor = json!({ "sub": "user_2" });
    check(json!({ "metadata": admin, "act": actor }), 403, "impersonation_forbidden").await;
    check(json!({ "act": actor }), 403, "impersonation_forbidden").await;
    let pending = json!({ "metadata": admin, "sts": "pending" });
    check(pending, 401, "token_invalid").await;
}

#[tokio::test]
async fn a_record_that_cannot_be_written_changes_no_answer() {
    let deps = deps().await;
    let operation = Operation {
        id: new_ulid(now()),
        at: now(),
        actor: "admin:user_1".to_owned(),
        function: "function".to_owned(),
        action: "adjust".to_owned(),
        target: None,
        result: OperationResult::Done,
        error: None,
        details: BTreeMap::new(),
    };
    let busy = Err::<(), _>(Rejection::Busy.into());
    let error = deps.recorded(operation.clone(), busy).await.unwrap_err();
    assert_eq!(error.code(), "busy");
    assert_eq!(deps.recorded_always(operation, Ok(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn while_credits_are_off_the_answer_says_so() {
    let response = credits_disabled("adjust", Some("user_1"));
    assert_eq!(response.status(), StatusCode::OK);
    let body = to_bytes(response.into_body(), 1_000).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["creditsDisabled"], true);
    assert!(body["message"].is_string());
}

#[test]
fn a_table_that_gives_no_answer_is_503_and_one_that_gives_nonsense_500() {
    let down = || Box::<dyn std::error::Error + Send + Sync>::from("down");
    let rows = [
        (unreadable(StoreError::Unavailable(down())), 503, "ledger_unavailable"),
        (unreadable(DirectoryError::Unavailable(down())), 503, "ledger_unavailable"),
        (
            unreadable(DirectoryError::Corrupt { pk: "USERS#1".to_owned(), source: down() }),
            500,
            "internal",
        ),
        (unreadable(StoreError::Rejected(Rejection::NoAccount)), 404, "no_account"),
    ];
    for (error, status, code) in rows {
        assert_eq!((error.status().as_u16(), error.code()), (status, code));
    }
}

#[test]
fn every_code_of_this_crate_is_documented() {
    let errors = include_str!("../../../../docs/errors.md");
    for code in ["admin_required", "changed_meanwhile", "precondition_required"] {
        assert!(errors.contains(&format!("| `{code}` |")), "{code}");
    }
}

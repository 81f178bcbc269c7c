use std::num::NonZeroU32;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read matters here")]
struct Adjust {
    credits: i64,
    images: Option<NonZeroU32>,
    dry: Option<bool>,
    reason: Option<Reason>,
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Gift,
    Mistake,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read matters here")]
struct Line {
    text: String,
    price: Even,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct Even;

impl TryFrom<u32> for Even {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if number.is_multiple_of(2) { Ok(Self) } else { Err("a price is even") }
    }
}

fn refused(body: &str) -> (u16, &'static str, Option<String>, String) {
    let error = from_json::<Adjust>(body.as_bytes()).unwrap_err();
    let field = error.document().get("field").map(|field| field.as_str().unwrap().to_owned());
    (error.status().as_u16(), error.code(), field, error.detail().to_owned())
}

#[test]
fn a_field_that_is_wrong_is_named_and_told_what_it_must_be() {
    let rows = [
        (r"{}", "credits", "`credits` is missing"),
        (r#"{"credits": "many"}"#, "credits", "`credits` must be a whole number"),
        (r#"{"credits": 1.5}"#, "credits", "`credits` must be a whole number"),
        (r#"{"credits": 1, "images": 0}"#, "images", "`images` must be a whole number, not zero"),
        (r#"{"credits": 1, "dry": 1}"#, "dry", "`dry` must be `true` or `false`"),
        (r#"{"credits": 1, "reason": "x"}"#, "reason", "`reason` must be `gift` or `mistake`"),
        (r#"{"credits": 1, "other": 1}"#, "other", "`other` is not a known field"),
        (r#"{"credits": 1, "lines": 1}"#, "lines", "`lines` must be a list"),
        (r#"{"credits": 1, "lines": [1]}"#, "lines[0]", "`lines[0]` must be an object"),
        (
            r#"{"credits": 1, "lines": [{"text": 1}]}"#,
            "lines[0].text",
            "`lines[0].text` must be a string",
        ),
        (
            r#"{"credits": 1, "lines": [{"price": 2}]}"#,
            "lines[0].text",
            "`lines[0].text` is missing",
        ),
        (
            r#"{"credits": 1, "lines": [{"text": "", "price": 3}]}"#,
            "lines[0].price",
            "`lines[0].price` is not valid: a price is even",
        ),
    ];
    for (body, field, detail) in rows {
        let expected = (400, "invalid_field", Some(field.to_owned()), detail.to_owned());
        assert_eq!(refused(body), expected, "{body}");
    }
}

#[test]
fn a_body_of_another_kind_has_no_field_to_name() {
    let detail = "the body must be an object".to_owned();
    assert_eq!(refused("7"), (400, "invalid_field", None, detail));
}

#[test]
fn what_is_not_json_is_malformed_and_said_where() {
    let rows = [
        ("", "the body is empty"),
        ("{", "the body is not valid JSON at line 1 column 1"),
        (r#"{"credits": 1} x"#, "the body is not valid JSON at line 1 column 16"),
        (r#"{"credits": nan}"#, "the body is not valid JSON at line 1 column 14"),
    ];
    for (body, detail) in rows {
        assert_eq!(refused(body), (400, "malformed_json", None, detail.to_owned()), "{body}");
    }
}

#[test]
fn no_value_and_no_long_name_of_the_caller_comes_back() {
    let secret = "sk_live_123".repeat(200);
    for body in [json!({ "credits": &secret }), json!({ "credits": 1, "reason": &secret })] {
        let (_, _, _, detail) = refused(&body.to_string());
        assert!(!detail.contains("sk_live"), "{detail}");
    }
    let (_, code, field, detail) = refused(&json!({ (secret): 1 }).to_string());
    assert_eq!(code, "invalid_field");
    assert!(field.unwrap().len() <= 300 && detail.len() <= 300);
}

async fn answer(body: &'static str) -> (u16, Value) {
    let router = Router::new()
        .route("/", post(|Json(value): Json<Value>| async { Json(value) }))
        .layer(DefaultBodyLimit::max(20));
    let request = Request::post("/").body(Body::from(body)).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_body_is_read_whatever_its_content_type_and_answered_as_json() {
    assert_eq!(answer(r#"{"a": 1}"#).await, (200, json!({ "a": 1 })));
}

#[tokio::test]
async fn a_body_over_the_limit_of_the_router_is_too_large() {
    let (status, problem) = answer(r#"{"a": "aaaaaaaaaaaaaaaaaaaaaa"}"#).await;
    assert_eq!((status, problem["code"].as_str()), (413, Some("body_too_large")));
}

use http::Request;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read matters here")]
struct Page {
    cursor: Option<String>,
    limit: u32,
}

async fn read(query: &str) -> Result<Page, ApiError> {
    let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
    Query::from_request_parts(&mut parts, &()).await.map(|Query(page)| page)
}

#[tokio::test]
async fn a_parameter_that_is_wrong_is_named() {
    let rows = [
        ("", "limit", "`limit` is missing"),
        ("limit=x", "limit", "`limit` is not valid: invalid digit found in string"),
        ("limit=-1", "limit", "`limit` is not valid: invalid digit found in string"),
    ];
    for (query, field, detail) in rows {
        let error = read(query).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (400, "invalid_field"));
        assert_eq!((error.document()["field"].as_str(), error.detail()), (Some(field), detail));
    }
    read("limit=1&cursor=a").await.unwrap();
}

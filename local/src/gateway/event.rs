//! Requests as events of payload format 2.0.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, header, request};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::decode;
use crate::random;
use crate::template::ACCOUNT;

/// What the entrance knows of a request beyond the request itself.
pub(super) struct Entrance<'a> {
    /// Such as `GET /api/credits/me`, or `$default`.
    pub(super) route_key: &'a str,
    /// The path as this entrance reports it.
    pub(super) raw_path: String,
    /// The host under which AWS would be called.
    pub(super) domain: &'a str,
    /// Decoded parameters of the path.
    pub(super) path_parameters: BTreeMap<String, String>,
    /// When the request arrived.
    pub(super) now: Timestamp,
}

/// The event for a request.
pub(super) fn event(entrance: &Entrance<'_>, parts: &request::Parts, body: &Bytes) -> Value {
    let headers = header_values(&parts.headers, entrance.domain);
    let raw_query = parts.uri.query().unwrap_or_default();
    let domain_prefix = entrance.domain.split('.').next().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": entrance.route_key,
        "rawPath": entrance.raw_path,
        "rawQueryString": raw_query,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": domain_prefix,
            "domainName": entrance.domain,
            "domainPrefix": domain_prefix,
            "http": {
                "method": parts.method.as_str(),
                "path": entrance.raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": random::uuid(),
            "routeKey": entrance.route_key,
            "stage": "$default",
            "time": entrance.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": entrance.now.as_millisecond(),
        },
        "headers": headers,
        "isBase64Encoded": false,
    });
    let Some(object) = event.as_object_mut() else {
        return event;
    };
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        object.insert("cookies".into(), json!(cookies));
    }
    let query = joined(decode::query(raw_query));
    if !query.is_empty() {
        object.insert("queryStringParameters".into(), json!(query));
    }
    if !entrance.path_parameters.is_empty() {
        object.insert("pathParameters".into(), json!(entrance.path_parameters));
    }
    if !body.is_empty() {
        let (text, encoded) = encode_body(&parts.headers, body);
        object.insert("body".into(), Value::String(text));
        object.insert("isBase64Encoded".into(), Value::Bool(encoded));
    }
    event
}

/// Headers with names in lower case; values of one name are joined by commas.
fn header_values(headers: &HeaderMap, domain: &str) -> BTreeMap<String, String> {
    let pairs = headers
        .iter()
        .filter(|(name, _)| !matches!(**name, header::COOKIE | header::CONNECTION | header::HOST))
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
    let mut values = joined(pairs);
    let trace = format!("Root=1-{}-{}", random::hex(8), random::hex(24));
    let added = [
        ("host", domain),
        ("x-amzn-trace-id", trace.as_str()),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ];
    values.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
    values
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(';')
                .map(|cookie| cookie.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn joined(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        values
            .entry(name)
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert(value);
    }
    values
}

/// The body and whether it is in Base64, which AWS decides by the content type alone: text, JSON,
/// JavaScript and XML stay as they are, anything else and a missing type is encoded.
fn encode_body(headers: &HeaderMap, body: &Bytes) -> (String, bool) {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let text = content_type.starts_with("text/")
        || matches!(
            content_type.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        );
    match std::str::from_utf8(body) {
        Ok(body) if text => (body.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

//! Answers of functions as HTTP responses.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

/// The response for a buffered answer of payload format 2.0; none if AWS could not read it.
///
/// An answer without `statusCode` is the body of a 200 in JSON.
pub(super) fn from_buffered(answer: &Bytes) -> Option<Response<Body>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let Some(object) = answer.as_object().filter(|object| object.contains_key("statusCode")) else {
        let mut response = Response::new(Body::from(match answer {
            Value::String(text) => text,
            other => other.to_string(),
        }));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        return Some(response);
    };
    let text = object.get("body").and_then(Value::as_str).unwrap_or_default();
    let body = if object.get("isBase64Encoded").and_then(Value::as_bool) == Some(true) {
        STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = head(object)?;
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    Some(response)
}

/// Status and headers from an answer or from the prelude of a stream.
pub(super) fn head(object: &Map<String, Value>) -> Option<Response<Body>> {
    let status = object.get("statusCode")?;
    // AWS takes "200" for 200.
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let headers = response.headers_mut();
    for (name, value) in object.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        add(headers, name, &text)?;
    }
    for cookie in object.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        add(headers, "set-cookie", cookie.as_str()?)?;
    }
    // These belong to the connection between the stack and the client.
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    Some(response)
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Option<()> {
    let name: HeaderName = name.parse().ok()?;
    headers.append(name, value.parse().ok()?);
    Some(())
}

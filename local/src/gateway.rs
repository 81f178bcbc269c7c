//! What turns HTTP requests into invocations: the HTTP API and the function URLs.
//!
//! Both send functions events of payload format 2.0 and differ in routing, limits, error answers
//! and streaming.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request};
use http_body_util::LengthLimitError;
use serde_json::Value;

mod cors;
mod decode;
mod event;
mod function_url;
mod http_api;
mod response;
mod route;
#[cfg(test)]
mod tests;

pub(crate) use self::function_url::FunctionUrlServer;
pub(crate) use self::http_api::HttpApi;

/// Most bytes of the event of an invocation, as Lambda counts them.
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Why a request does not become an invocation.
enum Refused {
    /// Its body is larger than this entrance allows.
    TooLarge,
    /// Its body broke off; there is nobody to answer.
    Unreadable,
}

/// Reads the body up to a limit.
async fn read_body(body: Body, bytes_max: usize) -> Result<Bytes, Refused> {
    axum::body::to_bytes(body, bytes_max).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            Refused::TooLarge
        } else {
            Refused::Unreadable
        }
    })
}

/// The event as the bytes of an invocation.
fn serialise(event: &Value) -> Result<Bytes, Refused> {
    let bytes = Bytes::from(event.to_string());
    if bytes.len() > EVENT_BYTES_MAX { Err(Refused::TooLarge) } else { Ok(bytes) }
}

/// An answer that comes from the entrance itself, not from a function.
fn plain(status: StatusCode, json: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whether this is a browser asking what it may do.
fn is_preflight(parts: &request::Parts) -> bool {
    parts.method == http::Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

//! From the router's response to what the platform takes: one JSON object for the HTTP API, a
//! prelude and a stream of bytes for a function URL.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, BodyDataStream};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::Stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING,
    },
};
use http_body_util::{BodyExt, Collected};
use lambda_runtime::{MetadataPrelude, StreamResponse};
use serde::Serialize;
use tracing::Span;

use super::problem;
use crate::telemetry::error_chain;

/// Headers about the connection to the client. It is the platform's, which writes its own.
const CONNECTION_HEADERS: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// The answer to an HTTP API, payload format 2.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BufferedAnswer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// The whole response. A body that breaks off becomes a 500: nothing of it was sent yet.
pub(crate) async fn buffered(response: Response<Body>) -> BufferedAnswer {
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => BufferedAnswer::new(parts.status, parts.headers, &body.to_bytes()),
        Err(error) => {
            tracing::error!(error = error_chain(&error), "an answer broke off");
            let detail = "the answer could not be completed";
            let problem = problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
            let (parts, body) = problem.into_parts();
            let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
            BufferedAnswer::new(parts.status, parts.headers, &body)
        }
    }
}

impl BufferedAnswer {
    fn new(status: StatusCode, headers: HeaderMap, body: &[u8]) -> BufferedAnswer {
        let text = if is_text(&headers) { std::str::from_utf8(body).ok() } else { None };
        let (body, is_base64_encoded) = match text {
            Some(text) => (text.to_owned(), false),
            None => (STANDARD.encode(body), true),
        };
        let (headers, cookies) = split(headers);
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text_of(value)));
        BufferedAnswer {
            status_code: status.as_u16(),
            headers: headers.collect(),
            cookies,
            body,
            is_base64_encoded,
        }
    }
}

/// The response with its body still to come.
pub(crate) fn streaming(response: Response<Body>) -> StreamResponse<Chunks> {
    let (parts, body) = response.into_parts();
    let (headers, cookies) = split(parts.headers);
    StreamResponse {
        metadata_prelude: MetadataPrelude { status_code: parts.status, headers, cookies },
        stream: Chunks { body: Some(body.into_data_stream()), span: Span::current() },
    }
}

/// The body of a streamed answer. The runtime reads it in a task of its own, so it carries the
/// invocation's span along: what is logged while it is made has the request id too.
pub(crate) struct Chunks {
    body: Option<BodyDataStream>,
    span: Span,
}

impl Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    /// A body that breaks off just ends: the runtime would write an error into the stream as if
    /// it were content, and what the client reads says by itself whether it is complete.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Chunks { body, span } = self.get_mut();
        let _entered = span.enter();
        let Some(stream) = body else {
            return Poll::Ready(None);
        };
        let error = match Pin::new(stream).poll_next(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(chunk))) => return Poll::Ready(Some(Ok(chunk))),
            Poll::Ready(None) => None,
            Poll::Ready(Some(Err(error))) => Some(error),
        };
        if let Some(error) = error {
            tracing::error!(error = error_chain(&error), "an answer broke off");
        }
        *body = None;
        Poll::Ready(None)
    }
}

/// Headers with one value each (several are joined, as HTTP allows for all but cookies), and the
/// cookies apart.
fn split(mut headers: HeaderMap) -> (HeaderMap, Vec<String>) {
    let cookies = headers.get_all(SET_COOKIE).iter().map(text_of).collect();
    headers.remove(SET_COOKIE);
    for name in CONNECTION_HEADERS {
        headers.remove(name);
    }
    let mut single = HeaderMap::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let mut values = headers.get_all(name).iter();
        let Some(first) = values.next() else { continue };
        let mut joined = first.as_bytes().to_vec();
        for value in values {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(value.as_bytes());
        }
        let value = HeaderValue::from_bytes(&joined).unwrap_or_else(|_| first.clone());
        single.insert(name.clone(), value);
    }
    (single, cookies)
}

fn text_of(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Whether a body with these headers is text to the platform; everything else travels as base64.
fn is_text(headers: &HeaderMap) -> bool {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return false;
    }
    // A response without a type has no body worth encoding.
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = text_of(kind).to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let structured = ["application/json", "application/javascript", "application/xml"];
    essence.starts_with("text/")
        || structured.contains(&essence)
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

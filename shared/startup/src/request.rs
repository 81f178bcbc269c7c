//! From the event of an HTTP API or a function URL (payload format 2.0 both) to an HTTP request.
//!
//! What a client can put into an event is untrusted: whatever it is, the answer is a request or
//! an error, never a panic, because a panic ends the process.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Write};

use axum::body::Body;
use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::COOKIE, uri::PathAndQuery,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// How long the HTTP API waits is 30 s from the time it took the request; two seconds are left
/// for an answer to be written and to travel.
const GATEWAY_LIMIT: SignedDuration = SignedDuration::from_secs(28);

/// No function runs longer than 15 minutes. A deadline further away, or in the past, is not a
/// point in time at all: some local runners send a duration.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(16);

/// How far the gateway's clock may be ahead of ours for its time to be believed.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// How an answer travels. In the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Through the HTTP API: whole, at most 6 MB, within 30 s.
    Buffered,
    /// Through a function URL: each chunk as it comes.
    Streaming,
}

/// When the answer must be complete: the nearer of the function's own deadline and, behind the
/// HTTP API, 28 s after it took the request. `None` where nothing plausible is known. In the
/// extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(pub Option<Timestamp>);

/// Why an event is not a request. Safe to show to the client: it names the part, not its content.
#[derive(Debug, thiserror::Error)]
pub enum MalformedEvent {
    /// The event is not JSON of payload format 2.0.
    #[error("the event is not an http request")]
    Event(#[source] serde_json::Error),
    /// The method is not an HTTP token.
    #[error("the method is not valid")]
    Method,
    /// Path and query together are no valid address.
    #[error("the address is not valid")]
    Address,
    /// A header's name or value contains what no header may.
    #[error("a header is not valid")]
    Header,
    /// The body is announced as base64 and is not.
    #[error("the body is not valid base64")]
    Body(#[source] DecodeError),
}

/// The parts of an event that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpEvent {
    raw_path: String,
    raw_query_string: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: RequestLine,
    domain_name: Option<String>,
    stage: Option<String>,
    time_epoch: Option<i64>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: String,
}

/// The request in `json`, an event of an HTTP API or of a function URL, as a router gets it from
/// [`serve`](crate::serve()). For tests that drive a router from event files.
pub fn request_from_event(
    json: &str,
    now: Timestamp,
    function_deadline: Option<Timestamp>,
) -> Result<Request<Body>, MalformedEvent> {
    let event: HttpEvent = serde_json::from_str(json).map_err(MalformedEvent::Event)?;
    event.into_request(now, function_deadline)
}

impl HttpEvent {
    pub(crate) fn origin(&self) -> Origin {
        let domain = self.request_context.domain_name.as_deref().unwrap_or_default();
        if domain.contains(".lambda-url.") { Origin::Streaming } else { Origin::Buffered }
    }

    pub(crate) fn into_request(
        self,
        now: Timestamp,
        function_deadline: Option<Timestamp>,
    ) -> Result<Request<Body>, MalformedEvent> {
        let origin = self.origin();
        let deadline = deadline(now, function_deadline, self.gateway_deadline(now));
        let uri = self.uri()?;
        let headers = self.headers()?;
        let method = self.request_context.http.method.parse::<Method>();
        let body = match self.body {
            None => Body::empty(),
            Some(text) if self.is_base64_encoded => {
                Body::from(STANDARD.decode(text).map_err(MalformedEvent::Body)?)
            }
            Some(text) => Body::from(text),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method.map_err(|_| MalformedEvent::Method)?;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(origin);
        request.extensions_mut().insert(deadline);
        Ok(request)
    }

    fn gateway_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        if self.origin() == Origin::Streaming {
            return None;
        }
        let taken_at = Timestamp::from_millisecond(self.request_context.time_epoch?).ok()?;
        let age = now.duration_since(taken_at);
        let plausible = age > -CLOCK_TOLERANCE && age < LONGEST_RUN;
        plausible.then(|| taken_at.checked_add(GATEWAY_LIMIT).ok()).flatten()
    }

    fn uri(&self) -> Result<Uri, MalformedEvent> {
        let mut address = String::with_capacity(self.raw_path.len().saturating_add(64));
        let path = self.path_without_stage();
        if !path.starts_with('/') {
            address.push('/');
        }
        // The gateway decodes the path; characters that may not stand there are encoded again.
        push_encoded(&mut address, path, b"\"#<>?\\^`{|}");
        if let Some(query) = self.raw_query_string.as_deref().filter(|query| !query.is_empty()) {
            address.push('?');
            push_encoded(&mut address, query, b"\"#<>\\^`{|}");
        }
        let parsed = PathAndQuery::try_from(address).map_err(|_| MalformedEvent::Address)?;
        Ok(Uri::from(parsed))
    }

    /// A stage with a name is the first segment of every path; routes do not know it.
    fn path_without_stage(&self) -> &str {
        let path = self.raw_path.as_str();
        let stage = self.request_context.stage.as_deref().unwrap_or("$default");
        if stage == "$default" {
            return path;
        }
        let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
        rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
    }

    fn headers(&self) -> Result<HeaderMap, MalformedEvent> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_bytes(value.as_bytes());
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(MalformedEvent::Header);
            };
            headers.append(name, value);
        }
        let cookies = self.cookies.as_deref().unwrap_or_default().join("; ");
        if !cookies.is_empty() {
            let value = HeaderValue::from_bytes(cookies.as_bytes());
            headers.insert(COOKIE, value.map_err(|_| MalformedEvent::Header)?);
        }
        Ok(headers)
    }
}

/// The nearer of the two; the function's own only where it can be a point in time.
fn deadline(now: Timestamp, function: Option<Timestamp>, gateway: Option<Timestamp>) -> Deadline {
    let function = function.filter(|at| {
        let remaining = at.duration_since(now);
        remaining.is_positive() && remaining <= LONGEST_RUN
    });
    Deadline(function.into_iter().chain(gateway).min())
}

impl Deadline {
    /// The deadline of a run that answers nobody: the function's own, if it is plausible.
    pub(crate) fn of_function(now: Timestamp, function: Option<Timestamp>) -> Deadline {
        deadline(now, function, None)
    }
}

/// Appends `text`, with `excluded` and everything that is not a printing ASCII character as
/// `%XX`. A `%` stays: it begins what is encoded already.
fn push_encoded(address: &mut String, text: &str, excluded: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !excluded.contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
}

//! A reply as a list of steps, and the one place that plays them onto a connection.
//!
//! Replies are data so that every way of misbehaving is visible where the reply is built.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

/// The `created` time of everything the stand-in makes, in epoch seconds: constant, so that
/// answers depend on requests alone.
pub(crate) const CREATED_S: i64 = 1_767_225_600;

/// One step of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// These bytes, as one chunk.
    Send(Bytes),
    /// The pause between two words.
    Pause,
    /// Nothing more, with the connection left open.
    Hang,
    /// The connection is closed before the body has ended.
    Cut,
}

/// When a reply starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    AtOnce,
    After(Duration),
    /// The caller has to give up.
    Never,
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after_s: Option<u32>,
    /// The `content-length`; none means chunks.
    pub(crate) length: Option<usize>,
    pub(crate) start: Start,
    pub(crate) steps: Vec<Step>,
}

impl Reply {
    /// 200, JSON by its type, and no body.
    pub(crate) fn empty() -> Self {
        Self::bytes("application/json", Bytes::new())
    }

    pub(crate) fn bytes(content_type: &'static str, body: Bytes) -> Self {
        Self {
            status: StatusCode::OK,
            content_type,
            retry_after_s: None,
            length: Some(body.len()),
            start: Start::AtOnce,
            steps: vec![Step::Send(body)],
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self { status, ..Self::bytes("application/json", body.to_string().into()) }
    }

    /// Server-sent events.
    pub(crate) fn events(steps: Vec<Step>) -> Self {
        Self {
            content_type: "text/event-stream; charset=utf-8",
            length: None,
            steps,
            ..Self::empty()
        }
    }

    /// The first half of this reply's body, then `end`; the whole length stays announced.
    pub(crate) fn half_then(mut self, end: Step) -> Self {
        if let Some(Step::Send(body)) = self.steps.first_mut() {
            body.truncate(body.len() / 2);
        }
        self.steps.extend([Step::Pause, end]);
        self
    }

    /// An error in the provider's shape.
    pub(crate) fn error(status: StatusCode, kind: &str, code: &Value, message: &str) -> Self {
        Self::json(status, &error_body(kind, code, message))
    }

    pub(crate) fn invalid(param: &str, message: &str) -> Self {
        let body = json!({"error": {"message": message, "type": "invalid_request_error",
                                    "param": param, "code": null}});
        Self::json(StatusCode::BAD_REQUEST, &body)
    }

    /// How many answers `n` asks for, one where it is missing; else the refusal.
    pub(crate) fn count(body: &Value, max: usize) -> Result<usize, Self> {
        let count = match body.get("n") {
            None | Some(Value::Null) => Some(1),
            Some(n) => n.as_u64().and_then(|n| usize::try_from(n).ok()),
        };
        count.filter(|count| (1..=max).contains(count)).ok_or_else(|| {
            Self::invalid("n", &format!("Invalid 'n': expected an integer from 1 to {max}."))
        })
    }

    pub(crate) fn not_json() -> Self {
        let message = "We could not parse the JSON body of your request.";
        Self::error(StatusCode::BAD_REQUEST, "invalid_request_error", &Value::Null, message)
    }

    pub(crate) fn unknown_url(method: &Method, path: &str) -> Self {
        let message = format!("Invalid URL ({method} {path})");
        Self::error(StatusCode::NOT_FOUND, "invalid_request_error", &Value::Null, &message)
    }

    /// 401 that repeats the ends of the key, as the real provider does: what must not leak.
    pub(crate) fn wrong_key(key: Option<&str>) -> Self {
        let message = match key {
            None => "You didn't provide an API key.".to_owned(),
            Some(key) => {
                let (start, end) = (key.get(..8), key.get(key.len().saturating_sub(4)..));
                format!(
                    "Incorrect API key provided: {}************{}.",
                    start.unwrap_or_default(),
                    end.unwrap_or_default()
                )
            }
        };
        let code = json!("invalid_api_key");
        Self::error(StatusCode::UNAUTHORIZED, "invalid_request_error", &code, &message)
    }

    /// Plays the steps. `number` makes the request id.
    pub(crate) async fn play(
        self,
        number: u64,
        word_pause: Duration,
        in_progress: InProgress,
    ) -> Response {
        match self.start {
            Start::AtOnce => {}
            Start::After(time) => tokio::time::sleep(time).await,
            Start::Never => std::future::pending().await,
        }
        let mut response =
            Response::new(Body::from_stream(body(self.steps, word_pause, in_progress)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(length) = self.length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // The real provider sends such headers, and none of them is for the guard's callers.
        headers.insert("openai-organization", HeaderValue::from_static("org-stand-in"));
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("__cf_bm=stand-in; Path=/"));
        headers.insert("x-request-number", number.into());
        response
    }
}

/// An error body in the provider's shape.
pub(crate) fn error_body(kind: &str, code: &Value, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn body(
    steps: Vec<Step>,
    word_pause: Duration,
    in_progress: InProgress,
) -> impl Stream<Item = io::Result<Bytes>> {
    let state = (steps.into_iter(), in_progress);
    stream::unfold(state, move |(mut steps, in_progress)| async move {
        loop {
            match steps.next()? {
                Step::Send(bytes) => return Some((Ok(bytes), (steps, in_progress))),
                Step::Pause => tokio::time::sleep(word_pause).await,
                Step::Hang => std::future::pending().await,
                Step::Cut => {
                    // The server flushes what was sent before only when it finds us waiting.
                    tokio::task::yield_now().await;
                    let cut = io::Error::other("the stand-in cuts this connection");
                    return Some((Err(cut), (steps, in_progress)));
                }
            }
        }
    })
}

/// Counts one request as in progress for as long as it lives.
#[derive(Debug)]
pub(crate) struct InProgress(Arc<AtomicUsize>);

impl InProgress {
    pub(crate) fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

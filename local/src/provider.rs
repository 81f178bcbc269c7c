//! An OpenAI-compatible AI provider to develop and test against.
//!
//! It answers `POST /v1/chat/completions`, `POST /v1/images/generations` and `GET /v1/models` in
//! the wire format the official SDKs accept, streams word by word, and misbehaves on demand: the
//! model name says how (see [`MODELS`]). What it answers depends on the request alone, so tests
//! can state whole answers. Everything it is sent is kept for tests to look at, except the key.

mod behaviour;
mod chat;
mod image;
mod reply;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use behaviour::MODELS;
use reply::{InProgress, Reply};

/// The key accepted unless [`Options::key`] says otherwise.
pub const KEY: &str = "stand-in-key-5f2d8c1e9b7a4630";

/// How many requests are kept for [`Provider::requests`]; older ones are forgotten, so that a
/// stack left running for days does not grow.
const REQUESTS_KEPT: usize = 2_000;

/// Larger than any body a guard lets through, so that the limit under test is never this one.
const BODY_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// What can be chosen about the stand-in.
#[derive(Debug, Clone)]
pub struct Options {
    /// The pause before each streamed word.
    pub word_pause: Duration,
    /// The bearer key that is accepted.
    pub key: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { word_pause: Duration::from_millis(20), key: KEY.to_owned() }
    }
}

/// One request as it arrived, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `POST`.
    pub method: String,
    /// The path with its leading slash, without the query.
    pub path: String,
    /// The headers by lower-case name, without `authorization`.
    pub headers: BTreeMap<String, String>,
    /// Whether the request carried the right key.
    pub authorized: bool,
    /// The body, unknown fields included; `null` where it is not JSON.
    pub body: Value,
}

/// A running stand-in; it accepts no new connections once this is dropped.
#[derive(Debug)]
pub struct Provider {
    /// What an SDK takes as its base URL: `http://127.0.0.1:{port}/v1`.
    pub base_url: String,
    seen: Arc<Seen>,
    server: AbortHandle,
}

/// Starts the stand-in with the default [`Options`].
///
/// Fails where the listener has no local address. Must be called inside a Tokio runtime.
pub fn start(listener: TcpListener) -> io::Result<Provider> {
    start_with(listener, Options::default())
}

/// Starts the stand-in; fails where the listener has no local address.
///
/// Must be called inside a Tokio runtime.
pub fn start_with(listener: TcpListener, options: Options) -> io::Result<Provider> {
    let origin = format!("http://{}", listener.local_addr()?);
    let base_url = format!("{origin}/v1");
    let seen = Arc::new(Seen::default());
    let app = App { origin: origin.into(), options: options.into(), seen: Arc::clone(&seen) };
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(app);
    // Without this a word waits for the reader's acknowledgement of the word before it.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "the connection keeps Nagle's delay");
        }
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
    Ok(Provider { base_url, seen, server })
}

impl Provider {
    /// The last requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.kept().iter().cloned().collect()
    }

    /// How many requests have arrived since the start, forgotten ones included.
    pub fn request_count(&self) -> u64 {
        self.seen.count.load(Ordering::SeqCst)
    }

    /// How many requests are being answered now; one that hangs counts until its caller leaves.
    pub fn in_progress(&self) -> usize {
        self.seen.in_progress.load(Ordering::SeqCst)
    }

    /// Forgets the requests kept so far; [`Provider::request_count`] goes on.
    pub fn forget_requests(&self) {
        self.seen.kept().clear();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<VecDeque<Request>>,
    count: AtomicU64,
    in_progress: Arc<AtomicUsize>,
}

impl Seen {
    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the request and returns its number, the first being 1.
    fn keep(&self, request: Request) -> u64 {
        let mut kept = self.kept();
        if kept.len() == REQUESTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(request);
        self.count.fetch_add(1, Ordering::SeqCst).saturating_add(1)
    }
}

#[derive(Debug, Clone)]
struct App {
    origin: Arc<str>,
    options: Arc<Options>,
    seen: Arc<Seen>,
}

async fn answer(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // A client that only opens its connection asks for nothing, and nothing is counted.
    if method == Method::HEAD {
        return StatusCode::NOT_FOUND.into_response();
    }
    let in_progress = InProgress::begin(&app.seen.in_progress);
    let key = bearer_key(&headers);
    let authorized = key == Some(app.options.key.as_str());
    let json = serde_json::from_slice(&body).ok();
    let number = app.seen.keep(Request {
        method: method.to_string(),
        path: uri.path().to_owned(),
        headers: plain_headers(&headers),
        authorized,
        body: json.clone().unwrap_or_default(),
    });
    let reply = if authorized || uri.path() == image::PICTURE_PATH {
        reply_to(&app, &method, uri.path(), json.as_ref(), number)
    } else {
        Reply::wrong_key(key)
    };
    reply.play(number, app.options.word_pause, in_progress).await
}

fn reply_to(app: &App, method: &Method, path: &str, body: Option<&Value>, number: u64) -> Reply {
    match (method.as_str(), path) {
        ("GET", "/v1/models") => behaviour::list_models(),
        ("GET", image::PICTURE_PATH) => image::picture(),
        ("POST", "/v1/chat/completions") => {
            body.map_or_else(Reply::not_json, |body| chat::reply(body, number))
        }
        ("POST", "/v1/images/generations") => {
            body.map_or_else(Reply::not_json, |body| image::reply(body, &app.origin))
        }
        _ => Reply::unknown_url(method, path),
    }
}

fn bearer_key(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn plain_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| *name != header::AUTHORIZATION)
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

//! Function URLs: every path of one listener goes to one function, streamed if it says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header, request};
use serde_json::Value;
use tokio::sync::mpsc;

use super::event::{Entrance, event};
use super::{Refused, cors, is_preflight, plain, read_body, response, serialise};
use crate::invocation::{Answer, Chunk, Failure, Invocations, Streamed};
use crate::template::{FunctionUrl, InvokeMode, REGION};
use crate::{machine, random};

/// Most bytes of a request body.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What stands between the prelude of a streamed answer and its body.
const SEPARATOR: [u8; 8] = [0; 8];
/// Largest prelude; headers are never near it.
const PRELUDE_BYTES_MAX: usize = 64 * 1024;
const ERROR: &str = "Internal Server Error";

/// The function URL of one function.
pub(crate) struct FunctionUrlServer {
    invocations: Arc<Invocations>,
    url: FunctionUrl,
    domain: String,
}

impl FunctionUrlServer {
    pub(crate) fn new(invocations: Arc<Invocations>, url: FunctionUrl) -> Self {
        let domain = format!("{}.lambda-url.{REGION}.on.aws", invocations.function.name);
        Self { invocations, url, domain }
    }

    pub(crate) fn router(self) -> Router {
        Router::new().fallback(serve).with_state(Arc::new(self))
    }

    async fn answer(&self, parts: &request::Parts, body: Body) -> Response<Body> {
        let entrance = Entrance {
            route_key: "$default",
            raw_path: parts.uri.path().to_owned(),
            domain: &self.domain,
            path_parameters: BTreeMap::new(),
            now: machine::now(),
        };
        let event = match read_body(body, BODY_BYTES_MAX).await {
            Ok(body) => serialise(&event(&entrance, parts, &body)),
            Err(refused) => Err(refused),
        };
        let event = match event {
            Ok(event) => event,
            Err(Refused::TooLarge) => {
                let message = r#"{"Message":"Request must be smaller than 6291456 bytes"}"#;
                return plain(StatusCode::PAYLOAD_TOO_LARGE, message);
            }
            Err(Refused::Unreadable) => return plain(StatusCode::BAD_REQUEST, "{}"),
        };
        match self.invocations.invoke(event).await {
            Answer::Buffered(bytes) => {
                response::from_buffered(&bytes).unwrap_or_else(|| self.failed("it cannot be read"))
            }
            Answer::Streamed(streamed) if self.url.invoke_mode == InvokeMode::ResponseStream => {
                match from_stream(streamed).await {
                    Some(response) => response,
                    None => self.failed("its prelude is incomplete"),
                }
            }
            Answer::Streamed(_) => self.failed("it is streamed, but the InvokeMode is BUFFERED"),
            Answer::Failed(failure @ Failure::TimedOut(_)) => {
                self.report(&failure.to_string());
                plain(StatusCode::GATEWAY_TIMEOUT, ERROR)
            }
            Answer::Failed(failure) => self.failed(&failure.to_string()),
        }
    }

    fn failed(&self, reason: &str) -> Response<Body> {
        self.report(reason);
        plain(StatusCode::BAD_GATEWAY, ERROR)
    }

    fn report(&self, reason: &str) {
        let function = &self.invocations.function.name;
        eprintln!("function `{function}` gave its function URL no answer: {reason}");
    }
}

async fn serve(
    State(server): State<Arc<FunctionUrlServer>>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut response = match &server.url.cors {
        Some(cors) if is_preflight(&parts) => return cors::preflight(cors, &parts.headers),
        _ => server.answer(&parts, body).await,
    };
    if let Some(cors) = &server.url.cors {
        cors::apply(cors, &parts.headers, &mut response);
    }
    if let Ok(id) = HeaderValue::from_str(&random::uuid()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// The response for a streamed answer once its prelude is there; none if that never comes.
async fn from_stream(mut streamed: Streamed) -> Option<Response<Body>> {
    let mut buffer = BytesMut::new();
    let end = loop {
        if let Some(end) = separator(&buffer) {
            break end;
        }
        match streamed.chunks.recv().await? {
            Chunk::Data(bytes) if buffer.len() < PRELUDE_BYTES_MAX => buffer.extend(bytes),
            Chunk::Data(_) | Chunk::End => return None,
        }
    };
    let prelude = buffer.split_to(end);
    let first = buffer.split_off(SEPARATOR.len()).freeze();
    let prelude: Value = serde_json::from_slice(&prelude).ok()?;
    let mut response = response::head(prelude.as_object()?)?;
    // A length cannot be kept over a stream that may be cut off.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from_stream(stream::unfold(
        Some((Some(first), streamed.chunks)),
        |state| async move {
            let (first, chunks) = state?;
            next_chunk(first, chunks).await
        },
    ));
    Some(response)
}

type Item = Result<Bytes, std::io::Error>;
type Rest = Option<(Option<Bytes>, mpsc::Receiver<Chunk>)>;

/// The next piece of the body. An answer that breaks off ends in an error, which cuts the client's
/// connection, so that it cannot be mistaken for a complete one.
async fn next_chunk(
    first: Option<Bytes>,
    mut chunks: mpsc::Receiver<Chunk>,
) -> Option<(Item, Rest)> {
    if let Some(first) = first.filter(|first| !first.is_empty()) {
        return Some((Ok(first), Some((None, chunks))));
    }
    match chunks.recv().await {
        Some(Chunk::Data(bytes)) => Some((Ok(bytes), Some((None, chunks)))),
        Some(Chunk::End) => None,
        None => Some((Err(std::io::Error::other("the function ended in mid-answer")), None)),
    }
}

fn separator(buffer: &[u8]) -> Option<usize> {
    buffer.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)
}

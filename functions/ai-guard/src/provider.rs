//! The AI provider: one request, and its answer as it comes. What goes wrong here is told to the
//! caller by a code and, at most, a status: never a header, a body or an address of the provider.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{
    HeaderValue, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use startup::{BoxError, HttpClient, HttpError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{call::Call, settings::ProviderSettings};

pub(crate) use failure::Failure;

mod failure;

/// How long the end of an answer is waited for once its last event has come. It only serves to
/// keep the connection for the next call; nobody waits for it.
const LAST_BYTES_LIMIT: Duration = Duration::from_secs(1);

/// How long the provider is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until when the first byte of the body must be there.
    pub(crate) first_byte_by: Instant,
    /// How long the provider may then be silent.
    pub(crate) idle: Duration,
    /// When to stop in any case, so that there is time left to settle.
    pub(crate) stop_at: Option<Instant>,
}

/// An answer that has begun, with a success status.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: AnswerBody,
}

/// The body of an answer, in bounded time.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    patience: Patience,
    has_begun: bool,
}

/// Sends `body` for the call and waits for the head of the answer; any other status than a success
/// is a [`Failure`].
pub(crate) async fn ask(
    http: &HttpClient,
    provider: &ProviderSettings,
    call: &Call,
    body: Bytes,
    patience: Patience,
) -> Result<Answering, Failure> {
    let accept = if call.stream { "text/event-stream" } else { "application/json" };
    let request = Request::post(format!("{}{}", provider.base_url, call.endpoint.path()))
        .header(AUTHORIZATION, provider.authorization.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, accept)
        .header(USER_AGENT, "saldo")
        .body(Full::new(body))
        .map_err(|error| Failure::Unreachable(error.into()))?;
    let by = patience.stop_at.map_or(patience.first_byte_by, |at| at.min(patience.first_byte_by));
    let response = match timeout_at(by, http.send(request)).await {
        Err(_) => return Err(Failure::TimedOut),
        Ok(Err(error)) => return Err(unreachable(error)),
        Ok(Ok(response)) => response,
    };
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(Failure::Refused(head.status));
    }
    Ok(Answering {
        status: head.status,
        content_type: head.headers.get(CONTENT_TYPE).cloned(),
        body: AnswerBody::new(Body::new(body), patience),
    })
}

fn unreachable(error: HttpError) -> Failure {
    Failure::Unreachable(BoxError::from(error))
}

impl AnswerBody {
    pub(crate) fn new(body: Body, patience: Patience) -> Self {
        Self { body, patience, has_begun: false }
    }

    /// The next bytes, never none of them; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let Patience { first_byte_by, idle, stop_at } = self.patience;
        let silent_until = if self.has_begun { Instant::now() + idle } else { first_byte_by };
        let by = stop_at.map_or(silent_until, |at| at.min(silent_until));
        loop {
            match timeout_at(by, self.body.frame()).await {
                Err(_) => return Err(Failure::TimedOut),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Failure::BrokeOff(error.into())),
                Ok(Some(Ok(frame))) => {
                    // Trailers are none of ours.
                    let data = frame.into_data().unwrap_or_default();
                    if !data.is_empty() {
                        self.has_begun = true;
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// When the call has to stop, if it has to.
    pub(crate) fn stop_at(&self) -> Option<Instant> {
        self.patience.stop_at
    }

    /// Reads what is left in the background, so that the connection can be used again: making a
    /// new one costs the next caller a handshake.
    pub(crate) fn finish(mut self) {
        tokio::spawn(timeout(LAST_BYTES_LIMIT, async move {
            while let Ok(Some(_)) = self.chunk().await {}
        }));
    }
}

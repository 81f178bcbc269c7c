//! The Lambda Runtime API for every function on one port.
//!
//! The base path of a process is `/rt/{function}/{worker}`, so that a process that ends or is too
//! slow can be told from its siblings.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::invocation::{Answer, Chunk, Failure, Invocations, Responding, Streamed, WorkerId};
use crate::random;

#[cfg(test)]
pub(crate) mod tests;

/// Most bytes of a buffered answer, as Lambda counts them.
const RESPONSE_BYTES_MAX: usize = 6_291_556;
/// Chunks between a function and a slow client before the function has to wait.
const CHUNKS_IN_FLIGHT: usize = 64;
/// The version that is part of every path.
const VERSION: &str = "/rt/{function}/{worker}/2018-06-01/runtime";

/// All functions, by name.
pub(crate) type Functions = Arc<BTreeMap<String, Arc<Invocations>>>;

/// What `AWS_LAMBDA_RUNTIME_API` has to be for a process; with a path it needs the scheme.
pub(crate) fn endpoint(base_url: &str, function: &str, worker: WorkerId) -> String {
    format!("{base_url}/rt/{function}/{worker}")
}

pub(crate) fn router(functions: Functions) -> Router {
    Router::new()
        .route(&format!("{VERSION}/invocation/next"), get(next))
        .route(&format!("{VERSION}/invocation/{{request}}/response"), post(response))
        .route(&format!("{VERSION}/invocation/{{request}}/error"), post(error))
        .route(&format!("{VERSION}/init/error"), post(init_error))
        .with_state(functions)
}

async fn next(
    State(functions): State<Functions>,
    Path((function, worker)): Path<(String, WorkerId)>,
) -> Response<Body> {
    let Some(invocations) = functions.get(&function) else {
        return status(StatusCode::NOT_FOUND);
    };
    let Some(dispatched) = invocations.next(worker).await else {
        return status(StatusCode::GONE);
    };
    let trace = format!("Root=1-{}-{};Sampled=0", random::hex(8), random::hex(24));
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", dispatched.request_id)
        .header("lambda-runtime-deadline-ms", dispatched.deadline.as_millisecond())
        .header("lambda-runtime-invoked-function-arn", invocations.function.arn())
        .header("lambda-runtime-trace-id", trace)
        .body(Body::from(dispatched.event))
        .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn response(
    State(functions): State<Functions>,
    Path((function, _, request)): Path<(String, WorkerId, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let Some(invocations) = functions.get(&function) else {
        return status(StatusCode::NOT_FOUND);
    };
    let Some(responding) = invocations.respond(&request) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let mode = headers.get("lambda-runtime-function-response-mode");
    let accepted = if mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming")) {
        stream(responding, body).await
    } else {
        buffer(responding, body).await
    };
    invocations.complete(&request);
    status(accepted)
}

async fn buffer(responding: Responding, body: Body) -> StatusCode {
    let Responding { answer, cut } = responding;
    let collected = tokio::select! {
        collected = Limited::new(body, RESPONSE_BYTES_MAX).collect() => collected,
        () = cut.notified() => return StatusCode::GONE,
    };
    let (outcome, accepted) = match collected {
        Ok(body) => (Answer::Buffered(body.to_bytes()), StatusCode::ACCEPTED),
        Err(error) if error.is::<LengthLimitError>() => {
            (Answer::Failed(Failure::TooLarge), StatusCode::PAYLOAD_TOO_LARGE)
        }
        Err(_) => (Answer::Failed(Failure::Exited), StatusCode::BAD_REQUEST),
    };
    // The client may be gone; the invocation is over all the same.
    drop(answer.send(outcome));
    accepted
}

/// Hands on each chunk as it comes. A client that is gone does not end the reading, so that the
/// function can finish what it has begun.
async fn stream(responding: Responding, mut body: Body) -> StatusCode {
    let Responding { answer, cut } = responding;
    let (sender, chunks) = mpsc::channel(CHUNKS_IN_FLIGHT);
    drop(answer.send(Answer::Streamed(Streamed { chunks })));
    let hand_on = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return StatusCode::BAD_REQUEST;
            };
            match frame.into_data() {
                Ok(chunk) => drop(sender.send(Chunk::Data(chunk)).await),
                // An error in the middle is told in trailers; the client sees a cut-off answer.
                Err(trailers) if reports_error(&trailers) => return StatusCode::ACCEPTED,
                Err(_) => {}
            }
        }
        drop(sender.send(Chunk::End).await);
        StatusCode::ACCEPTED
    };
    tokio::select! {
        accepted = hand_on => accepted,
        () = cut.notified() => StatusCode::GONE,
    }
}

fn reports_error(frame: &Frame<Bytes>) -> bool {
    frame
        .trailers_ref()
        .is_some_and(|trailers| trailers.contains_key("lambda-runtime-function-error-type"))
}

async fn error(
    State(functions): State<Functions>,
    Path((function, _, request)): Path<(String, WorkerId, String)>,
    body: Bytes,
) -> Response<Body> {
    let Some(invocations) = functions.get(&function) else {
        return status(StatusCode::NOT_FOUND);
    };
    let Some(responding) = invocations.respond(&request) else {
        return status(StatusCode::BAD_REQUEST);
    };
    drop(responding.answer.send(Answer::Failed(Failure::Reported(error_message(&body)))));
    invocations.complete(&request);
    status(StatusCode::ACCEPTED)
}

/// The process says why it cannot start, and ends; its log has the reason as well.
async fn init_error(body: Bytes) -> Response<Body> {
    eprintln!("a function cannot start: {}", error_message(&body));
    status(StatusCode::ACCEPTED)
}

fn error_message(body: &[u8]) -> String {
    let report: Value = serde_json::from_slice(body).unwrap_or_default();
    report.get("errorMessage").and_then(Value::as_str).unwrap_or("no reason given").to_owned()
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

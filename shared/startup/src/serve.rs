//! Serving a router to an HTTP API and to a function URL from one loop.
//!
//! The same function sits behind both. A request from the function URL is answered as a stream,
//! each chunk sent as it comes; one from the HTTP API is answered whole.

mod answer;
#[cfg(test)]
mod tests;

use std::convert::Infallible;

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use lambda_runtime::{FunctionResponse, LambdaEvent, service_fn};
use serde_json::json;
use tower::ServiceExt;
use tracing::Instrument;

use self::answer::{BufferedAnswer, Chunks};
use crate::{
    clock::Clock,
    request::{HttpEvent, MalformedEvent, Origin},
    runtime::{self, Error},
    telemetry::{error_chain, invocation_span},
};

type Answer = FunctionResponse<BufferedAnswer, Chunks>;

/// Serves `router` until the platform ends the process. Every request carries its [`Origin`] and
/// its [`Deadline`](crate::Deadline) as extensions. An event that is not a valid request is
/// answered with 400 and does not reach the router.
pub async fn serve(router: Router) -> Result<(), Error> {
    let clock = Clock::system();
    let service = service_fn(move |event: LambdaEvent<HttpEvent>| {
        let span = invocation_span(&event.context.request_id);
        answer(router.clone(), event, clock.now()).instrument(span)
    });
    runtime::run(service).await
}

async fn answer(
    router: Router,
    event: LambdaEvent<HttpEvent>,
    now: Timestamp,
) -> Result<Answer, Infallible> {
    let origin = event.payload.origin();
    let function_deadline = runtime::function_deadline(&event.context);
    let response = match event.payload.into_request(now, function_deadline) {
        Ok(request) => respond(router, request).await,
        Err(malformed) => refuse(&malformed),
    };
    Ok(match origin {
        Origin::Streaming => FunctionResponse::StreamingResponse(answer::streaming(response)),
        Origin::Buffered => FunctionResponse::BufferedResponse(answer::buffered(response).await),
    })
}

async fn respond(router: Router, request: Request<Body>) -> Response<Body> {
    let Ok(response) = router.oneshot(request).await;
    response
}

fn refuse(malformed: &MalformedEvent) -> Response<Body> {
    tracing::info!(error = error_chain(malformed), "the event is not a valid request");
    problem(StatusCode::BAD_REQUEST, "malformed_request", &malformed.to_string())
}

/// An error that arises before or after the router, in the shape of all others.
fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
        "error": code,
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

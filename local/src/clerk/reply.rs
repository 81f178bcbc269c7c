//! Answers and errors in Clerk's shape.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::limits::Wait;

/// What a call is answered.
#[derive(Debug)]
pub(super) enum Reply {
    Json(Value),
    Fault(Fault),
    /// What no route of Clerk's has.
    NoRoute,
    /// What stands before Clerk, when Clerk is not there.
    Unavailable,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    /// The parameter that is at fault.
    parameter: Option<String>,
    retry_after_s: Option<u64>,
}

impl Fault {
    fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, parameter: None, retry_after_s: None }
    }

    pub(super) fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_invalid", "Invalid authentication")
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found")
    }

    pub(super) fn not_json() -> Self {
        let message = "Request body invalid";
        Self::new(StatusCode::BAD_REQUEST, "request_body_invalid", message)
    }

    pub(super) fn invalid(parameter: impl Into<String>) -> Self {
        let parameter = Some(parameter.into());
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { parameter, ..Self::new(status, "form_param_invalid", "is invalid") }
    }
}

impl From<Wait> for Fault {
    fn from(Wait(seconds): Wait) -> Self {
        let message = "Too many requests, retry later";
        let fault = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        Self { retry_after_s: Some(seconds), ..fault }
    }
}

impl Reply {
    /// The answer to call `number`, which makes its trace id.
    pub(super) fn response(self, number: u64) -> Response<Full<Bytes>> {
        match self {
            Self::Json(body) => json_response(StatusCode::OK, &body),
            Self::NoRoute => text(StatusCode::NOT_FOUND, "404 page not found"),
            Self::Unavailable => text(StatusCode::SERVICE_UNAVAILABLE, "upstream connect error"),
            Self::Fault(fault) => {
                let meta =
                    fault.parameter.map_or_else(|| json!({}), |name| json!({"param_name": name}));
                let body = json!({
                    "errors": [{
                        "message": fault.message,
                        "long_message": fault.message,
                        "code": fault.code,
                        "meta": meta,
                    }],
                    "clerk_trace_id": format!("{number:032x}"),
                });
                let mut response = json_response(fault.status, &body);
                if let Some(seconds) = fault.retry_after_s {
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                response
            }
        }
    }
}

/// Clerk's SDKs read JSON only where the type is exactly this one.
fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    typed(status, "application/json", body.to_string())
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    typed(status, "text/plain", body.to_owned())
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

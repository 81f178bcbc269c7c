//! The one error of the HTTP interface: an RFC 9457 problem document.
//!
//! Every failed request is answered in this shape, whoever refused it: a handler, an extractor,
//! the router, the ledger. `code` never changes once published; `docs/errors.md` lists them all.

use std::error::Error;
use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

/// A refusal or failure that is safe to show to the caller.
///
/// As a response: `application/problem+json` with `type`, `title`, `status`, `detail`, `code`,
/// `error` (the same as `code`, for older clients), and the members added by [`ApiError::with`].
#[derive(Clone, Debug)]
pub struct ApiError(Box<Problem>);

#[derive(Clone, Debug)]
struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl ApiError {
    /// An error with a stable code and a detail the caller may read: lower case, no full stop.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            status,
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// A fault of ours: logs the whole chain once, and tells the caller nothing of it (500).
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request failed on our side")
    }

    /// The ledger could not be reached: logs the chain once; the caller may try again (503).
    pub fn ledger_unavailable(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "ledger unavailable");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ledger_unavailable",
            "the ledger cannot be reached; nothing was charged",
        )
        .retry_after(1)
    }

    /// One field of the request is not acceptable (400 `invalid_field`).
    pub fn invalid_field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_field", detail).field(field)
    }

    /// Adds a member to the document. The members every document has cannot be replaced.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        // A value that cannot be JSON is a mistake of the call site, which must not hide the
        // error that is being reported.
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.0.members.insert(member.to_owned(), value);
        self
    }

    /// Names the field of the request that is at fault, as a path: `messages[2].role`.
    #[must_use]
    pub fn field(self, name: impl Into<String>) -> Self {
        self.with("field", name.into())
    }

    /// Says after how many seconds the same request is worth sending again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a response header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The HTTP status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code, as listed in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What happened, for a person.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The problem document, where it does not travel as a response of its own.
    pub fn document(&self) -> Map<String, Value> {
        let problem = &self.0;
        let mut document = problem.members.clone();
        let title = problem.status.canonical_reason().unwrap_or("Error");
        let fixed = [
            ("type", Value::from("about:blank")),
            ("title", Value::from(title)),
            ("status", Value::from(problem.status.as_u16())),
            ("detail", Value::from(problem.detail.as_str())),
            ("code", Value::from(problem.code)),
            ("error", Value::from(problem.code)),
        ];
        document.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        document
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Value::Object(self.document()).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.extend(self.0.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // The error itself goes along, so that a layer can answer it in another shape.
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer for a path that no route has: a fallback of the router.
pub async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
}

/// The answer for a method that the route does not have: its method fallback.
pub async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
}

/// An error with everything that caused it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

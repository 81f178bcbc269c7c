//! Errors as the `OpenAI` SDKs read them, for the routes that speak that wire format.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// A layer for the `/v1` routes: answers an [`ApiError`] as `application/json` whose `error` is
/// the object `{message, type, param, code}` with the members of the document beside them.
///
/// Responses that are not an [`ApiError`] pass untouched.
pub async fn openai_errors(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(Value::Object(error.openai_document()).to_string());
    response
}

impl ApiError {
    /// The problem document with `error` as the `OpenAI` SDKs expect it.
    pub fn openai_document(&self) -> Map<String, Value> {
        let mut document = self.document();
        // The SDKs keep nothing of a body but this object: what is said beside it, such as how
        // many credits are short, would be lost to their users.
        let mut error = document.clone();
        for name in ["title", "status", "detail", "field", "error"] {
            error.remove(name);
        }
        let read_by_sdks = [
            ("message", Value::from(self.detail())),
            ("type", Value::from(openai_type(self.status()))),
            ("param", document.get("field").cloned().unwrap_or_default()),
            ("code", Value::from(self.code())),
        ];
        error.extend(read_by_sdks.map(|(name, value)| (name.to_owned(), value)));
        document.insert("error".to_owned(), Value::Object(error));
        document
    }
}

fn openai_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::PAYMENT_REQUIRED => "insufficient_quota",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_client_error() => "invalid_request_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests;

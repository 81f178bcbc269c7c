//! Bodies in and out: their refusals have the same shape as every other error.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::ApiError;
use crate::unreadable::{ROOT, invalid_field};

/// A JSON body of a request, or of a response.
///
/// In: 413 `body_too_large`, 400 `malformed_json`, 400 `invalid_field` with the path of the field.
/// The content type is not looked at: callers are known by a bearer token and never by a cookie,
/// so there is no foreign form to fend off, and `curl -d` just works.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        from_json(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The bytes of a body as they came, within the router's limit.
///
/// Refusals: 413 `body_too_large`, 400 `malformed_json` for a body that breaks off.
#[derive(Clone, Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
                Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    "the body is larger than this path takes",
                ))
            }
            Err(_) => Err(malformed("the body could not be read to its end")),
        }
    }
}

/// Reads a JSON body that was taken as [`RawBody`]; refuses as [`Json`] does.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    reader.end().map_err(|error| refused(ROOT, &error))?;
    Ok(value)
}

fn refused(path: &str, error: &serde_json::Error) -> ApiError {
    match error.classify() {
        Category::Data => invalid_field(path, &error.to_string()),
        Category::Eof if error.line() == 1 && error.column() == 0 => malformed("the body is empty"),
        Category::Io | Category::Syntax | Category::Eof => malformed(&format!(
            "the body is not valid JSON at line {} column {}",
            error.line(),
            error.column()
        )),
    }
}

fn malformed(detail: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
}

#[cfg(test)]
mod tests;

//! Parameters in a path: their refusals have the same shape as every other error.

use axum::extract::{FromRequestParts, path::ErrorKind, rejection::PathRejection};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::unreadable::invalid_field;

/// The parameters of a request's path. What is not percent-encoded UTF-8, or cannot be read as a
/// `T`, is refused with 400 `invalid_field` and the parameter's name where there is more than one.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failed)) => {
                Err(refused(failed.into_kind()))
            }
            Err(rejection) => Err(ApiError::internal(&rejection)),
        }
    }
}

fn refused(kind: ErrorKind) -> ApiError {
    match kind {
        ErrorKind::InvalidUtf8InPathParam { key } => {
            ApiError::invalid_field(key.as_str(), format!("`{key}` is not UTF-8"))
        }
        ErrorKind::DeserializeError { key, message, .. } => invalid_field(&key, &message),
        ErrorKind::Message(message) => {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_field", message).field("path")
        }
        _ => ApiError::invalid_field("path", "the path cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::get};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn check(path: &str, expected: u16) {
        let router = Router::new()
            .route("/one/{id}", get(|Path(id): Path<String>| async move { id }))
            .route("/number/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{path}");
        if expected != 200 {
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        }
    }

    #[tokio::test]
    async fn a_parameter_that_cannot_be_read_is_refused_like_everything_else() {
        check("/one/user_1", 200).await;
        check("/one/%ff", 400).await;
        check("/number/7", 200).await;
        check("/number/seven", 400).await;
        check("/number/-1", 400).await;
    }
}

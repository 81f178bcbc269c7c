//! Query strings: their refusals have the same shape as every other error.

use std::error::Error;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::{DeserializeOwned, value};

use crate::error::ApiError;
use crate::unreadable::invalid_field;

/// The query string of a request; refused with 400 `invalid_field` and the parameter's name.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &(dyn Error + 'static)) -> ApiError {
    let mut cause = Some(rejection);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<serde_path_to_error::Error<value::Error>>() {
            return invalid_field(&error.path().to_string(), &error.inner().to_string());
        }
        cause = error.source();
    }
    ApiError::invalid_field("query", "the query string cannot be read")
}

#[cfg(test)]
mod tests;

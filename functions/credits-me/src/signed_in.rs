//! Who is asking, by which settings, at what time: the same for every route.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http_api::{ApiError, Caller, authenticate_to_read};
use jiff::Timestamp;

use crate::{CreditsMe, Settings};

/// A request of a signed-in user. Its time is fixed once.
pub(crate) struct SignedIn {
    pub(crate) caller: Caller,
    pub(crate) settings: Arc<Settings>,
    pub(crate) now: Timestamp,
}

impl FromRequestParts<Arc<CreditsMe>> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        function: &Arc<CreditsMe>,
    ) -> Result<Self, ApiError> {
        let settings = function.settings.current().await;
        let now = function.clock.now();
        let caller = authenticate_to_read(&parts.headers, &settings.verifier, now).await?;
        Ok(Self { caller, settings, now })
    }
}

//! Every way an answer of the provider can fail, and what the caller is told of it.

use http::{HeaderName, HeaderValue, StatusCode};
use http_api::ApiError;
use startup::BoxError;

/// Tells the `OpenAI` SDKs, which by themselves repeat every 5xx, whether to try again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why there is no answer, or no whole one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the provider could not be reached")]
    Unreachable(#[source] BoxError),
    #[error("the provider's answer broke off")]
    BrokeOff(#[source] BoxError),
    #[error("the provider did not answer in time")]
    TimedOut,
    #[error("the provider refused the call with status {}", .0.as_u16())]
    Refused(StatusCode),
    #[error("the provider reported an error")]
    Reported(StatusCode),
    #[error("the provider's answer could not be read")]
    Malformed,
    #[error("the provider's answer was empty")]
    Empty,
    #[error("the provider's answer is larger than can be passed on")]
    TooLarge,
}

impl Failure {
    /// The stable code, as in answers, logs and metrics.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::BrokeOff(_) => "provider_unreachable",
            Self::TimedOut => "provider_timeout",
            Self::Refused(_) | Self::Reported(_) => "provider_error",
            Self::Malformed => "provider_malformed",
            Self::Empty => "provider_empty",
            Self::TooLarge => "answer_too_large",
        }
    }

    /// The status the provider answered with, where that is what failed.
    pub(crate) fn provider_status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(status) | Self::Reported(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether the same request would fail the same way: the provider takes exception to the
    /// request itself, or its answer cannot be passed on.
    fn is_final(&self) -> bool {
        const PASSING: [StatusCode; 3] =
            [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS];
        match self {
            Self::Refused(status) => status.is_client_error() && !PASSING.contains(status),
            Self::TooLarge => true,
            _ => false,
        }
    }

    /// What the caller is told: 504 where time ran out, else 502; and where trying again is in
    /// vain, not to.
    pub(crate) fn to_api_error(&self) -> ApiError {
        let status = match self {
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        let mut error = ApiError::new(status, self.code(), self.to_string());
        if self.is_final() {
            error = error.header(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        match self.provider_status() {
            Some(status) => error.with("providerStatus", status.as_u16()),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn a_failure_is_told_by_code_and_status_and_nothing_of_the_provider() {
        let secret = || BoxError::from("connect to inference-7.internal");
        let rows = [
            (Failure::Unreachable(secret()), 502, "provider_unreachable"),
            (Failure::BrokeOff(secret()), 502, "provider_unreachable"),
            (Failure::TimedOut, 504, "provider_timeout"),
            (Failure::Refused(StatusCode::UNAUTHORIZED), 502, "provider_error"),
            (Failure::Reported(StatusCode::OK), 502, "provider_error"),
            (Failure::Malformed, 502, "provider_malformed"),
            (Failure::Empty, 502, "provider_empty"),
            (Failure::TooLarge, 502, "answer_too_large"),
        ];
        for (failure, status, code) in rows {
            let error = failure.to_api_error();
            assert_eq!((error.status().as_u16(), error.code()), (status, code));
            let document = error.document();
            let told = failure.provider_status().map(|status| status.as_u16().into());
            assert_eq!(document.get("providerStatus").cloned(), told);
            assert!(!serde_json::to_string(&document).unwrap().contains("internal"));
        }
    }
    #[test]
    fn only_what_cannot_succeed_is_not_to_be_repeated() {
        let refused = |status| Failure::Refused(StatusCode::from_u16(status).unwrap());
        let reported = Failure::Reported(StatusCode::OK);
        let retried = [refused(408), refused(409), refused(429), refused(500), refused(503)];
        for failure in retried.into_iter().chain([reported, Failure::TimedOut, Failure::Empty]) {
            let response = failure.to_api_error().into_response();
            assert_eq!(response.headers().get("x-should-retry"), None, "{failure}");
        }
        for failure in [refused(400), refused(401), refused(404), refused(422), Failure::TooLarge] {
            let response = failure.to_api_error().into_response();
            assert_eq!(response.headers()["x-should-retry"], "false", "{failure}");
        }
    }
}

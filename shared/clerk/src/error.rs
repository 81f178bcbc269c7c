//! What can go wrong between a wish and Clerk's answer.

use std::time::Duration;

use startup::HttpError;

/// Why Clerk did not do, or did not tell, what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    /// Too many requests: of the instance, or of metadata of one user. Nothing was done.
    #[error("clerk takes no more requests for now")]
    RateLimited {
        /// How long Clerk asks to wait, where it says so.
        retry_after: Option<Duration>,
    },
    /// Clerk knows no such user or organization.
    #[error("clerk knows no such user or organization")]
    NotFound,
    /// No whole answer in time, or one that Clerk itself failed with. A write may have been done.
    #[error("clerk could not be reached or did not answer in time")]
    Unavailable(#[source] HttpError),
    /// Clerk understood and will not do it. The trace id is what its support asks for.
    #[error("clerk refused with status {status} and code `{code}` (trace {trace_id})")]
    Refused {
        /// The status of the answer, 400 ..= 499.
        status: u16,
        /// The first error's code; `unknown` where there is none.
        code: String,
        /// Clerk's name for the exchange; `unknown` where there is none.
        trace_id: String,
    },
    /// The answer is not what its documentation promises.
    #[error("clerk's answer ({what}) {problem}")]
    Unreadable {
        /// What was asked for.
        what: &'static str,
        /// Where the fault is, without what stands there.
        problem: String,
    },
}

impl ClerkError {
    /// Whether the same request will be refused again for as long as its subject stays as it is:
    /// trying again is no use.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NotFound => true,
            // A wrong key or a missing permission is put right by the operator, not by the user.
            Self::Refused { status, .. } => !matches!(status, 401 | 403 | 408),
            Self::RateLimited { .. } | Self::Unavailable(_) | Self::Unreadable { .. } => false,
        }
    }
}

//! The ledger's refusals as answers. The match is exhaustive on purpose: a new refusal does not
//! compile until its status is decided here.

use http::StatusCode;
use ledger::Rejection;
use ledger::balance::FreezeReason;

use crate::error::ApiError;

/// After this many seconds the conflicts that made an account busy are long over.
const BUSY_RETRY_SECONDS: u32 = 1;

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let error = Self::new(status(&rejection), rejection.code(), rejection.to_string());
        match rejection {
            Rejection::InsufficientCredits { required, available } => {
                error.with("required", i64::from(required)).with("available", i64::from(available))
            }
            Rejection::AccountFrozen { reasons } => {
                let reasons: Vec<_> = reasons.into_iter().map(FreezeReason::as_str).collect();
                error.with("reasons", reasons)
            }
            Rejection::HoldEnded { ended, .. } => error.with("ended", ended),
            Rejection::ChargeOutsideHold { charged, held } => {
                error.with("charged", i64::from(charged)).with("held", i64::from(held))
            }
            Rejection::ReversalLimit { limit } => error.with("limit", i64::from(limit)),
            Rejection::TooManyBuckets { limit } => error.with("limit", limit),
            Rejection::RateLimited | Rejection::Busy => error.retry_after(BUSY_RETRY_SECONDS),
            Rejection::NoAccount
            | Rejection::AccountExists
            | Rejection::NoHold
            | Rejection::GrantKeyConflict
            | Rejection::CallOpen
            | Rejection::AmountNotPositive
            | Rejection::AmountTooLarge(_)
            | Rejection::ExpiryNotInFuture => error,
        }
    }
}

fn status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::InsufficientCredits { .. } => StatusCode::PAYMENT_REQUIRED,
        Rejection::AccountFrozen { .. } => StatusCode::FORBIDDEN,
        Rejection::NoAccount | Rejection::NoHold => StatusCode::NOT_FOUND,
        Rejection::AccountExists
        | Rejection::HoldEnded { .. }
        | Rejection::GrantKeyConflict
        | Rejection::ReversalLimit { .. }
        | Rejection::CallOpen
        | Rejection::TooManyBuckets { .. }
        | Rejection::Busy => StatusCode::CONFLICT,
        Rejection::ChargeOutsideHold { .. }
        | Rejection::AmountNotPositive
        | Rejection::AmountTooLarge(_)
        | Rejection::ExpiryNotInFuture => StatusCode::BAD_REQUEST,
        Rejection::RateLimited => StatusCode::TOO_MANY_REQUESTS,
    }
}

#[cfg(test)]
mod tests;

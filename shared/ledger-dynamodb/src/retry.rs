//! How often and how long a table request is tried again.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::Instant;

use crate::{
    error::{BoxError, StoreError},
    store::LedgerStore,
};

/// No new attempt starts later than this after the first. A person waits for the answer, and a
/// function for its deadline.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How often a conflict with another transaction is tried again: past this the account is hotter
/// than one balance item can be.
const CONFLICTS_MAX: u32 = 8;
/// The first pause is drawn from 0 to this, the next from twice as much.
const PAUSE_FIRST: Duration = Duration::from_millis(25);
/// No pause is longer than this, so that the budget is spent on attempts.
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// Why an attempt is worth repeating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Another transaction held one of the items, or the state read is no longer the state.
    Conflict,
    /// The request or its answer was lost, or the table asked for patience.
    Transient,
}

/// Counts the attempts of one operation.
pub(crate) struct Attempts {
    started: Instant,
    patience: Duration,
    made: u32,
    conflicts: u32,
}

impl Attempts {
    /// Before the first attempt; none starts later than `patience` from now.
    pub(crate) fn start(patience: Duration) -> Self {
        Self { started: Instant::now(), patience, made: 0, conflicts: 0 }
    }

    /// Waits before the next attempt. `false`, at once, if there is to be none.
    pub(crate) async fn again(&mut self, why: Again) -> bool {
        self.made = self.made.saturating_add(1);
        if why == Again::Conflict {
            self.conflicts = self.conflicts.saturating_add(1);
        }
        if self.conflicts > CONFLICTS_MAX || self.started.elapsed() >= self.patience {
            return false;
        }
        let doubled = PAUSE_FIRST.saturating_mul(1_u32.checked_shl(self.made).unwrap_or(u32::MAX));
        let ceiling = u64::try_from(doubled.min(PAUSE_MAX).as_micros()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_micros(fastrand::u64(..ceiling))).await;
        true
    }

    /// Whether every attempt so far came to a conflict, so that none was applied.
    pub(crate) fn only_conflicts(&self) -> bool {
        self.conflicts == self.made
    }

    /// How many attempts were made before the one under way.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }
}

/// Whether a failed request is worth repeating; else the error to report.
pub(crate) fn classify<E>(error: SdkError<E, HttpResponse>) -> Result<Again, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let lost = matches!(
        error,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_)
    );
    let fault = error.raw_response().is_some_and(|response| response.status().is_server_error());
    if lost || fault || error.code().is_some_and(is_transient) {
        return Ok(Again::Transient);
    }
    if error.code() == Some("TransactionConflictException") {
        return Ok(Again::Conflict);
    }
    Err(StoreError::unavailable(error))
}

/// Error codes, of a request or of one item in a cancelled transaction, that mean "not now".
pub(crate) fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "RequestLimitExceeded"
            | "TransactionInProgressException"
            | "InternalServerError"
    )
}

impl LedgerStore {
    /// Before the first attempt of an operation.
    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::start(self.patience)
    }

    /// Repeats a read, or a write that may be applied twice, until it is answered.
    pub(crate) async fn retried<T, E, F>(
        &self,
        mut request: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = self.attempts();
        loop {
            let why = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => classify(error)?,
            };
            if !attempts.again(why).await {
                return Err(exhausted(attempts.made()));
            }
        }
    }
}

/// The error after the last attempt.
pub(crate) fn exhausted(made: u32) -> StoreError {
    let text = format!("gave up after {made} attempts");
    StoreError::Unavailable(BoxError::from(text))
}

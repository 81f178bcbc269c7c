//! Functions that answer nobody: schedules and other plain events.

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument;

use crate::{
    BoxError,
    clock::Clock,
    request::Deadline,
    runtime::{self, Error},
    telemetry::{error_chain, invocation_span},
};

/// Runs `handler` for every event `E`, with the time by which it must have ended.
///
/// An error is logged once, with its causes, and fails the invocation, so that the platform
/// counts it and tries again as the trigger says. What the handler returns is the invocation's
/// result (`()` becomes `null`).
pub async fn run_event<E, R, F, Fut, Failure>(handler: F) -> Result<(), Error>
where
    E: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    F: Fn(E, Deadline) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    Failure: Into<BoxError>,
{
    let clock = Clock::system();
    let service = service_fn(move |event: LambdaEvent<E>| {
        let deadline = deadline(clock.now(), &event);
        let span = invocation_span(&event.context.request_id);
        let running = handler(event.payload, deadline);
        async move { running.await.map_err(failed) }.instrument(span)
    });
    runtime::run(service).await
}

fn deadline<E>(now: Timestamp, event: &LambdaEvent<E>) -> Deadline {
    Deadline::of_function(now, runtime::function_deadline(&event.context))
}

/// Logs why an invocation failed, and hands the same sentence to the platform.
fn failed(failure: impl Into<BoxError>) -> Diagnostic {
    let error = error_chain(failure.into().as_ref());
    tracing::error!(error, "the invocation failed");
    Diagnostic { error_type: "HandlerFailed".to_owned(), error_message: error }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;

    use super::*;

    #[test]
    fn a_failed_invocation_tells_the_platform_its_whole_cause() {
        let diagnostic = failed("the table is gone");
        assert_eq!(diagnostic.error_message, "the table is gone");
        assert_eq!(diagnostic.error_type, "HandlerFailed");
    }

    #[test]
    fn the_deadline_of_an_event_is_the_functions_own_if_it_is_plausible() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let deadline_for = |milliseconds: u64| {
            let mut context = Context::default();
            context.deadline = milliseconds;
            deadline(now, &LambdaEvent::new((), context)).0
        };
        let in_a_minute = Timestamp::from_second(1_700_000_060).unwrap();
        assert_eq!(deadline_for(1_700_000_060_000), Some(in_a_minute));
        assert_eq!(deadline_for(600_000), None);
        assert_eq!(deadline_for(u64::MAX), None);
    }
}

//! The Lambda runtime's loop: asks for the next invocation, runs the handler, hands in its answer.

use std::fmt::Debug;

use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, IntoFunctionResponse, LambdaEvent, Runtime};
use serde::{Deserialize, Serialize};
use tower::Service;

/// What a loop ends with when the runtime itself cannot be talked to.
pub type Error = lambda_runtime::Error;

/// Where the Lambda runtime listens. Every process that Lambda (or something that stands in for
/// it) starts has it.
const RUNTIME_ADDRESS: &str = "AWS_LAMBDA_RUNTIME_API";

/// Runs `handler` for every invocation, for ever; several at once where the platform allows it.
pub(crate) async fn run<A, F, R, B, S, D, E>(handler: F) -> Result<(), Error>
where
    F: Service<LambdaEvent<A>, Response = R> + Clone + Send + 'static,
    F::Future: Future<Output = Result<R, F::Error>> + Send + 'static,
    F::Error: Into<Diagnostic> + Debug,
    A: for<'de> Deserialize<'de> + Send + 'static,
    R: IntoFunctionResponse<B, S> + Send + 'static,
    B: Serialize + Send + 'static,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send + 'static,
    E: Into<Error> + Send + Debug + 'static,
{
    if !is_under_lambda() {
        let sentence = format!("`{RUNTIME_ADDRESS}` is not set: this program is run by aws lambda");
        return Err(sentence.into());
    }
    Runtime::new(handler).run_concurrent().await
}

/// The runtime would panic on what is missing; somebody who starts the program by hand should
/// read what it is.
#[expect(clippy::disallowed_methods, reason = "the runtime reads it from there as well")]
fn is_under_lambda() -> bool {
    std::env::var_os(RUNTIME_ADDRESS).is_some()
}

/// The deadline the platform gives, believed or not.
pub(crate) fn function_deadline(context: &Context) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(context.deadline).ok()?).ok()
}

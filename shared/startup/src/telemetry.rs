//! Logs: one JSON object a line on stdout, with the invocation's request id where there is one.

use std::{error::Error, io};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::environment::{Environment, StartupError};

/// Libraries that see whole requests and answers, prompts and keys among them: their detail is
/// never logged, however detailed the logs of this product are set to be.
const LIBRARIES: [&str; 6] = ["aws_", "axum", "h2", "hyper", "lambda_runtime", "rustls"];

/// Where the Lambda runtime logs what a handler returned as an error. The loops of this crate log
/// it themselves, with the request id.
const HANDLER_ERRORS: &str = "lambda_runtime::layers::panic";

/// Starts logging with the level of `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`, `off`;
/// default `info`). Only the first call of a process has an effect.
pub(crate) fn begin(environment: &Environment) -> Result<(), StartupError> {
    let level = environment.parsed("LOG_LEVEL", LevelFilter::INFO)?;
    // An error means that somebody else logs already, a test harness for example.
    let _ = subscriber(level, io::stdout).try_init();
    Ok(())
}

fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let libraries = LIBRARIES.map(|name| (name, level.min(LevelFilter::WARN)));
    let targets = Targets::new()
        .with_default(level)
        .with_targets(libraries)
        .with_target(HANDLER_ERRORS, LevelFilter::OFF);
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(targets).with(lines)
}

/// The span of one invocation. Every line logged inside carries its request id; it has the
/// highest level so that it is there at any level of logging.
pub(crate) fn invocation_span(request_id: &str) -> tracing::Span {
    tracing::error_span!("invocation", request_id)
}

/// An error with all its causes in one line, outermost first: `a: b: c`.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let sentences: Vec<String> = causes.map(ToString::to_string).collect();
    sentences.join(": ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(level: LevelFilter, log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), log);
        let bytes = written.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_flat_json_with_time_level_and_request_id() {
        let lines = lines_of(LevelFilter::INFO, || {
            let _entered = invocation_span("r-1").entered();
            tracing::info!(credits = 3, "settled");
        });
        let line = &lines[0];
        assert_eq!(line["message"], "settled");
        assert_eq!(line["credits"], 3);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["request_id"], "r-1");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn libraries_stay_quiet_when_our_own_detail_is_asked_for() {
        let lines = lines_of(LevelFilter::TRACE, || {
            tracing::trace!(target: "aws_smithy_runtime::client", "request body");
            tracing::debug!(target: "hyper_util::client", "request head");
            tracing::warn!(target: "hyper_util::client", "trouble");
            tracing::error!(target: HANDLER_ERRORS, "logged elsewhere");
            tracing::trace!("ours");
        });
        let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["trouble", "ours"]);
    }

    #[test]
    fn an_unknown_log_level_stops_the_start_and_names_its_variable() {
        let environment = Environment::new(|name| (name == "LOG_LEVEL").then(|| "loud".to_owned()));
        let error = begin(&environment).unwrap_err();
        assert!(error.to_string().contains("`LOG_LEVEL` is not valid"), "{error}");
    }

    #[test]
    fn an_error_is_written_with_all_its_causes() {
        let inner = StartupError::Missing { name: "A".to_owned() };
        let error = StartupError::Tls(Box::new(inner));
        let chain = "tls could not be set up: environment variable `A` is not set";
        assert_eq!(error_chain(&error), chain);
    }
}

//! The start of a process: its environment, read through a lookup so that tests never touch the
//! real one, and the things built from it once.
//!
//! What is missing or wrong in the environment stops the cold start with the variable's name,
//! never a user's request.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use crate::{
    BoxError,
    aws::Aws,
    clock::Clock,
    http_client::HttpClient,
    parameters::Parameters,
    telemetry,
};

/// How long making a connection may take, from the name look-up to the end of the TLS handshake,
/// where `PROVIDER_CONNECT_MS` does not say otherwise. The AWS clients give up earlier, by their
/// own limit on an attempt.
const CONNECT_LIMIT_MS: u64 = 5_000;

/// What a function has at hand once its process has begun.
pub struct Startup {
    /// The clock that every other part of the process asks.
    pub clock: Clock,
    /// The one HTTP client of the process; the AWS clients use it too.
    pub http: HttpClient,
    environment: Environment,
    aws: Aws,
}

/// Why a process cannot start. Names the variable, never its value.
#[derive(thiserror::Error)]
pub enum StartupError {
    /// A required environment variable is missing or empty.
    #[error("environment variable `{name}` is not set")]
    Missing {
        /// The variable's name.
        name: String,
    },
    /// An environment variable has a value that cannot be used.
    #[error("environment variable `{name}` is not valid: {reason}")]
    Invalid {
        /// The variable's name.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The TLS library refused its own defaults.
    #[error("tls could not be set up")]
    Tls(#[source] BoxError),
}

/// A failed `main` prints its error with `Debug`; the operator should read the sentence.
impl fmt::Debug for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Begins the process: logs to stdout, a snapshot of the environment, the HTTP client.
///
/// To be called once, first thing in `main`, inside the async runtime.
pub fn begin() -> Result<Startup, StartupError> {
    // `vars` would panic on a value that is not UTF-8; such a variable is none of ours.
    let snapshot: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let lookup = move |name: &str| snapshot.get(name).cloned();
    telemetry::begin(&Environment(Arc::new(&lookup)))?;
    Startup::from_vars(lookup)
}

impl Startup {
    /// The same as [`begin`] without logs, from a lookup instead of the process's environment.
    pub fn from_vars(
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Startup, StartupError> {
        let environment = Environment(Arc::new(lookup));
        let connect_ms = environment.parsed("PROVIDER_CONNECT_MS", CONNECT_LIMIT_MS)?;
        let http = HttpClient::new(Duration::from_millis(connect_ms))?;
        let aws = Aws::from_environment(&environment, http.clone())?;
        Ok(Startup { clock: Clock::system(), http, environment, aws })
    }

    /// The variable `name`, which must be set and not empty.
    pub fn required(&self, name: &str) -> Result<String, StartupError> {
        self.environment.required(name)
    }

    /// The variable `name`, if it is set and not empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.environment.optional(name)
    }

    /// The variable `name` as a `T`, or `default` where it is missing or empty.
    pub fn parsed<T>(&self, name: &str, default: T) -> Result<T, StartupError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.environment.parsed(name, default)
    }

    /// A client of the tables. Clone it rather than asking for another one.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    /// A client of the queues. Clone it rather than asking for another one.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        self.aws.sqs()
    }

    /// A client of the parameter store; [`Startup::parameters`] is what settings are read with.
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        self.aws.ssm()
    }

    /// The reader of settings and secrets.
    pub fn parameters(&self) -> Parameters {
        Parameters::new(self.ssm())
    }
}

/// The environment may hold secrets: nothing of it is printed.
impl fmt::Debug for Startup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Startup").finish_non_exhaustive()
    }
}

/// Environment variables behind a lookup.
#[derive(Clone)]
pub(crate) struct Environment<'a>(Arc<dyn Fn(&str) -> Option<String> + Send + Sync + 'a>);

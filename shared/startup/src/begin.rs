//! The start of a process, and what a function has at hand from then on.

use std::{collections::BTreeMap, fmt, path::Path, str::FromStr, time::Duration};

use rustls::pki_types::{CertificateDer, pem, pem::PemObject};

use crate::{
    aws::Aws,
    clock::Clock,
    environment::{Environment, StartupError},
    http_client::HttpClient,
    parameters::Parameters,
    telemetry,
};

/// How long making a connection may take, from the name look-up to the end of the TLS handshake,
/// where `PROVIDER_CONNECT_MS` does not say otherwise. The AWS clients give up earlier, by their
/// own limit on an attempt.
const CONNECT_LIMIT_MS: u64 = 5_000;

/// Names a PEM file of certificates that are trusted beside the public authorities: for a provider
/// or an endpoint behind a private authority. The file travels in the function's package or in a
/// layer (`/opt/…`).
const EXTRA_ROOTS: &str = "EXTRA_CA_FILE";

/// What a function has at hand once its process has begun.
pub struct Startup {
    /// The clock that every other part of the process asks.
    pub clock: Clock,
    /// The one HTTP client of the process; the AWS clients use it too.
    pub http: HttpClient,
    environment: Environment,
    aws: Aws,
}

/// Begins the process: logs to stdout, a snapshot of the environment, the HTTP client.
///
/// To be called once, first thing in `main`, inside the async runtime.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
pub fn begin() -> Result<Startup, StartupError> {
    // `vars` would panic on a value that is not UTF-8; such a variable is none of ours.
    let snapshot: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let environment = Environment::new(move |name| snapshot.get(name).cloned());
    telemetry::begin(&environment)?;
    Startup::new(environment)
}

impl Startup {
    /// The same as [`begin()`] without logs, from a lookup instead of the process's environment.
    pub fn from_vars(
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Startup, StartupError> {
        Startup::new(Environment::new(lookup))
    }

    fn new(environment: Environment) -> Result<Startup, StartupError> {
        let connect_ms = environment.parsed("PROVIDER_CONNECT_MS", CONNECT_LIMIT_MS)?;
        let http = HttpClient::trusting(
            extra_roots(environment.optional(EXTRA_ROOTS).as_deref())?,
            Duration::from_millis(connect_ms),
        )?;
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

    /// Makes a client of the queues when it is called, for a function that rarely needs one: every
    /// AWS client costs a start about a quarter of a handshake.
    pub fn sqs_later(&self) -> impl Fn() -> aws_sdk_sqs::Client + Send + Sync + 'static {
        let aws = self.aws.clone();
        move || aws.sqs()
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

/// The certificates in `file`. One that is named and gives none is a mistake: the start ends here
/// rather than at the first handshake.
fn extra_roots(file: Option<&str>) -> Result<Vec<CertificateDer<'static>>, StartupError> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let invalid = |reason: String| StartupError::Invalid { name: EXTRA_ROOTS.to_owned(), reason };
    let read = CertificateDer::pem_file_iter(Path::new(file)).and_then(Iterator::collect);
    let roots: Vec<_> = read.map_err(|error| {
        invalid(match error {
            pem::Error::Io(error) => format!("`{file}` cannot be read: {error}"),
            _ => format!("`{file}` is not a file of certificates in pem"),
        })
    })?;
    if roots.is_empty() {
        return Err(invalid(format!("`{file}` holds no certificate")));
    }
    Ok(roots)
}

/// The environment may hold secrets: nothing of it is printed.
impl fmt::Debug for Startup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Startup").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(extra: &[(&str, &str)]) -> BTreeMap<String, String> {
        let standard = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "very-secret"),
        ];
        let all = standard.iter().chain(extra);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn start(variables: BTreeMap<String, String>) -> Result<Startup, StartupError> {
        Startup::from_vars(move |name| variables.get(name).cloned())
    }

    #[test]
    fn each_variable_the_platform_needs_is_named_when_it_is_missing() {
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let mut without = variables(&[]);
            without.remove(name);
            let error = start(without).unwrap_err();
            assert_eq!(error.to_string(), format!("environment variable `{name}` is not set"));
        }
    }

    #[test]
    fn an_endpoint_that_is_no_address_stops_the_start_and_names_its_variable() {
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_DYNAMODB"] {
            let error = start(variables(&[(name, "127.0.0.1:8000")])).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn a_start_prints_nothing_of_its_environment() {
        let printed = format!("{:?}", start(variables(&[])).unwrap());
        assert!(!printed.contains("very-secret"), "{printed}");
    }

    #[test]
    fn a_failed_start_prints_a_sentence() {
        let error = start(variables(&[("PROVIDER_CONNECT_MS", "soon")])).unwrap_err();
        let sentence = "environment variable `PROVIDER_CONNECT_MS` is not valid: invalid digit \
                        found in string";
        assert_eq!(format!("{error:?}"), sentence);
    }
}

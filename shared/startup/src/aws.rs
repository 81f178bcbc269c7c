//! The AWS clients, configured by hand: region and credentials from the environment, the shared
//! HTTP client, short retries. The SDK's own loading would look into profile files and the
//! instance's metadata service, and bring a second HTTP and TLS stack with it.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_types::SdkConfig;
use http::Uri;

use crate::{
    environment::{Environment, StartupError},
    http_client::HttpClient,
};

/// Attempts of one SDK call. With the back-off below, a call that fails for good is known to
/// have failed soon enough to answer the user with something better than a time-out.
const ATTEMPTS: u32 = 3;

/// The first back-off. The SDK's default waits about 400 ms on average before a second attempt,
/// many times what a table takes to answer.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);

/// The longest back-off.
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// How long one attempt may take. Every call made here is small and answered in milliseconds;
/// after a second the request or its answer is lost.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(1);

/// What all AWS clients share, and where each service is.
pub(crate) struct Aws {
    shared: SdkConfig,
    dynamodb_url: Option<String>,
    sqs_url: Option<String>,
    ssm_url: Option<String>,
}

impl Aws {
    pub(crate) fn from_environment(
        environment: &Environment,
        http: HttpClient,
    ) -> Result<Aws, StartupError> {
        // The platform renews the credentials by replacing the process, so these stay valid
        // for its life; with nothing to expire, a cache of them would be one lock for nothing.
        let credentials = Credentials::new(
            environment.required("AWS_ACCESS_KEY_ID")?,
            environment.required("AWS_SECRET_ACCESS_KEY")?,
            environment.optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(environment.required("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::no_cache())
            .http_client(http)
            .retry_config(retries())
            .timeout_config(
                TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_LIMIT).build(),
            )
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            // An attempt is over after a second; watching its speed as well finds nothing more.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Ok(Aws {
            shared,
            dynamodb_url: endpoint(environment, "AWS_ENDPOINT_URL_DYNAMODB")?,
            sqs_url: endpoint(environment, "AWS_ENDPOINT_URL_SQS")?,
            ssm_url: endpoint(environment, "AWS_ENDPOINT_URL_SSM")?,
        })
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.shared);
        config.set_endpoint_url(self.dynamodb_url.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::config::Builder::from(&self.shared);
        config.set_endpoint_url(self.sqs_url.clone());
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        let mut config = aws_sdk_ssm::config::Builder::from(&self.shared);
        config.set_endpoint_url(self.ssm_url.clone());
        aws_sdk_ssm::Client::from_conf(config.build())
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF)
}

/// Where a service is: its own variable first, then the one for all, else the region's endpoint.
fn endpoint(environment: &Environment, own: &str) -> Result<Option<String>, StartupError> {
    for name in [own, "AWS_ENDPOINT_URL"] {
        let Some(url) = environment.optional(name) else {
            continue;
        };
        let parsed = url.parse::<Uri>().ok();
        let absolute = parsed.is_some_and(|uri| uri.scheme().is_some() && uri.host().is_some());
        if !absolute {
            let reason = "an endpoint looks like `https://host:port`".to_owned();
            return Err(StartupError::Invalid { name: name.to_owned(), reason });
        }
        return Ok(Some(url));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_own_endpoint_comes_before_the_one_for_all() {
        let environment = Environment::new(|name| match name {
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_ENDPOINT_URL_DYNAMODB" => Some("http://127.0.0.1:2".to_owned()),
            _ => None,
        });
        let of = |name| endpoint(&environment, name).unwrap();
        assert_eq!(of("AWS_ENDPOINT_URL_DYNAMODB").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(of("AWS_ENDPOINT_URL_SQS").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(endpoint(&Environment::new(|_| None), "AWS_ENDPOINT_URL_SSM").unwrap(), None);
    }
}

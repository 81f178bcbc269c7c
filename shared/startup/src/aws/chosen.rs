//! Configured by hand: region and credentials from the environment, the shared HTTP client, short
//! retries. The SDK's own loading would look into profile files and the instance's metadata
//! service, and bring a second HTTP and TLS stack with it.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_types::SdkConfig;

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

/// What all AWS clients share. Fails where the environment lacks a variable.
pub(super) fn shared(
    environment: &Environment,
    http: HttpClient,
) -> Result<SdkConfig, StartupError> {
    // The platform renews the credentials by replacing the process, so these stay valid
    // for its life; with nothing to expire, a cache of them would be one lock for nothing.
    let credentials = Credentials::new(
        environment.required("AWS_ACCESS_KEY_ID")?,
        environment.required("AWS_SECRET_ACCESS_KEY")?,
        environment.optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .http_client(http)
        .retry_config(retries())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_LIMIT).build())
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        // An attempt is over after a second; watching its speed as well finds nothing more.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Ok(config)
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF)
}

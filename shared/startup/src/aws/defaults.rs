//! What the SDK does when nobody chooses: its chain of configuration, its own HTTP and TLS stacks,
//! the system's certificates. Only the benchmark of cold starts is built with this, to compare.

use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_types::SdkConfig;
use futures_util::FutureExt;

use crate::{
    environment::{Environment, StartupError},
    http_client::HttpClient,
};

/// What all AWS clients share; the HTTP client is not among it.
pub(super) fn shared(
    _environment: &Environment,
    _http: HttpClient,
) -> Result<SdkConfig, StartupError> {
    // With everything in the environment nothing is waited for: one poll is all it takes.
    let loading = aws_config::load_defaults(BehaviorVersion::latest());
    loading.now_or_never().ok_or_else(|| StartupError::Missing { name: "AWS_REGION".to_owned() })
}

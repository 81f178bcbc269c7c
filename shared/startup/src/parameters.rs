//! Settings and secrets from the parameter store, by name.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_ssm::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_parameters::{GetParametersError, GetParametersOutput},
};

use crate::BoxError;

/// Names in one request: the limit of `GetParameters`.
const NAMES_PER_REQUEST: usize = 10;

/// Tries of one request, each with the SDK's own attempts. The store allows an account 40
/// requests a second by default, and many functions starting at once pass that; three rounds of
/// three attempts of at most a second still end within the 10 s a cold start may take.
const TRIES: u32 = 3;

/// The longest pause before the second try; it doubles before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Reads parameters, decrypting those that are secret.
#[derive(Clone, Debug)]
pub struct Parameters {
    client: Client,
}

/// Why parameters could not be read. Never carries a value.
#[derive(Debug, thiserror::Error)]
pub enum ParametersError {
    /// The store could not be asked, or refused.
    #[error("the parameter store gave no answer")]
    Store(#[source] BoxError),
    /// Two of the names asked for end in the same segment, so one value would hide the other.
    #[error("two parameters are called `{0}`")]
    Ambiguous(String),
}

impl Parameters {
    pub(crate) fn new(client: Client) -> Parameters {
        Parameters { client }
    }

    /// The values of the parameters with these full names, each under the last segment of its
    /// name. A name that does not exist is absent: the caller knows which ones it needs.
    ///
    /// Asks for ten at a time, one request after the other: at once they would need a connection
    /// each, and its handshake costs more than the wait.
    pub async fn read(&self, names: &[&str]) -> Result<BTreeMap<String, String>, ParametersError> {
        let names: BTreeSet<&str> = names.iter().copied().collect();
        let mut short_names = BTreeSet::new();
        for name in names.iter().map(|name| last_segment(name)) {
            if !short_names.insert(name) {
                return Err(ParametersError::Ambiguous(name.to_owned()));
            }
        }
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut values = BTreeMap::new();
        for names in names.chunks(NAMES_PER_REQUEST) {
            let output = self.get(names).await?;
            for parameter in output.parameters.unwrap_or_default() {
                let (Some(name), Some(value)) = (parameter.name, parameter.value) else {
                    continue;
                };
                values.insert(last_segment(&name).to_owned(), value);
            }
        }
        Ok(values)
    }

    async fn get(&self, names: &[String]) -> Result<GetParametersOutput, ParametersError> {
        let mut longest_pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let request = self.client.get_parameters().with_decryption(true);
            let request = request.set_names(Some(names.to_vec()));
            match request.send().await {
                Ok(output) => return Ok(output),
                Err(error) if tries < TRIES && is_transient(&error) => {}
                Err(error) => return Err(ParametersError::Store(error.into())),
            }
            // Full jitter: functions that were refused together must not come back together.
            tokio::time::sleep(longest_pause.mul_f64(fastrand::f64())).await;
            longest_pause = longest_pause.saturating_mul(2);
            tries += 1;
        }
    }
}

/// Whether the same request may succeed later: anything but a clear refusal by the store.
fn is_transient(error: &SdkError<GetParametersError>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(refusal) => {
            let throttled = refusal.err().code().is_some_and(|code| code.contains("Throttl"));
            throttled || refusal.raw().status().is_server_error()
        }
        _ => true,
    }
}

/// `CREDITS_ENABLED` of `/saldo/prod/settings/CREDITS_ENABLED`.
fn last_segment(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

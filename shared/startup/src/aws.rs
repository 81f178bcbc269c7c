//! The AWS clients: one configuration for all of them, and where each service is.

#[cfg(not(feature = "sdk-defaults"))]
mod chosen;
#[cfg(feature = "sdk-defaults")]
mod defaults;

use aws_types::SdkConfig;
use http::Uri;

#[cfg(not(feature = "sdk-defaults"))]
use self::chosen::shared;
#[cfg(feature = "sdk-defaults")]
use self::defaults::shared;
use crate::{
    environment::{Environment, StartupError},
    http_client::HttpClient,
};

/// What all AWS clients share, and where each service is.
#[derive(Clone)]
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
        Ok(Aws {
            shared: shared(environment, http)?,
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

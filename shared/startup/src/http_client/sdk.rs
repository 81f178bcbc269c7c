//! The same client as the transport of the AWS clients.
//!
//! What matters here is how a failure is classed: the SDK sends a request again after an `io` or
//! `timeout` failure and never after a `user` one. Its requests are safe to repeat (transactions
//! carry a token), so whatever may have been the network's fault is `io`.

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient as SdkHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Either;
use hyper_util::client::legacy;

use super::{HttpClient, cause, connect::ConnectTimedOut};

impl SdkHttpClient for HttpClient {
    /// The settings hold the SDK's own connect and read limits. They are not needed: connecting
    /// has the client's limit, and an attempt as a whole has its own, shorter one.
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for HttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let sending = self.inner.request(request.map(Either::Left));
        HttpConnectorFuture::new(async move {
            let response = sending.await.map_err(connector_error)?;
            let response = response.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn connector_error(error: legacy::Error) -> ConnectorError {
    if cause::<ConnectTimedOut>(&error).is_some() {
        return ConnectorError::timeout(error.into());
    }
    match cause::<hyper::Error>(&error) {
        Some(inner) if inner.is_user() => ConnectorError::user(error.into()),
        Some(inner) if inner.is_parse() => ConnectorError::other(error.into(), None),
        _ => ConnectorError::io(error.into()),
    }
}

//! Making one connection: name look-up, TCP and TLS under one time limit.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::crypto::aws_lc_rs;
use tokio::net::TcpStream;
use tower::Service;

use crate::{BoxError, environment::StartupError};

/// Connects to `http` and `https` addresses.
#[derive(Clone)]
pub(crate) struct Connect {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

/// A connection took longer than its limit.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", .0.as_millis())]
pub(crate) struct ConnectTimedOut(Duration);

impl Connect {
    pub(crate) fn new(limit: Duration) -> Result<Connect, StartupError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        // A request is one small write: waiting to fill a segment would only delay it.
        http.set_nodelay(true);
        // Divides the limit over a host's addresses, so that one dead address is not the end.
        http.set_connect_timeout(Some(limit));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|error| StartupError::Tls(error.into()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Connect { https, limit })
    }
}

impl Service<Uri> for Connect {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.https.call(address);
        let limit = self.limit;
        Box::pin(async move {
            let ended = tokio::time::timeout(limit, connecting).await;
            ended.map_err(|_| ConnectTimedOut(limit))?
        })
    }
}

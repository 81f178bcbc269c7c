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
use rustls::{
    ClientConfig, RootCertStore, SupportedCipherSuite,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, TrustAnchor},
};
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
    /// Trusts the public authorities that were pinned at the build, and `more` roots.
    pub(crate) fn new(
        limit: Duration,
        more: Vec<CertificateDer<'static>>,
    ) -> Result<Connect, StartupError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        // A request is one small write: waiting to fill a segment would only delay it.
        http.set_nodelay(true);
        // Divides the limit over a host's addresses, so that one dead address is not the end.
        http.set_connect_timeout(Some(limit));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(more).map_err(|error| StartupError::Tls(error.into()))?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Connect { https, limit })
    }
}

fn tls(more: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let pinned: &[TrustAnchor<'static>] = webpki_roots::TLS_SERVER_ROOTS;
    let mut roots: RootCertStore = pinned.iter().cloned().collect();
    for root in more {
        roots.add(root)?;
    }
    let mut provider = aws_lc_rs::default_provider();
    // AES-128 with SHA-256 before AES-256 with SHA-384, which most processors have no instructions
    // for: a handshake derives a dozen keys, and it is the larger part of a cold start.
    provider.cipher_suites.sort_by_key(|suite| is_aes_256(*suite));
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn is_aes_256(suite: SupportedCipherSuite) -> bool {
    suite.suite().as_str().is_some_and(|name| name.contains("AES_256"))
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

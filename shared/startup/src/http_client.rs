//! The one HTTP client of a process. The AWS clients, the AI provider and the key server share
//! its connections, its TLS set-up and its pinned roots, so that a cold start pays for one.
//!
//! It speaks HTTP/1.1: a function serves one request at a time, so there is nothing to multiplex,
//! and a connection that died while the function was frozen fails alone.

mod connect;
mod sdk;
#[cfg(test)]
mod tests;

use std::{error::Error, fmt, time::Duration};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header::USER_AGENT};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::{client::legacy, rt::TokioExecutor};
use rustls::pki_types::CertificateDer;

use self::connect::Connect;
use crate::{BoxError, environment::StartupError};

/// How long a connection may stay unused before it is closed instead of used again. Load
/// balancers commonly drop theirs after 60 s; a little less avoids most requests that would be
/// written into a connection the other side is just closing.
const IDLE_LIMIT: Duration = Duration::from_secs(55);

/// Who asks, where the caller of [`HttpClient::get`] has no other name.
const AGENT: &str = "saldo";

type Outgoing = Either<SdkBody, Full<Bytes>>;

/// A pooled HTTP/1.1 client over TLS with pinned roots (plain HTTP for local endpoints). Cheap to
/// clone; the clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    inner: legacy::Client<Connect, Outgoing>,
}

/// Why an exchange over HTTP gave no usable answer. Carries no header and no body.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not an absolute `http` or `https` one.
    #[error("`{0}` is not an http address")]
    Address(String),
    /// No connection could be made (name, network, TLS or time limit): nothing was sent.
    #[error("no connection could be made")]
    Connect(#[source] BoxError),
    /// The connection broke, or the answer was not HTTP; the request may have been received.
    #[error("the exchange broke off")]
    Exchange(#[source] BoxError),
    /// The whole answer did not arrive in the time given.
    #[error("no complete answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The answer's status is not a success.
    #[error("the answer has status {}", .0.as_u16())]
    Status(StatusCode),
    /// The answer is longer than the caller accepts.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
}

impl HttpClient {
    /// A client that gives up on making one connection after `connect_limit` (name look-up, TCP
    /// and TLS handshake together).
    pub fn new(connect_limit: Duration) -> Result<HttpClient, StartupError> {
        HttpClient::trusting(Vec::new(), connect_limit)
    }

    /// The same, and also trusts servers that `roots` vouch for.
    pub(crate) fn trusting(
        roots: Vec<CertificateDer<'static>>,
        connect_limit: Duration,
    ) -> Result<HttpClient, StartupError> {
        let connect = Connect::new(connect_limit, roots)?;
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        let inner = builder.pool_idle_timeout(IDLE_LIMIT).build(connect);
        Ok(HttpClient { inner })
    }

    /// Sends `request` (absolute address) and returns as soon as the answer's head is there; its
    /// body is read by the caller, as it comes. Bounding the time is the caller's.
    ///
    /// A request that could not be started because a pooled connection was found closed is sent
    /// on another one; a request that may have been received is never repeated.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, HttpError> {
        Ok(self.inner.request(request.map(Either::Right)).await?)
    }

    /// Gets `url` whole: a success status, at most `limit_bytes`, within `timeout`.
    pub async fn get(
        &self,
        url: &str,
        limit_bytes: usize,
        timeout: Duration,
    ) -> Result<Bytes, HttpError> {
        let reading = self.get_unbounded(url, limit_bytes);
        let ended = tokio::time::timeout(timeout, reading).await;
        ended.map_err(|_| HttpError::TimedOut(timeout))?
    }

    /// Opens a connection to where `url` is and keeps it for the next request, so that the first
    /// caller does not pay for its handshake. Asks for nothing (`HEAD`), with no credentials; any
    /// status will do.
    pub async fn connect(&self, url: &str, timeout: Duration) -> Result<(), HttpError> {
        let address = || HttpError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| address())?;
        let request = Request::head(uri).header(USER_AGENT, AGENT).body(Full::default());
        let sending = self.send(request.map_err(|_| address())?);
        let ended = tokio::time::timeout(timeout, sending).await;
        ended.map_err(|_| HttpError::TimedOut(timeout))?.map(drop)
    }

    async fn get_unbounded(&self, url: &str, limit_bytes: usize) -> Result<Bytes, HttpError> {
        let address = || HttpError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| address())?;
        let request = Request::get(uri).header(USER_AGENT, AGENT).body(Full::default());
        let response = self.send(request.map_err(|_| address())?).await?;
        if !response.status().is_success() {
            return Err(HttpError::Status(response.status()));
        }
        match Limited::new(response.into_body(), limit_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge(limit_bytes)),
            Err(error) => Err(HttpError::Exchange(error)),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HttpClient")
    }
}

impl From<legacy::Error> for HttpError {
    fn from(error: legacy::Error) -> HttpError {
        if error.is_connect() {
            HttpError::Connect(error.into())
        } else {
            HttpError::Exchange(error.into())
        }
    }
}

/// The first error of type `E` in the chain that starts at `error`.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|e| e.downcast_ref())
}

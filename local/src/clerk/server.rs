//! Connections: answered, broken off, or slow.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::reply::{Fault, Reply};
use super::state::{Call, Outage, Shared};
use super::{controls, routes};

/// The reason for which the server closes a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the stand-in for clerk cuts this connection")]
pub(super) struct Cut;

/// One request, read whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    /// The body as JSON; `None` where it is none.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Accepts until aborted; the connections end with it because the set owns them.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((connection, _)) => {
                connections.spawn(serve(connection, Arc::clone(&shared)));
            }
            Err(error) => {
                tracing::warn!(%error, "the stand-in for clerk cannot accept a connection");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) {
    if let Err(error) = connection.set_nodelay(true) {
        tracing::debug!(%error, "the connection keeps Nagle's delay");
    }
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    let served = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
    if let Err(error) = served {
        // A cut is an error to the server, and is what was asked for.
        tracing::trace!(%error, "a connection of the stand-in for clerk ended");
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if asked.path.starts_with("/_stand-in/") {
        return Ok(controls::reply(&asked, &shared).response(0));
    }
    let number = shared.record(Call {
        at: shared.options.clock.now(),
        method: asked.method.to_string(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        body: asked.json().unwrap_or_default(),
        status: None,
    });
    let (outage, slow) = {
        let state = shared.state();
        (state.outage, state.slow)
    };
    let reply = match (outage, slow) {
        (Outage::Drop, _) => return Err(Cut),
        (Outage::Unavailable, _) => Reply::Unavailable,
        (Outage::None, None) => once(&asked, &shared, std::future::ready(())).await,
        (Outage::None, Some(time)) => {
            // A real server goes on with what its caller has given up.
            let shared = Arc::clone(&shared);
            let slow =
                tokio::spawn(async move { once(&asked, &shared, tokio::time::sleep(time)).await });
            slow.await.map_err(|_| Cut)?
        }
    };
    let response = reply.response(number);
    shared.answered(number, response.status().as_u16());
    Ok(response)
}

/// Does what was asked, after `delay`; a write is in progress for as long.
async fn once(asked: &Asked, shared: &Shared, delay: impl Future<Output = ()>) -> Reply {
    let writes_of = routes::writes_of(asked).map(ToOwned::to_owned);
    if let Some(id) = &writes_of {
        shared.state().write_begins(id);
    }
    delay.await;
    let reply = routes::reply(asked, shared).unwrap_or_else(|fault: Fault| Reply::Fault(fault));
    if let Some(id) = &writes_of {
        shared.state().write_ends(id);
    }
    reply
}

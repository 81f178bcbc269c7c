//! A front between the AWS SDK and an emulator that loses, refuses, delays and counts calls.
//!
//! Emulators serialise transactions and never lose a reply; AWS does conflict, throttle and cut
//! connections. The front puts that in, by script (the next calls of an operation) or by shares
//! drawn from a seed, so that retries and repeated requests are tested over the real wire. It also
//! counts what each call cost, which is how the promised number of round trips is asserted.

mod call;
mod inject;
mod plan;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header, request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub use call::{Call, Outcome};
pub use plan::{Fault, Rule};

use call::Target;
use plan::Plan;

/// A running front; it closes its connections once this is dropped.
#[derive(Debug)]
pub struct Front {
    /// What an SDK takes as its endpoint URL.
    pub url: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Never held across an await, so that 64 clients do not wait for one another.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    counting: bool,
    /// The calls since the last reset, the first of them having the order `first`.
    calls: Vec<Call>,
    first: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front {
    /// Starts a front on a free port of 127.0.0.1 before the emulator at `upstream`.
    ///
    /// The same `seed` draws the same faults for the same order of calls. Fails where no port can
    /// be had.
    pub async fn start(upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let shared = Arc::new(Shared {
            upstream,
            client: Client::builder(TokioExecutor::new()).build(connector),
            state: Mutex::new(State {
                plan: Plan::new(seed),
                counting: false,
                calls: Vec::new(),
                first: 0,
            }),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { url, shared, server })
    }

    /// Lets the next call of `operation` (such as `TransactWriteItems`) suffer `fault`; calls made
    /// so add up, first come, first served, and go before any rule.
    pub fn next(&self, operation: &str, fault: Fault) {
        self.next_n(1, operation, fault);
    }

    /// [`Front::next`] for the next `count` calls.
    pub fn next_n(&self, count: usize, operation: &str, fault: Fault) {
        self.shared.state().plan.script(count, operation, fault);
    }

    /// Puts these rules in the place of the ones before; none forwards everything.
    pub fn rules(&self, rules: impl Into<Vec<Rule>>) {
        self.shared.state().plan.set_rules(rules.into());
    }

    /// Refuses every call, as a table that cannot be reached does, or stops doing so.
    pub fn down(&self, down: bool) {
        self.shared.state().plan.down = down;
    }

    /// Asks the emulator what each call costs, and fills the capacities of [`Call`].
    pub fn count_capacity(&self, counting: bool) {
        self.shared.state().counting = counting;
    }

    /// Every call since the start or the last [`Front::reset`], in the order they arrived.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// Forgets the calls, the scripts and the rules, and is up again; counting stays as it is.
    pub fn reset(&self) {
        let mut state = self.shared.state();
        state.first = state.first.saturating_add(state.calls.len());
        state.calls.clear();
        state.plan.clear();
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Accepts until aborted; the connections end with it because the set owns them.
async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((connection, _)) => {
                connections.spawn(serve(connection, Arc::clone(&shared)));
            }
            Err(error) => {
                tracing::warn!(%error, "the fault front cannot accept a connection");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) {
    if shared.state().plan.down {
        return;
    }
    if let Err(error) = connection.set_nodelay(true) {
        tracing::debug!(%error, "the connection keeps Nagle's delay");
    }
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    let served = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
    if let Err(error) = served {
        // A cut is an error to the server, and is what was asked for.
        tracing::trace!(%error, "a connection of the fault front ended");
    }
}

/// The reason for which the server closes a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the fault front cuts this connection")]
struct Cut;

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let target = Target::read(&head.headers, &body);
    let (order, fault, counting) = begin(&shared, &target);
    match fault {
        Some(Fault::Refuse | Fault::LostRequest) => return Err(Cut),
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(fault) => {
            if let Some(reply) = inject::reply(fault, &target) {
                return Ok(reply);
            }
        }
        None => {}
    }
    let body = if counting { target.asking_for_capacity(body) } else { body };
    let response = forward(&shared, head, body).await?;
    record(&shared, order, |call| call.add_capacity(response.body()));
    if fault == Some(Fault::LostReply) {
        return Err(Cut);
    }
    let outcome = Outcome::Answered(response.status().as_u16());
    record(&shared, order, |call| call.outcome = outcome);
    Ok(response.map(Full::new))
}

/// Sends the request on and returns the emulator's whole reply.
async fn forward(
    shared: &Shared,
    mut head: request::Parts,
    body: Bytes,
) -> Result<Response<Bytes>, Cut> {
    head.uri = upstream_uri(&head.uri, shared.upstream).ok_or(Cut)?;
    // The length is that of the body as it is sent, and the host that of the emulator.
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST] {
        head.headers.remove(name);
    }
    let request = Request::from_parts(head, Full::new(body));
    let response = shared.client.request(request).await.map_err(|error| {
        tracing::warn!(%error, "the emulator behind the fault front cannot be reached");
        Cut
    })?;
    let (mut head, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Ok(Response::from_parts(head, body))
}

/// Records the call as suffering what it will suffer, and says what that is.
fn begin(shared: &Shared, target: &Target) -> (usize, Option<Fault>, bool) {
    let mut state = shared.state();
    let fault = state.plan.draw(target);
    let order = state.first.saturating_add(state.calls.len());
    let outcome = fault.map_or(Outcome::Unanswered, Outcome::Injected);
    state.calls.push(target.call(order, outcome));
    (order, fault, state.counting)
}

/// Changes a call that is still recorded; one that a reset has forgotten stays forgotten.
fn record(shared: &Shared, order: usize, change: impl FnOnce(&mut Call)) {
    let mut state = shared.state();
    let place = order.checked_sub(state.first);
    if let Some(call) = place.and_then(|place| state.calls.get_mut(place)) {
        change(call);
    }
}

fn upstream_uri(uri: &Uri, upstream: SocketAddr) -> Option<Uri> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder().scheme("http").authority(upstream.to_string()).path_and_query(path).build().ok()
}

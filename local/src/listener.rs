//! Listeners on 127.0.0.1 and the tasks that serve them, started and stopped together.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that may wait to be accepted: as many as the standard library asks for and more.
const BACKLOG: u32 = 1_024;

/// How long running requests may take to end when the stack stops.
const GRACE: Duration = Duration::from_secs(2);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error(
        "port {0} is in use: stop what listens there (another local stack?) or choose another \
         with --port"
    )]
    PortInUse(u16),
    /// Anything else the system says.
    #[error("port {0} cannot be listened on")]
    Failed(u16, #[source] io::Error),
}

/// Listens on this port of 127.0.0.1; 0 takes a free one.
pub async fn bind(port: u16) -> Result<TcpListener, ListenError> {
    listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::PortInUse(port),
        _ => ListenError::Failed(port, error),
    })
}

/// What is accepted sends without Nagle's delay, as the listener does: the server of the database
/// writes an answer in two pieces and asks for nothing of the kind itself, so that the second one
/// would wait 40 ms for the client's acknowledgement of the first.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The base URL of a listener, without a slash at its end.
pub fn url(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Every task of a stack. Dropping it aborts them.
pub(crate) struct Servers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Servers {
    pub(crate) fn new() -> Self {
        Self { stop: watch::Sender::new(false), tasks: JoinSet::new() }
    }

    /// Serves `router` until the stack stops.
    pub(crate) fn serve(&mut self, listener: TcpListener, router: Router) {
        let stopped = self.stopped();
        // Chunks of a stream leave as they come, not when a packet is full.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        self.tasks.spawn(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(stopped);
            if let Err(error) = server.await {
                eprintln!("a listener of the local stack ended: {error}");
            }
        });
    }

    /// Runs a task that never ends by itself, until the stack stops.
    pub(crate) fn spawn_until_stopped(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = task => {}
            }
        });
    }

    /// Runs a task that ends once [`Servers::stopped`] resolves, or is aborted.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Resolves when the stack stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move {
            // An error means that the sender is gone, which is a stop as well.
            drop(stop.wait_for(|stopped| *stopped).await);
        }
    }

    /// Stops everything: what runs may end within a grace period, then it is aborted.
    pub(crate) async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

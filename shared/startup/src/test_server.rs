//! A small HTTP/1.1 server for this crate's tests, on a free port of the loopback interface. It
//! answers as a test tells it to, down to hanging up, which a proper server cannot be made to do.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the server does with one request.
pub(crate) enum Reply {
    /// Answers with this status and body, and keeps the connection.
    Answer(u16, String),
    /// The same, then closes the connection without having announced it.
    AnswerAndClose(u16, String),
    /// Closes the connection without an answer.
    HangUp,
    /// Never answers.
    Stall,
}

pub(crate) struct TestServer {
    /// `http://127.0.0.1:port`.
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl TestServer {
    /// Starts a server that asks `respond` what to do with each request, by the request's number
    /// (from 0) and its body.
    pub(crate) async fn start(
        respond: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = TestServer {
            url: format!("http://{}", listener.local_addr().unwrap()),
            bodies: Arc::default(),
            connections: Arc::default(),
        };
        let (bodies, connections) = (server.bodies.clone(), server.connections.clone());
        let respond = Arc::new(respond);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (bodies, respond) = (bodies.clone(), respond.clone());
                tokio::spawn(async move {
                    serve_connection(stream, &bodies, &*respond).await;
                });
            }
        });
        server
    }

    /// The bodies of all requests so far, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    bodies: &Mutex<Vec<String>>,
    respond: &(impl Fn(usize, &str) -> Reply + Sync),
) {
    while let Some(body) = read_request(&mut stream).await {
        let number = {
            let mut bodies = bodies.lock().unwrap();
            bodies.push(body.clone());
            bodies.len() - 1
        };
        match respond(number, &body) {
            Reply::Answer(status, body) => write_answer(&mut stream, status, &body).await,
            Reply::AnswerAndClose(status, body) => {
                return write_answer(&mut stream, status, &body).await;
            }
            Reply::HangUp => return,
            Reply::Stall => std::future::pending().await,
        }
    }
}

/// The body of the next request, or nothing at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut received = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&received).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(body.to_owned());
            }
        }
        let read = stream.read_buf(&mut received).await.ok()?;
        if read == 0 {
            return None;
        }
    }
}

async fn write_answer(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/x-amz-json-1.1\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

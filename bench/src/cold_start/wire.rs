//! As much of HTTP/1.1 as the stand-ins need: requests with a length or in chunks, answers with a
//! length. Each connection has a thread, so an answer is on its way before anybody else is asked.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request.
pub(crate) struct Request {
    /// Such as `POST /path`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer. `200` and JSON where nothing else is said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Request {
    /// The header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

impl Answer {
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::json("") }
    }
}

/// Serves on a free port of the loopback interface, for as long as the process lives, and returns
/// the address, such as `localhost:40000`.
pub(crate) fn serve(
    tls: Option<&Arc<ServerConfig>>,
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("localhost:{}", listener.local_addr()?.port());
    let (tls, answer) = (tls.cloned(), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (tls, answer) = (tls.clone(), Arc::clone(&answer));
            // A connection that breaks off ends its thread; who needed it will say so.
            thread::spawn(move || connection(stream, tls, &*answer));
        }
    });
    Ok(address)
}

fn connection(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    answer: &dyn Fn(&Request) -> Answer,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => exchange(stream, answer),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            exchange(StreamOwned::new(connection, stream), answer)
        }
    }
}

fn exchange(stream: impl Read + Write, answer: &dyn Fn(&Request) -> Answer) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        let Answer { status, headers, body } = answer(&request);
        let mut text = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        if !request.line.starts_with("HEAD ") {
            text.push_str(&body);
        }
        let stream = stream.get_mut();
        stream.write_all(text.as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}

/// The next request, or nothing at the end of the connection.
fn read(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some(line) = head_line(stream)? else {
        return Ok(None);
    };
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    let mut request = Request { line, headers: Vec::new(), body: Vec::new() };
    while let Some(header) = head_line(stream)?.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = header.split_once(':') {
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    if request.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        while let Some(length) = head_line(stream)? {
            let length = usize::from_str_radix(&length, 16).map_err(io::Error::other)?;
            take(stream, length, &mut request.body)?;
            head_line(stream)?;
            if length == 0 {
                break;
            }
        }
    } else {
        let length = request.header("content-length").parse().unwrap_or(0);
        take(stream, length, &mut request.body)?;
    }
    Ok(Some(request))
}

fn take(stream: &mut impl BufRead, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let mut part = vec![0; length];
    stream.read_exact(&mut part)?;
    body.append(&mut part);
    Ok(())
}

fn head_line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    match stream.read_line(&mut line) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line.trim_end().to_owned())),
        // A client that ends without having said so has been killed, as every one here is.
        Err(error)
            if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

//! The client against a server of the test's own.

use std::time::Duration;

use tokio::net::TcpListener;

use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    begin::Startup,
    test_server::{Reply, TestServer},
};

const SOON: Duration = Duration::from_secs(5);

fn client() -> HttpClient {
    HttpClient::new(SOON).unwrap()
}

fn post(url: &str) -> Request<Full<Bytes>> {
    Request::post(url).body(Full::from("hello")).unwrap()
}

#[tokio::test]
async fn a_request_is_sent_once_and_its_answer_read_as_it_comes() {
    let server = TestServer::start(|_, _| Reply::Answer(201, "done".to_owned())).await;
    let response = client().send(post(&server.url)).await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "done");
    assert_eq!(server.bodies(), ["hello"]);
}

#[tokio::test]
async fn a_request_that_may_have_been_received_is_not_repeated() {
    let server = TestServer::start(|_, _| Reply::HangUp).await;
    let error = client().send(post(&server.url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Exchange(_)), "{error:?}");
    assert_eq!(server.bodies().len(), 1);
}

#[tokio::test]
async fn a_port_nobody_listens_on_is_a_failure_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client().send(post(&url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_a_failure_to_connect() {
    let server = TestServer::start(|_, _| Reply::Stall).await;
    let client = HttpClient::new(Duration::from_millis(20)).unwrap();
    let url = server.url.replace("http://", "https://");
    let error = client.send(post(&url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    assert!(cause::<connect::ConnectTimedOut>(&error).is_some(), "{error:?}");
}

#[tokio::test]
async fn get_gives_the_body_of_a_success_within_its_limits() {
    let server = TestServer::start(|_, _| Reply::Answer(200, "x".repeat(100))).await;
    assert_eq!(client().get(&server.url, 100, SOON).await.unwrap().len(), 100);
    let error = client().get(&server.url, 99, SOON).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer is longer than 99 bytes");
}

#[tokio::test]
async fn get_refuses_other_statuses_late_answers_and_what_is_no_address() {
    let server = TestServer::start(|n, _| match n {
        0 => Reply::Answer(404, "secret".to_owned()),
        _ => Reply::Stall,
    });
    let server = server.await;
    let error = client().get(&server.url, 100, SOON).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer has status 404");
    let error = client().get(&server.url, 100, Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(error.to_string(), "no complete answer within 20 ms");
    let error = client().get("not an address", 100, SOON).await.unwrap_err();
    assert_eq!(error.to_string(), "`not an address` is not an http address");
}

#[tokio::test]
async fn a_connection_opened_ahead_is_the_one_that_is_used() {
    let server = TestServer::start(|n, _| match n {
        0 => Reply::Answer(404, String::new()),
        _ => Reply::Answer(200, "done".to_owned()),
    })
    .await;
    let client = client();
    client.connect(&server.url, SOON).await.unwrap();
    assert_eq!(client.get(&server.url, 100, SOON).await.unwrap(), "done");
    assert_eq!(server.connections(), 1);
    let silent = TestServer::start(|_, _| Reply::Stall).await;
    let error = client.connect(&silent.url, Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut(_)), "{error:?}");
}

/// A TLS server for one handshake, with a certificate of its own that nobody vouches for.
async fn tls_server() -> (TlsServer, tokio::task::JoinHandle<std::io::Result<()>>) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let handshake = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        acceptor.accept(stream).await.map(drop)
    });
    (TlsServer { url, certificate: certified.cert.pem() }, handshake)
}

struct TlsServer {
    url: String,
    /// In PEM.
    certificate: String,
}

#[tokio::test]
async fn a_server_whose_certificate_no_root_vouches_for_is_refused_in_the_handshake() {
    let (server, handshake) = tls_server().await;
    let error = client().send(post(&server.url)).await.unwrap_err();
    let HttpError::Connect(source) = &error else { panic!("{error:?}") };
    let said = format!("{source:?}");
    assert!(said.contains("UnknownIssuer"), "{said}");
    let refused = handshake.await.unwrap().unwrap_err().to_string();
    assert!(
        refused.contains("UnknownCA"),
        "the handshake came as far as the certificate: {refused}"
    );
}

/// A start with `EXTRA_CA_FILE` naming a file of this content.
fn start_trusting(test: &str, content: &str) -> Result<Startup, StartupError> {
    let file = std::env::temp_dir().join(format!("{test}-{}.pem", std::process::id()));
    std::fs::write(&file, content).unwrap();
    let named = file.display().to_string();
    let started = Startup::from_vars(move |name| match name {
        "EXTRA_CA_FILE" => Some(named.clone()),
        name => name.starts_with("AWS_").then(|| "https://localhost".to_owned()),
    });
    std::fs::remove_file(&file).unwrap();
    started
}

#[tokio::test]
async fn a_root_from_extra_ca_file_is_trusted_beside_the_pinned_ones() {
    let (server, handshake) = tls_server().await;
    let startup = start_trusting("extra-root", &server.certificate).unwrap();
    // The server closes after the handshake: what fails is the exchange, over a good connection.
    let error = startup.http.send(post(&server.url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Exchange(_)), "{error:?}");
    handshake.await.unwrap().unwrap();
}

#[test]
fn an_extra_ca_file_that_gives_no_certificate_stops_the_start_by_name() {
    for (content, said) in [
        ("", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n", "is not a file of"),
    ] {
        let error = start_trusting("no-root", content).unwrap_err().to_string();
        assert!(error.contains("`EXTRA_CA_FILE` is not valid") && error.contains(said), "{error}");
    }
    let named = |name: &str| (name == "EXTRA_CA_FILE").then(|| "/nowhere/roots.pem".to_owned());
    let missing = Startup::from_vars(named).unwrap_err();
    assert!(missing.to_string().contains("`EXTRA_CA_FILE`"), "{missing}");
}

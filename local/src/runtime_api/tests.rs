//! A hand-written process talks to the Runtime API over HTTP.

use std::time::Duration;

use http::Request;
use http_body_util::{Full, StreamBody, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::*;
use crate::gateway::FunctionUrlServer;
use crate::listener::{self, Servers};
use crate::template::{Function, FunctionUrl, InvokeMode};

type Body = BoxBody<Bytes, std::io::Error>;

/// A function without triggers.
pub(crate) fn function(name: &str, timeout: Duration) -> Function {
    Function {
        logical_id: name.into(),
        name: name.into(),
        environment: BTreeMap::new(),
        timeout,
        memory_mb: 128,
        routes: Vec::new(),
        schedules: Vec::new(),
        queues: Vec::new(),
        url: Some(FunctionUrl { invoke_mode: InvokeMode::ResponseStream, cors: None }),
    }
}

/// Plays a process in this one: answers every invocation with what `handle` makes of its event.
pub(crate) fn work(
    invocations: &Arc<Invocations>,
    handle: impl Fn(Value) -> Value + Send + 'static,
) {
    let invocations = Arc::clone(invocations);
    tokio::spawn(async move {
        while let Some(dispatched) = invocations.next(1).await {
            let answer = handle(serde_json::from_slice(&dispatched.event).unwrap()).to_string();
            let responding = invocations.respond(&dispatched.request_id).unwrap();
            // The client may have gone.
            drop(responding.answer.send(Answer::Buffered(answer.into())));
            invocations.complete(&dispatched.request_id);
        }
    });
}

struct Bench {
    servers: Servers,
    invocations: Arc<Invocations>,
    runtime: String,
    function_url: String,
    client: Client<HttpConnector, Body>,
}

impl Bench {
    async fn new(timeout: Duration) -> Self {
        let mut servers = Servers::new();
        let invocations = Arc::new(Invocations::new(function("f", timeout)));
        let functions = Arc::new(BTreeMap::from([("f".to_owned(), Arc::clone(&invocations))]));
        let runtime_listener = listener::bind(0).await.unwrap();
        let runtime = endpoint(&listener::url(&runtime_listener).unwrap(), "f", 7);
        servers.serve(runtime_listener, router(functions));
        let url_listener = listener::bind(0).await.unwrap();
        let function_url = listener::url(&url_listener).unwrap();
        let config = invocations.function.url.clone().unwrap();
        let server = FunctionUrlServer::new(Arc::clone(&invocations), config);
        servers.serve(url_listener, server.router());
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { servers, invocations, runtime, function_url, client }
    }

    async fn get(&self, url: String) -> Response<Incoming> {
        let request = Request::get(url).body(text("")).unwrap();
        self.client.request(request).await.unwrap()
    }

    /// Takes the next invocation as a process does; its request id.
    async fn next(&self) -> String {
        let url = format!("{}/2018-06-01/runtime/invocation/next", self.runtime);
        let response = self.get(url).await;
        response.headers()["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned()
    }

    async fn answer(&self, request_id: &str, body: Body, streaming: bool) -> StatusCode {
        let url = format!("{}/2018-06-01/runtime/invocation/{request_id}/response", self.runtime);
        let mut request = Request::post(url);
        if streaming {
            request = request.header("Lambda-Runtime-Function-Response-Mode", "streaming");
        }
        self.client.request(request.body(body).unwrap()).await.unwrap().status()
    }

    /// Starts a call of the function URL.
    fn call(&self) -> tokio::task::JoinHandle<Response<Incoming>> {
        let request = Request::get(format!("{}/a%20b?c=1&c=2", self.function_url));
        let response = self.client.request(request.body(text("")).unwrap());
        tokio::spawn(async move { response.await.unwrap() })
    }
}

fn text(text: &str) -> Body {
    Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {}).boxed()
}

/// A body that is sent piece by piece, as the test says.
fn pieces() -> (mpsc::UnboundedSender<Result<Bytes, std::io::Error>>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece: Result<Bytes, std::io::Error> = receiver.recv().await?;
        Some((piece.map(Frame::data), receiver))
    });
    (sender, BoxBody::new(StreamBody::new(frames)))
}

const PRELUDE: &[u8] = b"{\"statusCode\":201,\"headers\":{\"x-a\":\"b\"},\"cookies\":[\"c=d\"]}\
    \0\0\0\0\0\0\0\0";

#[tokio::test]
async fn an_invocation_carries_what_lambda_tells_a_process() {
    let bench = Bench::new(Duration::from_secs(30)).await;
    let call = bench.call();
    let url = format!("{}/2018-06-01/runtime/invocation/next", bench.runtime);
    let before = crate::machine::now().as_millisecond();
    let response = bench.get(url).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let deadline: i64 = header("lambda-runtime-deadline-ms").parse().unwrap();
    assert!(deadline >= before + 30_000 && deadline < before + 90_000);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    assert_eq!(header("lambda-runtime-invoked-function-arn"), arn);
    assert!(header("lambda-runtime-trace-id").starts_with("Root=1-"));
    let request_id = header("lambda-runtime-aws-request-id");
    let event = response.into_body().collect().await.unwrap().to_bytes();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["requestContext"]["domainName"], "f.lambda-url.us-east-1.on.aws");
    assert_eq!(event["rawPath"], "/a%20b");
    assert_eq!(event["queryStringParameters"], json!({"c": "1,2"}));
    let answer = json!({"statusCode": 418, "body": "tea"}).to_string();
    assert_eq!(bench.answer(&request_id, text(&answer), false).await, StatusCode::ACCEPTED);
    assert_eq!(call.await.unwrap().status(), StatusCode::IM_A_TEAPOT);
    // The invocation is over: whatever comes for it now is refused.
    assert_eq!(bench.answer(&request_id, text("{}"), false).await, StatusCode::BAD_REQUEST);
    bench.servers.shutdown().await;
}

#[tokio::test]
async fn each_chunk_reaches_the_client_before_the_next_is_written() {
    let bench = Bench::new(Duration::from_secs(30)).await;
    let call = bench.call();
    let request_id = bench.next().await;
    let (writer, body) = pieces();
    let exchange = async {
        // Even the prelude may come in two parts.
        writer.send(Ok(Bytes::from_static(&PRELUDE[..20]))).unwrap();
        writer.send(Ok(Bytes::from_static(&PRELUDE[20..]))).unwrap();
        let mut response = call.await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers()["set-cookie"], "c=d");
        for word in ["one", "two", "three"] {
            writer.send(Ok(Bytes::from(word))).unwrap();
            let frame = response.body_mut().frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), word);
        }
        drop(writer);
        assert!(response.body_mut().frame().await.is_none());
    };
    let (status, ()) = tokio::join!(bench.answer(&request_id, body, true), exchange);
    assert_eq!(status, StatusCode::ACCEPTED);
    bench.servers.shutdown().await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_mistaken_for_a_complete_one() {
    let bench = Bench::new(Duration::from_secs(30)).await;
    let call = bench.call();
    let request_id = bench.next().await;
    let (writer, body) = pieces();
    writer.send(Ok(Bytes::from_static(PRELUDE))).unwrap();
    writer.send(Ok(Bytes::from_static(b"half"))).unwrap();
    let url = format!("{}/2018-06-01/runtime/invocation/{request_id}/response", bench.runtime);
    let request = Request::post(url)
        .header("Lambda-Runtime-Function-Response-Mode", "streaming")
        .body(body)
        .unwrap();
    let answering = tokio::spawn(bench.client.request(request));
    let response = call.await.unwrap();
    writer.send(Err(std::io::Error::other("crash"))).unwrap();
    assert!(response.into_body().collect().await.is_err());
    drop(answering.await);
    bench.servers.shutdown().await;
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cancel_the_invocation() {
    let bench = Bench::new(Duration::from_secs(30)).await;
    let call = bench.call();
    let request_id = bench.next().await;
    let (writer, body) = pieces();
    let exchange = async {
        writer.send(Ok(Bytes::from_static(PRELUDE))).unwrap();
        drop(call.await.unwrap());
        // More than any buffer on the way holds.
        for _ in 0..200 {
            writer.send(Ok(Bytes::from(vec![b'x'; 100_000]))).unwrap();
        }
        drop(writer);
    };
    let (status, ()) = tokio::join!(bench.answer(&request_id, body, true), exchange);
    assert_eq!(status, StatusCode::ACCEPTED);
    bench.servers.shutdown().await;
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_cut_off_and_its_process_doomed() {
    let bench = Bench::new(Duration::from_millis(50)).await;
    let call = bench.call();
    let request_id = bench.next().await;
    let mut life = bench.invocations.worker(7);
    assert_eq!(call.await.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
    drop(life.wait_for(|life| *life == crate::invocation::Life::Doomed).await.unwrap());
    assert_eq!(bench.answer(&request_id, text("{}"), false).await, StatusCode::BAD_REQUEST);
    // A doomed process gets nothing more.
    let url = format!("{}/2018-06-01/runtime/invocation/next", bench.runtime);
    assert_eq!(bench.get(url).await.status(), StatusCode::GONE);
    bench.servers.shutdown().await;
}

#[tokio::test]
async fn a_process_that_ends_fails_what_it_was_working_on() {
    let bench = Bench::new(Duration::from_secs(30)).await;
    let call = bench.call();
    bench.next().await;
    bench.invocations.worker_gone(7);
    assert_eq!(call.await.unwrap().status(), StatusCode::BAD_GATEWAY);
    bench.servers.shutdown().await;
}

#[tokio::test]
async fn an_answer_over_six_megabytes_is_refused() {
    let bench = Bench::new(Duration::from_secs(30)).await;
    let call = bench.call();
    let request_id = bench.next().await;
    let large = text(&"x".repeat(RESPONSE_BYTES_MAX + 1));
    let status = bench.answer(&request_id, large, false).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(call.await.unwrap().status(), StatusCode::BAD_GATEWAY);
    bench.servers.shutdown().await;
}

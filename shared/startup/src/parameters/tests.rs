//! The real AWS client against a server that answers as the parameter store does, or does not.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    Startup,
    test_server::{Reply, TestServer},
};

fn parameters(server: &TestServer) -> Parameters {
    let url = server.url.clone();
    let lookup = move |name: &str| match name {
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        _ => None,
    };
    Startup::from_vars(lookup).unwrap().parameters()
}

/// The values of all names asked for but those called `ABSENT`.
fn values(body: &str) -> Reply {
    let request: Value = serde_json::from_str(body).unwrap();
    let names = request["Names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let (absent, present): (Vec<&str>, Vec<&str>) = names.partition(|n| n.ends_with("ABSENT"));
    let present: Vec<Value> = present
        .iter()
        .map(|name| json!({"Name": name, "Type": "SecureString", "Value": format!("of {name}")}))
        .collect();
    let answer = json!({"Parameters": present, "InvalidParameters": absent});
    Reply::Answer(200, answer.to_string())
}

fn error(status: u16, code: &str) -> Reply {
    Reply::Answer(status, json!({"__type": code, "message": "refused"}).to_string())
}

/// Reads one name from a server that answers its first requests by `first`, then properly; gives
/// the outcome and how many requests the server saw.
async fn read_after(
    first: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static,
) -> (bool, usize) {
    let server = TestServer::start(move |n, body| first(n).unwrap_or_else(|| values(body))).await;
    let read = parameters(&server).read(&["/saldo/test/settings/A"]).await;
    (read.is_ok(), server.bodies().len())
}

#[tokio::test]
async fn values_come_decrypted_under_the_last_segment_of_their_names() {
    let server = TestServer::start(|_, body| values(body)).await;
    let names = ["/saldo/test/settings/A", "/saldo/test/secrets/ai-guard/KEY", "/saldo/ABSENT"];
    let values = parameters(&server).read(&names).await.unwrap();
    let expected = [
        ("A".to_owned(), "of /saldo/test/settings/A".to_owned()),
        ("KEY".to_owned(), "of /saldo/test/secrets/ai-guard/KEY".to_owned()),
    ];
    assert_eq!(values, BTreeMap::from(expected));
    let request: Value = serde_json::from_str(&server.bodies()[0]).unwrap();
    assert_eq!(request["WithDecryption"], true);
}

#[tokio::test]
async fn eleven_names_are_two_requests_and_twenty_are_two() {
    for (count, expected) in [(1, 1), (10, 1), (11, 2), (20, 2), (21, 3), (0, 0)] {
        let server = TestServer::start(|_, body| values(body)).await;
        let names: Vec<String> = (0..count).map(|n| format!("/saldo/N{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(parameters(&server).read(&names).await.unwrap().len(), count);
        let bodies = server.bodies();
        assert_eq!(bodies.len(), expected);
        let mut asked: Vec<String> = bodies
            .iter()
            .flat_map(|body| {
                let request: Value = serde_json::from_str(body).unwrap();
                serde_json::from_value::<Vec<String>>(request["Names"].clone()).unwrap()
            })
            .collect();
        asked.sort();
        assert_eq!(asked, names);
    }
}

#[tokio::test]
async fn two_names_that_would_hide_each_other_are_refused() {
    let server = TestServer::start(|_, body| values(body)).await;
    let error = parameters(&server).read(&["/a/KEY", "/b/KEY"]).await.unwrap_err();
    assert_eq!(error.to_string(), "two parameters are called `KEY`");
    assert_eq!(parameters(&server).read(&["/a/KEY", "/a/KEY"]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_500_then_200_is_retried() {
    let outcome = read_after(|n| (n == 0).then(|| error(500, "InternalServerError"))).await;
    assert_eq!(outcome, (true, 2));
}

#[tokio::test]
async fn a_connection_dropped_then_200_is_retried() {
    assert_eq!(read_after(|n| (n == 0).then_some(Reply::HangUp)).await, (true, 2));
}

#[tokio::test]
async fn an_attempt_that_gets_no_answer_is_made_again() {
    assert_eq!(read_after(|n| (n == 0).then_some(Reply::Stall)).await, (true, 2));
}

#[tokio::test]
async fn throttling_that_outlasts_the_sdk_is_waited_out() {
    let throttled = |n| (n < 4).then(|| error(400, "ThrottlingException"));
    assert_eq!(read_after(throttled).await, (true, 5));
}

#[tokio::test]
async fn retries_end() {
    assert_eq!(read_after(|_| Some(error(500, "InternalServerError"))).await, (false, 9));
}

#[tokio::test]
async fn a_clear_refusal_is_not_retried() {
    assert_eq!(read_after(|_| Some(error(400, "AccessDeniedException"))).await, (false, 1));
}

#[tokio::test]
async fn an_error_names_its_cause() {
    let server = TestServer::start(|_, _| error(400, "AccessDeniedException")).await;
    let error = parameters(&server).read(&["/a/KEY"]).await.unwrap_err();
    let chain = crate::error_chain(&error);
    assert!(chain.starts_with("the parameter store gave no answer: "), "{chain}");
    assert!(chain.contains("AccessDeniedException"), "{chain}");
}

#[tokio::test]
async fn a_post_on_a_connection_closed_while_idle_still_succeeds() {
    let server = TestServer::start(|_, body| match values(body) {
        Reply::Answer(status, body) => Reply::AnswerAndClose(status, body),
        other => other,
    });
    let server = Arc::new(server.await);
    let parameters = parameters(&server);
    for _ in 0..5 {
        parameters.read(&["/a/KEY"]).await.unwrap();
    }
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn one_connection_serves_all_clients_of_a_process() {
    let server = TestServer::start(|_, body| values(body)).await;
    let parameters = parameters(&server);
    for _ in 0..5 {
        parameters.clone().read(&["/a/KEY"]).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

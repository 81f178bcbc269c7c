//! The front does what was scripted and nothing else, over a real emulator.

use std::time::Duration;

use bytes::Bytes;
use dynoxide::Database;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Fault, Front, Outcome, Rule};

/// The emulator wants a signature and does not check it.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/dynamodb/aws4_request, \
                         SignedHeaders=host, Signature=0";

struct Table {
    front: Front,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Table {
    async fn new(seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let database = Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(
            listener,
            database,
            std::future::pending(),
        ));
        let front = Front::start(upstream, seed).await.unwrap();
        let table = Self { front, client: Client::builder(TokioExecutor::new()).build_http() };
        let key = |name, kind| json!({"AttributeName": name, "KeyType": kind});
        let string = |name| json!({"AttributeName": name, "AttributeType": "S"});
        let schema = json!({
            "TableName": "ledger", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "AttributeDefinitions": [string("pk"), string("sk")],
        });
        assert_eq!(table.call("CreateTable", &schema).await.unwrap().0, StatusCode::OK);
        assert_eq!(table.put("BALANCE").await.unwrap().0, StatusCode::OK);
        table.front.reset();
        table
    }

    /// The status and the body, or nothing where the connection was cut.
    async fn call(&self, operation: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let request = Request::post(&self.front.url)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20261120T120000Z")
            .header("authorization", SIGNATURE)
            .body(Full::new(body.to_string().into()))
            .unwrap();
        let response = self.client.request(request).await.ok()?;
        let status = response.status();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap()))
    }

    async fn put(&self, sk: &str) -> Option<(StatusCode, Value)> {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": sk}, "n": {"N": "0"}});
        self.call("PutItem", &json!({"TableName": "ledger", "Item": item})).await
    }

    /// Puts an entry and adds one to the balance, as a hold does.
    async fn transact(&self, sk: &str) -> Option<(StatusCode, Value)> {
        let body = json!({"TransactItems": [
            {"Put": {"TableName": "ledger", "Item": {"pk": {"S": "a"}, "sk": {"S": sk}}}},
            {"Update": {"TableName": "ledger", "Key": {"pk": {"S": "a"}, "sk": {"S": "BALANCE"}},
                        "UpdateExpression": "SET n = n + :one",
                        "ExpressionAttributeValues": {":one": {"N": "1"}}}},
        ]});
        self.call("TransactWriteItems", &body).await
    }

    async fn balance(&self) -> String {
        let key = json!({"pk": {"S": "a"}, "sk": {"S": "BALANCE"}});
        let (_, reply) =
            self.call("GetItem", &json!({"TableName": "ledger", "Key": key})).await.unwrap();
        reply["Item"]["n"]["N"].as_str().unwrap().to_owned()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.front.calls().iter().map(|call| call.outcome).collect()
    }
}

#[tokio::test]
async fn without_a_plan_calls_pass_through() {
    let table = Table::new(1).await;
    assert_eq!(table.transact("one").await.unwrap().0, StatusCode::OK);
    assert_eq!(table.balance().await, "1");
    let operations: Vec<String> = table.front.calls().into_iter().map(|c| c.operation).collect();
    assert_eq!(operations, ["TransactWriteItems", "GetItem"]);
    assert_eq!(table.front.calls()[0].tables, ["ledger"]);
}

#[tokio::test]
async fn a_scripted_conflict_is_at_the_balance_update_and_applies_nothing() {
    let table = Table::new(1).await;
    table.front.next("TransactWriteItems", Fault::Conflict);
    let (status, reply) = table.transact("one").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(reply["__type"].as_str().unwrap().ends_with("#TransactionCanceledException"));
    assert_eq!(reply["CancellationReasons"][0]["Code"], "None");
    assert_eq!(reply["CancellationReasons"][1]["Code"], "TransactionConflict");
    assert_eq!(table.balance().await, "0");
    assert_eq!(table.transact("one").await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn single_writes_conflict_and_reads_do_not() {
    let table = Table::new(1).await;
    table.front.rules([Rule::any(Fault::Conflict, 1_000)]);
    let (_, reply) = table.put("x").await.unwrap();
    assert!(reply["__type"].as_str().unwrap().ends_with("#TransactionConflictException"));
    assert_eq!(table.balance().await, "0");
}

#[tokio::test]
async fn throttling_has_the_shape_of_the_call() {
    let table = Table::new(1).await;
    table.front.rules([Rule::any(Fault::Throttle, 1_000)]);
    let (_, reply) = table.transact("one").await.unwrap();
    assert_eq!(reply["CancellationReasons"][1]["Code"], "ThrottlingError");
    let (status, reply) = table.put("x").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(reply["__type"].as_str().unwrap().contains("ProvisionedThroughputExceeded"));
}

#[tokio::test]
async fn a_server_error_is_500_for_as_many_calls_as_scripted() {
    let table = Table::new(1).await;
    table.front.next_n(2, "PutItem", Fault::ServerError);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(table.put("x").await.unwrap().0.as_u16());
    }
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn a_lost_reply_was_applied_and_a_lost_request_was_not() {
    let table = Table::new(1).await;
    table.front.next("TransactWriteItems", Fault::LostReply);
    assert!(table.transact("one").await.is_none());
    assert_eq!(table.balance().await, "1");
    table.front.next("TransactWriteItems", Fault::LostRequest);
    assert!(table.transact("two").await.is_none());
    assert_eq!(table.balance().await, "1");
}

#[tokio::test]
async fn a_script_waits_for_its_operation_and_goes_before_rules() {
    let table = Table::new(1).await;
    table.front.rules([Rule::of("PutItem", Fault::Throttle, 1_000)]);
    table.front.next("PutItem", Fault::ServerError);
    assert_eq!(table.balance().await, "0");
    assert_eq!(table.put("x").await.unwrap().0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(table.put("x").await.unwrap().0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_front_that_is_down_refuses_everything_until_it_is_up() {
    let table = Table::new(1).await;
    table.front.down(true);
    assert!(table.put("x").await.is_none());
    table.front.down(false);
    assert_eq!(table.put("x").await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_delayed_call_is_answered_all_the_same() {
    let table = Table::new(1).await;
    table.front.next("PutItem", Fault::Delay(Duration::from_millis(1)));
    assert_eq!(table.put("x").await.unwrap().0, StatusCode::OK);
    assert_eq!(table.outcomes(), [Outcome::Answered(200)]);
}

#[tokio::test]
async fn the_same_seed_draws_the_same_faults() {
    let mut drawn = Vec::new();
    for seed in [7, 7, 8] {
        let table = Table::new(seed).await;
        table
            .front
            .rules([Rule::of("PutItem", Fault::ServerError, 200), Rule::any(Fault::Throttle, 300)]);
        for _ in 0..200 {
            table.put("x").await.unwrap();
        }
        drawn.push(table.outcomes());
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_ne!(drawn[0], drawn[2]);
    let share = |fault| drawn[0].iter().filter(|o| **o == Outcome::Injected(fault)).count();
    assert!((25..56).contains(&share(Fault::ServerError)), "{}", share(Fault::ServerError));
    assert!((40..81).contains(&share(Fault::Throttle)), "{}", share(Fault::Throttle));
}

#[tokio::test]
async fn counting_tells_what_each_call_consumed() {
    let table = Table::new(1).await;
    table.put("x").await;
    assert_eq!(table.front.calls()[0].capacity_write, 0);
    table.front.reset();
    table.front.count_capacity(true);
    table.transact("one").await;
    table.front.next("PutItem", Fault::LostReply);
    table.put("x").await;
    table.balance().await;
    let calls = table.front.calls();
    let units: Vec<_> =
        calls.iter().map(|call| (call.capacity_write, call.capacity_read_halves)).collect();
    assert_eq!(units, [(4, 0), (1, 0), (0, 1)]);
}

#[tokio::test]
async fn a_write_refused_on_a_condition_costs_what_aws_counts_for_it() {
    let table = Table::new(1).await;
    table.front.count_capacity(true);
    let item = json!({"pk": {"S": "a"}, "sk": {"S": "BALANCE"}});
    let put = json!({"TableName": "ledger", "Item": item,
                     "ConditionExpression": "attribute_not_exists(pk)"});
    table.call("PutItem", &put).await;
    let other =
        json!({"Put": {"TableName": "ledger", "Item": {"pk": {"S": "b"}, "sk": {"S": "x"}}}});
    table.call("TransactWriteItems", &json!({"TransactItems": [{"Put": put}, other]})).await;
    table.transact("one").await;
    table.balance().await;
    let calls = table.front.calls();
    let units: Vec<_> = calls
        .iter()
        .map(|call| (call.items, call.capacity_write, call.capacity_refused()))
        .collect();
    assert_eq!(units, [(1, 0, 1), (2, 0, 4), (2, 4, 0), (0, 0, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_are_all_answered_and_recorded() {
    let table = std::sync::Arc::new(Table::new(1).await);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..64 {
        let table = std::sync::Arc::clone(&table);
        clients.spawn(async move {
            for call in 0..5 {
                let (status, _) = table.transact(&format!("{client}-{call}")).await.unwrap();
                assert_eq!(status, StatusCode::OK);
            }
        });
    }
    clients.join_all().await;
    assert_eq!(table.front.calls().len(), 320);
    assert_eq!(table.balance().await, "320");
}

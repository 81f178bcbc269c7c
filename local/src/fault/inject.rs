//! The replies AWS gives when it conflicts, throttles and fails.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::call::{Service, Target};
use super::plan::Fault;

/// The reply of a fault that is one; the others are not replies.
pub(super) fn reply(fault: Fault, target: &Target) -> Option<Response<Full<Bytes>>> {
    let (status, body) = match fault {
        Fault::Conflict if target.is_transaction() => {
            cancelled(target, "TransactionConflict", "Transaction is ongoing for the item")
        }
        Fault::Conflict if target.is_write() => error(
            StatusCode::BAD_REQUEST,
            "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
            "Transaction is ongoing for the item",
        ),
        Fault::Throttle if target.is_transaction() => {
            cancelled(target, "ThrottlingError", "Throughput exceeds the current capacity")
        }
        Fault::Throttle => {
            error(StatusCode::BAD_REQUEST, throttled(target.service), "Rate exceeded")
        }
        Fault::ServerError => {
            error(StatusCode::INTERNAL_SERVER_ERROR, failed(target.service), "Internal error")
        }
        _ => return None,
    };
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Some(response)
}

fn throttled(service: Service) -> &'static str {
    match service {
        Service::DynamoDb => {
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
        }
        Service::Sqs => "com.amazonaws.sqs#RequestThrottled",
        Service::Other => "ThrottlingException",
    }
}

fn failed(service: Service) -> &'static str {
    match service {
        Service::DynamoDb => "com.amazonaws.dynamodb.v20120810#InternalServerError",
        Service::Sqs => "com.amazonaws.sqs#InternalError",
        Service::Other => "InternalServerError",
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> (StatusCode, Value) {
    (status, json!({"__type": code, "message": message}))
}

/// A cancelled transaction that gives `code` for the balance update and no reason for the rest.
fn cancelled(target: &Target, code: &str, message: &str) -> (StatusCode, Value) {
    let position = target.balance_position();
    let codes: Vec<&str> = (0..target.transact_items().len())
        .map(|index| if index == position { code } else { "None" })
        .collect();
    let reasons: Vec<Value> = codes
        .iter()
        .map(|code| match *code {
            "None" => json!({"Code": "None"}),
            code => json!({"Code": code, "Message": message}),
        })
        .collect();
    let list = codes.join(", ");
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for \
                            specific reasons [{list}]"),
        "CancellationReasons": reasons,
    });
    (StatusCode::BAD_REQUEST, body)
}

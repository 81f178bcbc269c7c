//! SQS and SSM behind one address, told apart by the `x-amz-target` header, and a CloudWatch without
//! metrics.
//!
//! The services themselves are winterbaume's and live in memory; [`limits`] adds what AWS refuses
//! and they do not.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse, MockService as _, json_error_response};
use winterbaume_sqs::SqsService;
use winterbaume_ssm::SsmService;

use crate::template::{Parameter, Queue};

mod limits;
#[cfg(test)]
mod tests;

/// The header that names service and action.
const TARGET: &str = "x-amz-target";

/// What CloudWatch is asked for metrics by.
const METRICS: &str = "GraniteServiceVersion20100801.GetMetricData";

/// SQS and SSM. Clones share their state.
#[derive(Clone)]
pub struct Aws {
    services: Arc<Services>,
}

struct Services {
    sqs: SqsService,
    ssm: SsmService,
}

/// A call that the service refused.
#[derive(Debug, thiserror::Error)]
#[error("{target} was refused: {message}")]
pub struct AwsError {
    target: String,
    message: String,
}

impl Aws {
    /// Empty services.
    pub fn new() -> Self {
        let services = Services { sqs: SqsService::new(), ssm: SsmService::new() };
        Self { services: Arc::new(services) }
    }

    /// Calls an action in process, for example `AmazonSQS.ReceiveMessage`.
    pub async fn call(&self, target: &str, body: &Value) -> Result<Value, AwsError> {
        let refusal = |message: String| AwsError { target: target.to_owned(), message };
        let answer = self.answer(target, Bytes::from(body.to_string())).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != 200 {
            return Err(refusal(text));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| refusal(error.to_string()))
    }

    /// Makes the queues with their visibility and redrive policy.
    pub(crate) async fn create_queues(&self, queues: &[Queue]) -> Result<(), AwsError> {
        for queue in queues {
            let mut attributes = json!({"VisibilityTimeout": queue.visibility_seconds.to_string()});
            if let (Some(redrive), Some(object)) = (&queue.redrive, attributes.as_object_mut()) {
                let policy = json!({
                    "deadLetterTargetArn": redrive.dead_letter_target_arn,
                    "maxReceiveCount": redrive.max_receive_count,
                });
                object.insert("RedrivePolicy".into(), policy.to_string().into());
            }
            let request = json!({"QueueName": queue.name, "Attributes": attributes});
            self.call("AmazonSQS.CreateQueue", &request).await?;
        }
        Ok(())
    }

    /// Puts a plain parameter.
    pub(crate) async fn put_parameter(&self, parameter: &Parameter) -> Result<(), AwsError> {
        self.put(&parameter.name, &parameter.value, "String").await
    }

    /// Puts a secret.
    pub(crate) async fn put_secret(&self, secret: &Parameter) -> Result<(), AwsError> {
        self.put(&secret.name, &secret.value, "SecureString").await
    }

    async fn put(&self, name: &str, value: &str, kind: &str) -> Result<(), AwsError> {
        let request = json!({"Name": name, "Value": value, "Type": kind, "Overwrite": true});
        self.call("AmazonSSM.PutParameter", &request).await.map(drop)
    }

    async fn answer(&self, target: &str, body: Bytes) -> MockResponse {
        let request = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if let Some(refusal) = limits::refusal(target, &request) {
            return refusal;
        }
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(target) {
            headers.insert(TARGET, value);
        }
        // The services take the region from the host they believe to be called by.
        let call = |service: &str| MockRequest {
            method: "POST".to_owned(),
            uri: format!("https://{service}.{}.amazonaws.com/", crate::template::REGION),
            headers,
            body,
        };
        if target.starts_with("AmazonSQS.") {
            self.services.sqs.handle(call("sqs")).await
        } else if target.starts_with("AmazonSSM.") {
            let answer = self.services.ssm.handle(call("ssm")).await;
            limits::mask_secrets(&request, answer)
        } else if target == METRICS {
            no_metrics(&request)
        } else {
            let message = format!("the local stack has no `{target}`");
            json_error_response(400, "UnknownOperationException", &message)
        }
    }

    pub(crate) fn router(self) -> Router {
        Router::new().fallback(serve).with_state(self)
    }
}

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}

/// CloudWatch keeps no metrics here: each one asked for has no values, as on AWS before the first.
fn no_metrics(request: &Value) -> MockResponse {
    let queries = request.get("MetricDataQueries").and_then(Value::as_array);
    let results = queries.into_iter().flatten().map(|query| {
        let id = query.get("Id").unwrap_or(&Value::Null);
        json!({"Id": id, "Timestamps": [], "Values": [], "StatusCode": "Complete"})
    });
    let results: Vec<Value> = results.collect();
    MockResponse::json(200, json!({"MetricDataResults": results, "Messages": []}).to_string())
}

async fn serve(State(aws): State<Aws>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = aws.answer(target, body).await;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    response
}

//! What SQS and SSM refuse or hide on AWS, where the emulated services do not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use winterbaume_core::{MockResponse, json_error_response};

/// Most entries of any SQS batch.
const BATCH_ENTRIES_MAX: usize = 10;
/// Most bytes of a message, and of all messages of a batch together.
const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// Most names in one `GetParameters`.
const PARAMETER_NAMES_MAX: usize = 10;

/// The answer AWS gives instead of doing it, if this request is over a limit.
pub(super) fn refusal(target: &str, request: &Value) -> Option<MockResponse> {
    if target.starts_with("AmazonSQS.") {
        if let Some(entries) = request.get("Entries").and_then(Value::as_array) {
            return batch_refusal(entries);
        }
        let bytes = request.get("MessageBody").and_then(Value::as_str).map_or(0, str::len);
        return (bytes > MESSAGE_BYTES_MAX).then(|| {
            let message = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than \
                 {MESSAGE_BYTES_MAX} bytes."
            );
            json_error_response(400, "com.amazonaws.sqs#InvalidParameterValue", &message)
        });
    }
    let names = request.get("Names").and_then(Value::as_array).map_or(0, Vec::len);
    (target == "AmazonSSM.GetParameters" && names > PARAMETER_NAMES_MAX).then(|| {
        let message = format!(
            "1 validation error detected: Value at 'names' failed to satisfy constraint: Member \
             must have length less than or equal to {PARAMETER_NAMES_MAX}"
        );
        json_error_response(400, "ValidationException", &message)
    })
}

fn batch_refusal(entries: &[Value]) -> Option<MockResponse> {
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Some(json_error_response(400, "com.amazonaws.sqs#EmptyBatchRequest", message));
    }
    if entries.len() > BATCH_ENTRIES_MAX {
        let message = format!(
            "Maximum number of entries per request are {BATCH_ENTRIES_MAX}. You have sent {}.",
            entries.len()
        );
        let kind = "com.amazonaws.sqs#TooManyEntriesInBatchRequest";
        return Some(json_error_response(400, kind, &message));
    }
    let bytes: usize = entries
        .iter()
        .map(|entry| entry.get("MessageBody").and_then(Value::as_str).map_or(0, str::len))
        .sum();
    (bytes > MESSAGE_BYTES_MAX).then(|| {
        let message = format!(
            "Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent \
             {bytes} bytes."
        );
        json_error_response(400, "com.amazonaws.sqs#BatchRequestTooLong", &message)
    })
}

/// Replaces the value of every `SecureString` unless the request asks for decryption.
pub(super) fn mask_secrets(request: &Value, mut answer: MockResponse) -> MockResponse {
    if request.get("WithDecryption").and_then(Value::as_bool) == Some(true) {
        return answer;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer;
    };
    if let Some(parameter) = body.get_mut("Parameter") {
        mask(parameter);
    }
    for parameter in body.get_mut("Parameters").and_then(Value::as_array_mut).into_iter().flatten()
    {
        mask(parameter);
    }
    answer.body = body.to_string().into();
    answer
}

fn mask(parameter: &mut Value) {
    if parameter.get("Type").and_then(Value::as_str) != Some("SecureString") {
        return;
    }
    let name = parameter.get("Name").and_then(Value::as_str).unwrap_or_default();
    let ciphertext = STANDARD.encode(format!("local ciphertext of {name}"));
    if let Some(object) = parameter.as_object_mut() {
        object.insert("Value".into(), json!(ciphertext));
    }
}

//! Queues as the template declares them.

use serde::Deserialize;
use serde_json::Value;

use super::{TemplateError, arn, read};

/// One SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Logical id in the template.
    pub logical_id: String,
    /// Physical name.
    pub name: String,
    /// The URL that functions are given.
    pub url: String,
    /// ARN, by which redrive policies and event sources name it.
    pub arn: String,
    /// Seconds for which a received message stays hidden.
    pub visibility_seconds: u64,
    /// Where a message goes that was received too often.
    pub redrive: Option<Redrive>,
}

/// The redrive policy of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redrive {
    /// ARN of the dead-letter queue.
    pub dead_letter_target_arn: String,
    /// Number of receives after which a message is moved there.
    pub max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueProperties {
    /// The default is that of SQS.
    #[serde(default = "default_visibility_seconds")]
    visibility_timeout: u64,
    redrive_policy: Option<Redrive>,
    #[serde(rename = "MessageRetentionPeriod")]
    _message_retention_period: Option<u64>,
    #[serde(rename = "SqsManagedSseEnabled")]
    _sqs_managed_sse_enabled: Option<bool>,
}

fn default_visibility_seconds() -> u64 {
    30
}

impl Queue {
    /// Reads everything but the URL, which depends on where the stack runs.
    pub(super) fn read(
        logical_id: String,
        name: String,
        properties: Value,
        place: &str,
    ) -> Result<Self, TemplateError> {
        let properties: QueueProperties = read(properties, place)?;
        Ok(Self {
            arn: arn("sqs", &name),
            url: String::new(),
            visibility_seconds: properties.visibility_timeout,
            redrive: properties.redrive_policy,
            logical_id,
            name,
        })
    }
}

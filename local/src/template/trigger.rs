//! What triggers a function: routes, schedules and queues.

use std::{ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::TemplateError;
use super::function::Function;
use super::schedule::parse_rate;

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Method in capitals, or `ANY`.
    pub method: String,
    /// Path with its parameters in braces.
    pub path: String,
}

/// A schedule that invokes a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Name of the rule, made of function and event.
    pub rule: String,
    /// Time between two invocations.
    pub every: Duration,
}

/// A queue whose messages invoke a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSource {
    /// ARN of the queue.
    pub queue_arn: String,
    /// Most messages in one invocation.
    pub batch_size: u32,
    /// Whether the function's answer names the messages that failed.
    pub partial_failures: bool,
    /// Most invocations for this queue at once.
    pub concurrency: u32,
}

#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties", deny_unknown_fields)]
pub(super) enum Event {
    HttpApi(HttpApiEvent),
    Schedule(ScheduleEvent),
    #[serde(rename = "SQS")]
    Sqs(SqsEvent),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct HttpApiEvent {
    method: String,
    path: String,
    #[serde(rename = "ApiId")]
    _api_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ScheduleEvent {
    schedule: String,
    #[serde(default, rename = "Description")]
    _description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SqsEvent {
    queue: String,
    /// The default is that of Lambda.
    #[serde(default = "default_batch_size")]
    batch_size: u32,
    #[serde(default)]
    function_response_types: Vec<String>,
    scaling_config: Option<ScalingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    maximum_concurrency: u32,
}

/// What `MaximumConcurrency` may be, by AWS.
const CONCURRENCY: RangeInclusive<u32> = 2..=1_000;

/// How many batches Lambda has in work at first, where nothing bounds them.
const CONCURRENCY_AT_FIRST: u32 = 5;

fn default_batch_size() -> u32 {
    10
}

impl Event {
    /// Adds this trigger to its function.
    pub(super) fn add_to(self, function: &mut Function, name: &str) -> Result<(), TemplateError> {
        match self {
            Self::HttpApi(event) => function
                .routes
                .push(Route { method: event.method.to_ascii_uppercase(), path: event.path }),
            Self::Schedule(event) => {
                let place = format!("{}.Events.{name}", function.place());
                let every = parse_rate(&event.schedule)
                    .map_err(|message| TemplateError::new(place, message))?;
                let rule = format!("{}{name}", function.logical_id);
                function.schedules.push(Schedule { rule, every });
            }
            Self::Sqs(event) => {
                let concurrency = event.scaling_config.map(|config| config.maximum_concurrency);
                if concurrency.is_some_and(|concurrency| !CONCURRENCY.contains(&concurrency)) {
                    let place = format!("{}.Events.{name}", function.place());
                    let message = "`MaximumConcurrency` is not from 2 to 1000";
                    return Err(TemplateError::new(place, message));
                }
                function.queues.push(QueueSource {
                    queue_arn: event.queue,
                    batch_size: event.batch_size,
                    partial_failures: event
                        .function_response_types
                        .iter()
                        .any(|kind| kind == "ReportBatchItemFailures"),
                    concurrency: concurrency.unwrap_or(CONCURRENCY_AT_FIRST),
                });
            }
        }
        Ok(())
    }
}

//! Functions as the template declares them, with everything that triggers them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::trigger::{Event, QueueSource, Route, Schedule};
use super::{TemplateError, read};

/// One Lambda function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Logical id in the template, such as `AiGuard`.
    pub logical_id: String,
    /// The same in kebab case: name of the crate, the program and the log, such as `ai-guard`.
    pub name: String,
    /// Environment variables from the template.
    pub environment: BTreeMap<String, String>,
    /// After this long an invocation is cut off.
    pub timeout: Duration,
    /// Memory in MB; not enforced here.
    pub memory_mb: u32,
    /// Routes of the HTTP API.
    pub routes: Vec<Route>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
    /// SQS event sources.
    pub queues: Vec<QueueSource>,
    /// Function URL, if it has one.
    pub url: Option<FunctionUrl>,
}

/// A function URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUrl {
    /// How answers reach the client.
    pub invoke_mode: InvokeMode,
    /// Its CORS, if it has any.
    pub cors: Option<Cors>,
}

/// How a function URL hands on answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvokeMode {
    /// Whole, once complete.
    #[default]
    Buffered,
    /// Chunk by chunk, as the function writes them.
    ResponseStream,
}

/// CORS of an HTTP API or a function URL, the same shape in both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Cors {
    /// Origins, or `*`.
    pub allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub allow_methods: Vec<String>,
    /// Request headers, or `*`.
    pub allow_headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose_headers: Vec<String>,
    /// Seconds for which a preflight may be cached.
    pub max_age: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionProperties {
    runtime: String,
    handler: String,
    timeout: u64,
    memory_size: u32,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    events: BTreeMap<String, Event>,
    function_url_config: Option<FunctionUrlProperties>,
    #[serde(rename = "Architectures")]
    _architectures: Value,
    #[serde(rename = "CodeUri")]
    _code_uri: String,
    #[serde(default, rename = "Description")]
    _description: String,
    #[serde(default, rename = "Policies")]
    _policies: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionUrlProperties {
    auth_type: String,
    #[serde(default)]
    invoke_mode: InvokeMode,
    cors: Option<Cors>,
}

impl Function {
    pub(super) fn read(
        logical_id: String,
        properties: Value,
        globals: &Value,
        metadata: &Value,
    ) -> Result<Self, TemplateError> {
        let place = format!("resource `{logical_id}`");
        let mut merged = globals.clone();
        merge(&mut merged, properties);
        let properties: FunctionProperties = read(merged, &place)?;
        let name = kebab_case(&logical_id);
        let binary = metadata.pointer("/BuildProperties/Binary").and_then(Value::as_str);
        if binary != Some(name.as_str()) {
            let message = format!("its Metadata must name the program `{name}` as Binary");
            return Err(TemplateError::new(place, message));
        }
        if properties.runtime != "provided.al2023" || properties.handler != "bootstrap" {
            let message = "only the runtime `provided.al2023` with the handler `bootstrap` runs";
            return Err(TemplateError::new(place, message));
        }
        let mut function = Self {
            environment: variables(properties.environment, &place)?,
            timeout: Duration::from_secs(properties.timeout),
            memory_mb: properties.memory_size,
            routes: Vec::new(),
            schedules: Vec::new(),
            queues: Vec::new(),
            url: properties.function_url_config.map(|url| function_url(url, &place)).transpose()?,
            logical_id,
            name,
        };
        for (event_name, event) in properties.events {
            event.add_to(&mut function, &event_name)?;
        }
        Ok(function)
    }

    /// The ARN with which it is invoked.
    pub fn arn(&self) -> String {
        super::arn("lambda", &format!("function:{}", self.name))
    }

    pub(super) fn place(&self) -> String {
        format!("resource `{}`", self.logical_id)
    }
}

fn function_url(url: FunctionUrlProperties, place: &str) -> Result<FunctionUrl, TemplateError> {
    if url.auth_type != "NONE" {
        return Err(TemplateError::new(place, "only a function URL with AuthType NONE is served"));
    }
    Ok(FunctionUrl { invoke_mode: url.invoke_mode, cors: url.cors })
}

fn variables(
    environment: Environment,
    place: &str,
) -> Result<BTreeMap<String, String>, TemplateError> {
    environment
        .variables
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(number) => Ok((name, number.to_string())),
            Value::Bool(flag) => Ok((name, flag.to_string())),
            _ => {
                let message = format!("the environment variable `{name}` is not a text");
                Err(TemplateError::new(place, message))
            }
        })
        .collect()
}

/// Lays `overlay` over `base`, as SAM lays a function's properties over the globals.
fn merge(base: &mut Value, overlay: Value) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            for (key, value) in overlay {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, overlay) => *base = overlay,
    }
}

/// `AiGuard` as `ai-guard`.
pub(crate) fn kebab_case(logical_id: &str) -> String {
    let mut name = String::new();
    for (index, letter) in logical_id.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

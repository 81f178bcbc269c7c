//! Reads `template.yaml`, the only source of routes, tables, queues, settings and functions.
//!
//! What is deployed and what runs here cannot drift, because both come from that file. A property
//! or an intrinsic function that the local stack does not know is an error naming its place, never
//! something silently left out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::stack::STAGE;

pub use self::function::{Cors, Function, FunctionUrl, InvokeMode};
pub use self::queue::{Queue, Redrive};
pub use self::table::{Key, SecondaryIndex, Table};
pub use self::trigger::{QueueSource, Route, Schedule};

mod function;
mod queue;
mod resolve;
mod schedule;
mod table;
#[cfg(test)]
mod tests;
mod trigger;

pub(crate) use self::function::kebab_case;

/// The only region of the local stack.
pub const REGION: &str = "us-east-1";
/// The only account of the local stack, also the one its SQS and SSM answer for.
pub const ACCOUNT: &str = "123456789012";

/// What the template leaves open until it is deployed.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Prefix of every physical name, such as `saldo-local`.
    pub stack_name: String,
    /// Base URL of the endpoint that stands in for SQS, the beginning of every queue URL.
    pub aws_url: String,
    /// Values of template parameters; the others have their defaults.
    pub parameters: BTreeMap<String, String>,
}

impl Deployment {
    /// A deployment to this machine, whose queues are at `aws_url`.
    pub fn local(aws_url: &str) -> Self {
        Self {
            stack_name: format!("saldo-{STAGE}"),
            aws_url: aws_url.to_owned(),
            parameters: BTreeMap::from([("Stage".to_owned(), STAGE.to_owned())]),
        }
    }
}

/// The template with every reference resolved.
#[derive(Clone, Debug)]
pub struct Template {
    /// DynamoDB tables.
    pub tables: Vec<Table>,
    /// SQS queues, dead-letter queues among them.
    pub queues: Vec<Queue>,
    /// SSM parameters with the value that a first deployment gives them.
    pub parameters: Vec<Parameter>,
    /// Lambda functions.
    pub functions: Vec<Function>,
    /// CORS of the HTTP API, if it has any.
    pub cors: Option<Cors>,
}

/// One SSM parameter of type `String`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Full name, such as `/saldo/local/settings/CREDITS_ENABLED`.
    pub name: String,
    /// Value; empty where it comes from a template parameter that was given none.
    pub value: String,
}

/// Why a template cannot be used, with the place in it.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct TemplateError {
    place: String,
    message: String,
}

impl TemplateError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    metadata: Value,
    #[serde(default, rename = "DeletionPolicy")]
    _deletion_policy: Option<String>,
    #[serde(default, rename = "UpdateReplacePolicy")]
    _update_replace_policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ParameterProperties {
    name: String,
    #[serde(rename = "Type")]
    kind: String,
    value: String,
    #[serde(rename = "Description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiProperties {
    cors_configuration: Option<Cors>,
    #[serde(rename = "FailOnWarnings")]
    _fail_on_warnings: Option<bool>,
}

impl Template {
    /// Reads the template at `path`.
    pub fn load(path: &Path, deployment: &Deployment) -> Result<Self, TemplateError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| TemplateError::new(&place, format!("cannot be read: {error}")))?;
        Self::parse(&text, deployment)
            .map_err(|error| TemplateError::new(format!("{place}, {}", error.place), error.message))
    }

    /// Reads a template from its text.
    pub fn parse(text: &str, deployment: &Deployment) -> Result<Self, TemplateError> {
        let resolved = resolve::resolve(text, deployment)?;
        let mut template = Self {
            tables: Vec::new(),
            queues: Vec::new(),
            parameters: Vec::new(),
            functions: Vec::new(),
            cors: None,
        };
        for (logical_id, value) in resolved.resources {
            let place = format!("resource `{logical_id}`");
            let resource: Resource = read(value, &place)?;
            template.add(logical_id, resource, &resolved.function_globals, deployment, &place)?;
        }
        template.check_visibility()?;
        Ok(template)
    }

    /// The function with this name (`ai-guard`).
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The physical name of the table with this logical id.
    pub fn table_name(&self, logical_id: &str) -> Option<&str> {
        let table = self.tables.iter().find(|table| table.logical_id == logical_id)?;
        Some(&table.name)
    }

    fn add(
        &mut self,
        logical_id: String,
        resource: Resource,
        globals: &Value,
        deployment: &Deployment,
        place: &str,
    ) -> Result<(), TemplateError> {
        match resource.kind.as_str() {
            "AWS::DynamoDB::Table" => {
                let name = physical_name(deployment, &logical_id);
                self.tables.push(Table::read(logical_id, name, resource.properties, place)?);
            }
            "AWS::SQS::Queue" => {
                let name = physical_name(deployment, &logical_id);
                let url = queue_url(deployment, &name);
                let queue = Queue::read(logical_id, name, resource.properties, place)?;
                self.queues.push(Queue { url, ..queue });
            }
            "AWS::SSM::Parameter" => {
                let properties: ParameterProperties = read(resource.properties, place)?;
                if properties.kind != "String" {
                    return Err(TemplateError::new(place, "a parameter can only be a String"));
                }
                self.parameters.push(Parameter { name: properties.name, value: properties.value });
            }
            "AWS::Serverless::HttpApi" => {
                let properties: HttpApiProperties = read(resource.properties, place)?;
                self.cors = properties.cors_configuration;
            }
            "AWS::Serverless::Function" => {
                self.functions.push(Function::read(
                    logical_id,
                    resource.properties,
                    globals,
                    &resource.metadata,
                )?);
            }
            other => {
                let message = format!("the local stack has nothing that stands in for `{other}`");
                return Err(TemplateError::new(place, message));
            }
        }
        Ok(())
    }

    /// AWS refuses an event source whose messages would reappear while the function still works.
    fn check_visibility(&self) -> Result<(), TemplateError> {
        for function in &self.functions {
            for source in &function.queues {
                let Some(queue) = self.queues.iter().find(|queue| queue.arn == source.queue_arn)
                else {
                    let message = format!("`{}` is not a queue of this template", source.queue_arn);
                    return Err(TemplateError::new(function.place(), message));
                };
                if queue.visibility_seconds < function.timeout.as_secs() {
                    let message = format!(
                        "the visibility time-out of `{}` is shorter than the function's time-out",
                        queue.logical_id
                    );
                    return Err(TemplateError::new(function.place(), message));
                }
            }
        }
        Ok(())
    }
}

/// Deserialises resolved JSON; the error names the place.
fn read<T: serde::de::DeserializeOwned>(value: Value, place: &str) -> Result<T, TemplateError> {
    serde_json::from_value(value).map_err(|error| TemplateError::new(place, error.to_string()))
}

fn physical_name(deployment: &Deployment, logical_id: &str) -> String {
    format!("{}-{logical_id}", deployment.stack_name)
}

fn queue_url(deployment: &Deployment, name: &str) -> String {
    format!("{}/{ACCOUNT}/{name}", deployment.aws_url)
}

pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

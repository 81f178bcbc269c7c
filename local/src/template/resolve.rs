//! Replaces `!Ref`, `!Sub` and `!GetAtt` by what they stand for in the local stack.
//!
//! The whole template is resolved, policies and outputs too, so that a reference to nothing is
//! found here and not at the first deployment.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

use super::{ACCOUNT, Deployment, REGION, TemplateError, arn, kebab_case};
use super::{physical_name, queue_url};

/// The parts of a template that the local stack reads, as plain JSON.
pub(super) struct Resolved {
    pub(super) resources: Vec<(String, Value)>,
    pub(super) function_globals: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "AWSTemplateFormatVersion")]
    _version: String,
    #[serde(rename = "Transform")]
    _transform: String,
    #[serde(rename = "Description", default)]
    _description: String,
    #[serde(default)]
    parameters: BTreeMap<String, TemplateParameter>,
    #[serde(default)]
    globals: Globals,
    resources: serde_yaml_ng::Mapping,
    #[serde(default)]
    outputs: Yaml,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Globals {
    #[serde(default)]
    function: Yaml,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TemplateParameter {
    #[serde(rename = "Type")]
    kind: String,
    default: Option<String>,
}

struct Resolver<'a> {
    deployment: &'a Deployment,
    parameters: BTreeMap<String, TemplateParameter>,
    resource_kinds: BTreeMap<String, String>,
}

/// Parses and resolves the text of a template.
pub(super) fn resolve(text: &str, deployment: &Deployment) -> Result<Resolved, TemplateError> {
    let document: Document = serde_yaml_ng::from_str(text)
        .map_err(|error| TemplateError::new("template", error.to_string()))?;
    let mut resource_kinds = BTreeMap::new();
    for (key, value) in &document.resources {
        let (Some(name), Some(kind)) = (key.as_str(), value.get("Type").and_then(Yaml::as_str))
        else {
            return Err(TemplateError::new("resources", format!("{key:?} has no type")));
        };
        resource_kinds.insert(name.to_owned(), kind.to_owned());
    }
    let resolver = Resolver { deployment, parameters: document.parameters, resource_kinds };
    for name in deployment.parameters.keys() {
        if !resolver.parameters.contains_key(name) {
            return Err(TemplateError::new("parameters", format!("there is no `{name}`")));
        }
    }
    let mut resources = Vec::new();
    for (key, value) in document.resources {
        let name = key.as_str().unwrap_or_default().to_owned();
        let json = resolver.value(value, &format!("resource `{name}`"))?;
        resources.push((name, json));
    }
    let function_globals = resolver.value(document.globals.function, "globals")?;
    resolver.value(document.outputs, "outputs")?;
    Ok(Resolved { resources, function_globals })
}

impl Resolver<'_> {
    fn value(&self, value: Yaml, place: &str) -> Result<Value, TemplateError> {
        match value {
            Yaml::Null => Ok(Value::Null),
            Yaml::Bool(flag) => Ok(Value::Bool(flag)),
            Yaml::String(text) => Ok(Value::String(text)),
            Yaml::Number(number) => serde_json::to_value(number)
                .map_err(|error| TemplateError::new(place, error.to_string())),
            Yaml::Sequence(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.value(item, &format!("{place}[{index}]")))
                .collect(),
            Yaml::Mapping(entries) => self.mapping(entries, place),
            Yaml::Tagged(tagged) => self.intrinsic(&tagged.tag.to_string(), &tagged.value, place),
        }
    }

    fn mapping(
        &self,
        entries: serde_yaml_ng::Mapping,
        place: &str,
    ) -> Result<Value, TemplateError> {
        let mut object = Map::new();
        for (key, value) in entries {
            let Yaml::String(key) = key else {
                return Err(TemplateError::new(place, format!("{key:?} is not a name")));
            };
            if key == "Ref" || key.starts_with("Fn::") || key == "Condition" {
                let message = format!("`{key}` is not understood here, only !Ref, !Sub, !GetAtt");
                return Err(TemplateError::new(place, message));
            }
            let inner = format!("{place}.{key}");
            object.insert(key, self.value(value, &inner)?);
        }
        Ok(Value::Object(object))
    }

    fn intrinsic(&self, tag: &str, value: &Yaml, place: &str) -> Result<Value, TemplateError> {
        let text = value.as_str().ok_or_else(|| {
            TemplateError::new(place, format!("`{tag}` is understood only with a plain text"))
        })?;
        match tag {
            "!Ref" => self.reference(text, place),
            "!Sub" => self.substitute(text, place).map(Value::String),
            "!GetAtt" => self.attribute(text, place).map(Value::String),
            _ => {
                let message = format!("`{tag}` is not understood, only !Ref, !Sub and !GetAtt");
                Err(TemplateError::new(place, message))
            }
        }
    }

    fn reference(&self, name: &str, place: &str) -> Result<Value, TemplateError> {
        if let Some(parameter) = self.parameters.get(name) {
            let given = self.deployment.parameters.get(name);
            let value = given.or(parameter.default.as_ref()).cloned().unwrap_or_default();
            return Ok(match parameter.kind.as_str() {
                "CommaDelimitedList" => value.split(',').map(str::trim).collect(),
                _ => Value::String(value),
            });
        }
        let text = match name {
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => self.deployment.stack_name.clone(),
            _ => self.resource(name, place)?,
        };
        Ok(Value::String(text))
    }

    fn resource(&self, name: &str, place: &str) -> Result<String, TemplateError> {
        let physical = physical_name(self.deployment, name);
        match self.resource_kinds.get(name).map(String::as_str) {
            Some("AWS::SQS::Queue") => Ok(queue_url(self.deployment, &physical)),
            Some("AWS::Serverless::HttpApi") => Ok("local".to_owned()),
            Some("AWS::DynamoDB::Table" | "AWS::Serverless::Function") => Ok(physical),
            Some(kind) => {
                Err(TemplateError::new(place, format!("!Ref to a `{kind}` is not understood")))
            }
            None => Err(TemplateError::new(place, format!("there is no `{name}`"))),
        }
    }

    fn substitute(&self, text: &str, place: &str) -> Result<String, TemplateError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, remaining) = after
                .split_once('}')
                .ok_or_else(|| TemplateError::new(place, format!("no `}}` in `{text}`")))?;
            result.push_str(before);
            result.push_str(&self.substitution(name, place)?);
            rest = remaining;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn substitution(&self, name: &str, place: &str) -> Result<String, TemplateError> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if name.contains('.') {
            return self.attribute(name, place);
        }
        match self.reference(name, place)? {
            Value::String(text) => Ok(text),
            _ => Err(TemplateError::new(place, format!("the list `{name}` is not a text"))),
        }
    }

    fn attribute(&self, path: &str, place: &str) -> Result<String, TemplateError> {
        let unknown = || TemplateError::new(place, format!("there is no attribute `{path}`"));
        let (name, attribute) = path.split_once('.').ok_or_else(unknown)?;
        let physical = physical_name(self.deployment, name);
        let kind = self.resource_kinds.get(name).map(String::as_str);
        match (kind, attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => {
                Ok(arn("dynamodb", &format!("table/{physical}")))
            }
            (Some("AWS::DynamoDB::Table"), "StreamArn") => {
                Ok(arn("dynamodb", &format!("table/{physical}/stream/local")))
            }
            (Some("AWS::SQS::Queue"), "Arn") => Ok(arn("sqs", &physical)),
            (Some("AWS::SQS::Queue"), "QueueName") => Ok(physical),
            (Some("AWS::Serverless::Function"), "Arn") => {
                Ok(arn("lambda", &format!("function:{}", kebab_case(name))))
            }
            // SAM names the function URL's resource by the function and `Url`.
            (None, "FunctionUrl") => {
                let function = name.strip_suffix("Url").ok_or_else(unknown)?;
                if !self.resource_kinds.contains_key(function) {
                    return Err(unknown());
                }
                let host = kebab_case(function);
                Ok(format!("https://{host}.lambda-url.{REGION}.on.aws/"))
            }
            _ => Err(unknown()),
        }
    }
}

//! What stands in for AWS and for the vendors on a developer's machine; never deployed.
//!
//! One process serves everything on 127.0.0.1: DynamoDB, SQS and SSM, the Lambda Runtime API for
//! the real programs of the functions, the HTTP API, function URLs, queues and schedules as event
//! sources, an AI provider and a token mint. What there is comes from `template.yaml` only.

mod aws;
pub mod clerk;
pub mod commands;
mod dynamodb;
mod event_sources;
pub mod fault;
mod gateway;
mod invocation;
mod listener;
mod machine;
pub mod mint;
mod processes;
pub mod provider;
mod random;
mod runtime_api;
pub mod service_key;
pub mod stack;
mod template;

pub use self::aws::{Aws, AwsError};
pub use self::dynamodb::{DynamoDbError, Storage};
pub use self::invocation::Failure;
pub use self::listener::{ListenError, bind, url};
pub use self::template::{
    ACCOUNT, Cors, Deployment, Function, FunctionUrl, InvokeMode, Key, Parameter, Queue,
    QueueSource, REGION, Redrive, Route, Schedule, SecondaryIndex, Table, Template, TemplateError,
};

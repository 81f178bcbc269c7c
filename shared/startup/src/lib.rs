//! Everything a function needs from the platform it runs on, exactly once: the environment, the
//! clock, logs and metrics, one HTTP client, the AWS clients, settings that renew themselves, and
//! the loops that take requests, events and queue batches from the Lambda runtime.
//!
//! A function's `main` calls [`begin()`] once, builds what it needs from the [`Startup`] it gets,
//! and ends in [`serve()`], [`run_event`] or [`run_batch`]. Nothing here knows what a credit is.

#![warn(missing_docs)]

mod aws;
mod batch;
mod begin;
mod cached;
mod clock;
mod environment;
mod event;
mod http_client;
mod identity;
pub mod metric;
mod parameters;
mod request;
mod runtime;
mod serve;
mod telemetry;
#[cfg(test)]
mod test_server;

pub use batch::{BackOff, SqsMessage, run_batch};
pub use begin::{Startup, begin};
pub use cached::Cached;
pub use clock::Clock;
pub use environment::StartupError;
pub use event::run_event;
pub use http_client::{HttpClient, HttpError};
pub use identity::new_ulid;
pub use parameters::{Parameters, ParametersError};
pub use request::{Deadline, MalformedEvent, Origin, request_from_event};
pub use runtime::Error;
pub use serve::serve;
pub use telemetry::error_chain;

/// Any error that may cross a task: what a settings fetch or an event handler fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

//! The whole local stack: everything the template declares, running on 127.0.0.1.
//!
//! The program `local` and the journeys of the test suite start the same one.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::aws::{Aws, AwsError};
use crate::dynamodb::{DynamoDbError, Storage};
use crate::event_sources::schedule;
use crate::invocation::{Answer, Failure};
use crate::listener::{ListenError, Servers};
use crate::runtime_api::Functions;
use crate::template::{Template, TemplateError};

mod programs;
mod start;
#[cfg(test)]
mod tests;

/// The stage, part of every parameter name.
pub const STAGE: &str = "local";

/// Settings that an operator puts while it runs and that the template therefore leaves out; each
/// has a default in the code.
pub const LIVE_SETTINGS: [&str; 12] = [
    "CREDITS_ENABLED",
    "MANUAL_SYNC_ENABLED",
    "SIGNUP_CREDITS",
    "LOW_BALANCE",
    "HIGH_BALANCE",
    "HOLD_SECONDS",
    "RENEWAL_GRACE_DAYS",
    "ADMIN_CLAIM",
    "ADMIN_ORGANIZATION",
    "CLERK_RATE",
    "CLERK_JWT_KEY",
    "CLERK_JWKS_URL",
];

/// Functions that are called now and then, by few: a process of each of them costs a start of the
/// stack as much as one of those that users call all the time.
const SELDOM: [(&str, usize); 6] = [
    ("admin-adjust", 2),
    ("admin-settings", 1),
    ("admin-sync", 1),
    ("audit-ledger", 1),
    ("expire-holds", 1),
    ("retry-worker", 4),
];

/// Puts something between the functions and the database: it is given the database's address and
/// returns the URL that the functions shall use.
pub type Front = Box<dyn FnOnce(SocketAddr) -> BoxFuture<'static, io::Result<String>> + Send>;

/// What can be chosen about a stack.
pub struct Options {
    /// The template.
    pub template: PathBuf,
    /// The folder with the functions' programs, such as `target/debug`.
    pub programs: PathBuf,
    /// Where the tables are kept.
    pub storage: Storage,
    /// The folder for the functions' logs.
    pub logs: PathBuf,
    /// What stands before the database, if anything.
    pub front: Option<Front>,
    /// Settings by name (`CREDITS_ENABLED`), over the values of the template.
    pub settings: BTreeMap<String, String>,
    /// Secrets by function and name (`ai-guard/PROVIDER_KEY`).
    pub secrets: BTreeMap<String, String>,
    /// Environment variables of every function, over those of the template.
    pub environment: BTreeMap<String, String>,
    /// Time-outs by function, instead of those of the template.
    pub timeouts: BTreeMap<String, Duration>,
    /// Visibility time-outs in seconds by logical id of the queue (`SettleQueue`), instead of those
    /// of the template.
    pub visibility_seconds: BTreeMap<String, u64>,
    /// Processes of each function: the most invocations of it that run at once.
    pub processes: usize,
    /// Functions that get no more processes than this, whatever `processes` says.
    pub processes_max: BTreeMap<String, usize>,
    /// Port of the HTTP API; 0 takes a free one.
    pub port: u16,
    /// Port of the first function URL, the next ones follow; 0 takes free ones.
    pub function_url_port: u16,
    /// Whether schedules run by themselves.
    pub schedules: bool,
    /// Whether tables keep the streams of their changes. The emulator looks through a whole stream
    /// at every write, which a table with 100,000 entries cannot bear.
    pub streams: bool,
    /// Whether the functions are left to somebody else, such as `cargo lambda watch`: no process,
    /// route, function URL or event source of theirs is started.
    pub aws_only: bool,
}

impl Options {
    /// A stack in memory, on free ports, without schedules, with four processes of a function, and
    /// fewer where one is seldom called.
    pub fn new(
        template: impl Into<PathBuf>,
        programs: impl Into<PathBuf>,
        logs: impl Into<PathBuf>,
    ) -> Self {
        Self {
            template: template.into(),
            programs: programs.into(),
            storage: Storage::Memory,
            logs: logs.into(),
            front: None,
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            environment: BTreeMap::new(),
            timeouts: BTreeMap::new(),
            visibility_seconds: BTreeMap::new(),
            processes: 4,
            processes_max: SELDOM.map(|(name, most)| (name.to_owned(), most)).into(),
            port: 0,
            function_url_port: 0,
            schedules: false,
            streams: true,
            aws_only: false,
        }
    }
}

/// Why a stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A port cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is no database.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// A queue or a parameter could not be made.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A required setting has no value.
    #[error("the setting `{0}` has no value: give it one with --set {0}=VALUE")]
    NoValue(String),
    /// No function reads a setting of that name.
    #[error("there is no setting `{name}`; there are {known}")]
    NoSetting {
        /// The name given.
        name: String,
        /// All that there are.
        known: String,
    },
    /// An option names a function that the template does not have.
    #[error("template.yaml has no function `{0}`")]
    NoFunction(String),
    /// An option names a queue that the template does not have.
    #[error("template.yaml has no queue `{0}`")]
    NoQueue(String),
    /// A program is missing.
    #[error("the program of `{function}` is not at {path}: build it with `cargo build --bins`")]
    NoProgram {
        /// Name of the function.
        function: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A function crashes whenever it is started.
    #[error("function `{function}` does not start: it {reason}")]
    Broken {
        /// Name of the function.
        function: String,
        /// How it ended, with its last lines.
        reason: String,
    },
    /// A function does not ask for work.
    #[error("function `{0}` does not ask for work: see its log")]
    NotReady(String),
    /// The system refused something.
    #[error("{what} cannot be used: {source}")]
    Io {
        /// What was wanted.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// An invocation without a usable answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The template has no such function or schedule.
    #[error("template.yaml has no {0}")]
    Unknown(String),
    /// The function failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The answer is not JSON.
    #[error("the answer is not JSON")]
    NotJson,
}

/// A running stack. Dropping it kills the functions; [`Stack::shutdown`] ends them in order.
pub struct Stack {
    /// Base URL of the HTTP API; empty where the functions were left to somebody else.
    pub http_api_url: String,
    /// Base URLs of the function URLs, by function (`ai-guard`).
    pub function_urls: BTreeMap<String, String>,
    /// URL of the database, without anything that stands before it.
    pub dynamodb_url: String,
    /// URL of SQS and SSM.
    pub aws_url: String,
    /// SQS and SSM in process.
    pub aws: Aws,
    /// The template as it was resolved, with the names of tables and queues.
    pub template: Template,
    /// Folder with the functions' logs.
    pub logs: PathBuf,
    functions: Functions,
    servers: Servers,
}

impl Stack {
    /// Starts everything and waits until each function asks for work.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        start::start(options).await
    }

    /// Path under which settings have their names, such as `/saldo/local/settings`.
    pub fn settings_path() -> String {
        format!("/saldo/{STAGE}/settings")
    }

    /// Whether a setting of that name is read by any function of `template`.
    pub fn check_setting(template: &Template, name: &str) -> Result<(), StackError> {
        let prefix = format!("{}/", Self::settings_path());
        let declared = template.parameters.iter();
        let declared = declared.filter_map(|parameter| parameter.name.strip_prefix(&prefix));
        let known: Vec<&str> = LIVE_SETTINGS.into_iter().chain(declared).collect();
        if known.contains(&name) {
            return Ok(());
        }
        Err(StackError::NoSetting { name: name.to_owned(), known: known.join(", ") })
    }

    /// Changes a setting (`CREDITS_ENABLED`), as an operator would; functions read it within 60 s.
    pub async fn put_setting(&self, name: &str, value: &str) -> Result<(), AwsError> {
        let name = format!("{}/{name}", Self::settings_path());
        self.aws.put_parameter(&crate::template::Parameter { name, value: value.into() }).await
    }

    /// The physical name of a table, by logical id (`LedgerTable`).
    pub fn table(&self, logical_id: &str) -> Result<&str, InvokeError> {
        self.template
            .table_name(logical_id)
            .ok_or_else(|| InvokeError::Unknown(format!("table `{logical_id}`")))
    }

    /// The URL of a queue, by logical id (`SettleQueue`).
    pub fn queue_url(&self, logical_id: &str) -> Result<&str, InvokeError> {
        let queue = self.template.queues.iter().find(|queue| queue.logical_id == logical_id);
        match queue {
            Some(queue) => Ok(&queue.url),
            None => Err(InvokeError::Unknown(format!("queue `{logical_id}`"))),
        }
    }

    /// The environment variables that the template gives to functions, but for those that are a
    /// function's own, such as the path of its secrets: their values end in its name.
    pub fn shared_variables(&self) -> BTreeMap<&str, &str> {
        let functions = self.template.functions.iter();
        let variables = functions.flat_map(|function| {
            let shared = |(_, value): &(&String, &String)| !value.ends_with(&function.name);
            function.environment.iter().filter(shared)
        });
        variables.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Invokes a function (`expire-holds`) and waits for its answer.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, InvokeError> {
        let invocations = self
            .functions
            .get(function)
            .ok_or_else(|| InvokeError::Unknown(format!("function `{function}`")))?;
        match invocations.invoke(Bytes::from(payload.to_string())).await {
            Answer::Buffered(answer) => {
                serde_json::from_slice(&answer).map_err(|_| InvokeError::NotJson)
            }
            Answer::Streamed(_) => Err(InvokeError::NotJson),
            Answer::Failed(failure) => Err(failure.into()),
        }
    }

    /// Invokes a function as its first schedule does, as if it were `time`.
    pub async fn fire_schedule(
        &self,
        function: &str,
        time: Timestamp,
    ) -> Result<Value, InvokeError> {
        let declared = self.template.function(function);
        let first = declared
            .and_then(|function| function.schedules.first())
            .ok_or_else(|| InvokeError::Unknown(format!("schedule of `{function}`")))?;
        self.invoke(function, &schedule::event(first, time)).await
    }

    /// Kills every process of every function with SIGKILL and waits until they are gone. They are
    /// started again, as after any crash.
    pub async fn kill_functions(&self) {
        for invocations in self.functions.values() {
            invocations.kill_workers().await;
        }
    }

    /// As [`Stack::kill_functions`], for the processes of one function (`retry-worker`).
    pub async fn kill_function(&self, function: &str) {
        if let Some(invocations) = self.functions.get(function) {
            invocations.kill_workers().await;
        }
    }

    /// Ends the functions, then everything else.
    pub async fn shutdown(self) {
        self.servers.shutdown().await;
    }
}

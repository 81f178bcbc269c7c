//! The programs of the functions: found, given their environment, started, waited for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::StackError;
use crate::invocation::Invocations;
use crate::listener::Servers;
use crate::machine;
use crate::processes::{self, Log, Program};
use crate::runtime_api::Functions;
use crate::template::{Function, REGION, Template};

/// How long a function may take to ask for work; a debug build on a busy machine is slow.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Variables of the developer's shell that processes see; everything else is as on AWS.
const INHERITED: [&str; 3] = ["PATH", "RUST_BACKTRACE", "RUST_LOG"];

/// What the processes of all functions have in common.
pub(super) struct Programs<'a> {
    pub(super) folder: &'a Path,
    pub(super) logs: &'a Path,
    /// Variables that go before those of the template.
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) aws_url: &'a str,
    /// The database, or what stands before it.
    pub(super) dynamodb_url: &'a str,
    pub(super) runtime_url: &'a str,
    /// Processes of each function, and the most of some.
    pub(super) count: usize,
    pub(super) count_max: &'a BTreeMap<String, usize>,
}

impl Programs<'_> {
    /// Starts the processes of all functions and waits until each function asks for work.
    pub(super) async fn run(
        &self,
        functions: &Functions,
        servers: &mut Servers,
    ) -> Result<(), StackError> {
        let mut broken = Vec::new();
        for invocations in functions.values() {
            broken.push(self.start(invocations, servers)?);
        }
        for (invocations, broken) in functions.values().zip(broken) {
            wait_until_ready(invocations, broken).await?;
        }
        Ok(())
    }

    /// Starts the processes of a function; the receiver learns why none comes up.
    fn start(
        &self,
        invocations: &Arc<Invocations>,
        servers: &mut Servers,
    ) -> Result<watch::Receiver<Option<String>>, StackError> {
        let function = &invocations.function;
        let log = Log::open(self.logs, &function.name).map_err(|source| StackError::Io {
            what: format!("the folder {}", self.logs.display()),
            source,
        })?;
        let program = Arc::new(Program {
            invocations: Arc::clone(invocations),
            path: self.folder.join(&function.name),
            environment: self.variables(function),
            runtime_url: self.runtime_url.to_owned(),
            log: Arc::new(log),
            broken: watch::Sender::new(None),
        });
        let most = self.count_max.get(&function.name).copied().unwrap_or(usize::MAX);
        for _ in 0..self.count.min(most) {
            // The process dies with the future that watches it.
            servers.spawn_until_stopped(processes::supervise(Arc::clone(&program)));
        }
        Ok(program.broken.subscribe())
    }

    /// The environment that Lambda gives a function, with the endpoints of the local stack.
    fn variables(&self, function: &Function) -> BTreeMap<String, String> {
        let memory = function.memory_mb.to_string();
        let log_group = format!("/aws/lambda/{}", function.name);
        let given = [
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_SESSION_TOKEN", "local"),
            ("AWS_ENDPOINT_URL", self.aws_url),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb_url),
            ("TZ", ":UTC"),
        ];
        let mut variables: BTreeMap<String, String> = INHERITED
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), machine::variable(name)?)))
            .collect();
        variables.extend(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
        variables.extend(function.environment.clone());
        variables.extend(self.environment.clone());
        variables
    }
}

async fn wait_until_ready(
    invocations: &Invocations,
    mut broken: watch::Receiver<Option<String>>,
) -> Result<(), StackError> {
    let function = invocations.function.name.clone();
    let reason = async {
        match broken.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = invocations.ready() => Ok(()),
        reason = reason => Err(StackError::Broken { function, reason }),
        () = tokio::time::sleep(READY_WITHIN) => Err(StackError::NotReady(function)),
    }
}

/// Checks that every program is there before anything is started.
pub(super) fn check(template: &Template, folder: &Path) -> Result<(), StackError> {
    for function in &template.functions {
        let path = folder.join(&function.name);
        if !path.is_file() {
            return Err(StackError::NoProgram { function: function.name.clone(), path });
        }
    }
    Ok(())
}

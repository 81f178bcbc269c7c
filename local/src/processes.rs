//! The processes of each function: started, watched, started again, ended with the stack.
//!
//! Each has a process group of its own, so that Ctrl-C in the terminal reaches the stack only,
//! which then ends them in order. When the stack itself is killed, a process ends by itself once
//! it asks the Runtime API for work and nobody answers.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::invocation::{Invocations, Life, WorkerId};
use crate::runtime_api;

/// A process that lives at least this long has not crashed at once.
const HEALTHY_AFTER: Duration = Duration::from_secs(5);
/// Pause before the second try of a process that crashed at once; doubled for each further one.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// After so many crashes at once, without one process that asked for work, the function is broken.
const BROKEN_AFTER: u32 = 3;
/// Lines of a process that are shown when it crashes.
const LINES_SHOWN: usize = 10;

/// How the processes of one function are started.
pub(crate) struct Program {
    pub(crate) invocations: Arc<Invocations>,
    /// Path of the program.
    pub(crate) path: PathBuf,
    /// Environment, complete but for the Runtime API.
    pub(crate) environment: BTreeMap<String, String>,
    /// Base URL of the Runtime API.
    pub(crate) runtime_url: String,
    /// Where its output goes.
    pub(crate) log: Arc<Log>,
    /// Why no process comes up, once that is so.
    pub(crate) broken: watch::Sender<Option<String>>,
}

/// The log file of a function.
pub(crate) struct Log {
    file: Mutex<File>,
    pub(crate) path: PathBuf,
}

/// Numbers processes over all stacks of this process.
static NEXT_WORKER: AtomicU64 = AtomicU64::new(1);

impl Log {
    /// Opens the log of a function; what it had before is kept.
    pub(crate) fn open(folder: &Path, function: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{function}.log"));
        let file = File::options().create(true).append(true).open(&path)?;
        Ok(Self { file: Mutex::new(file), path })
    }

    fn line(&self, line: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end the stack.
        drop(writeln!(file, "{line}"));
    }
}

/// The last lines of one process.
#[derive(Default)]
struct Tail {
    lines: Mutex<VecDeque<String>>,
}

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_SHOWN {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().flat_map(|line| ["  | ", line.as_str(), "\n"]).collect()
    }
}

/// How a process ended.
enum Ended {
    /// By itself: how, and its last lines.
    Crashed { how: String, tail: String },
    /// Because it was told to.
    Killed,
}

/// Keeps one process of a function running; never returns.
pub(crate) async fn supervise(program: Arc<Program>) {
    let mut crashes: u32 = 0;
    loop {
        let started = Instant::now();
        match run(&program).await {
            Ended::Killed => crashes = 0,
            Ended::Crashed { how, tail } => {
                crashes = if started.elapsed() < HEALTHY_AFTER { crashes + 1 } else { 1 };
                let pause = pause(crashes);
                if program.invocations.is_ready() {
                    report(&program, &how, pause);
                    eprint!("{tail}");
                } else if crashes >= BROKEN_AFTER {
                    // Whoever waits for the function says so, once for all its processes.
                    program.broken.send_replace(Some(format!("{how}\n{tail}")));
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn report(program: &Program, how: &str, pause: Duration) {
    let when = match pause.as_millis() {
        0 => "is started again".to_owned(),
        pause_ms => format!("will be started again in {pause_ms} ms"),
    };
    let function = &program.invocations.function.name;
    let log = program.log.path.display();
    eprintln!("function `{function}` {how} and {when}; its log is {log}");
}

fn pause(crashes: u32) -> Duration {
    match crashes {
        0 | 1 => Duration::ZERO,
        more => PAUSE_FIRST.saturating_mul(1 << (more - 2).min(10)).min(PAUSE_MAX),
    }
}

/// Runs one process until it ends.
async fn run(program: &Program) -> Ended {
    let worker = NEXT_WORKER.fetch_add(1, Ordering::Relaxed);
    let mut life = program.invocations.worker(worker);
    let ended = match start(program, worker) {
        Err(error) => Ended::Crashed {
            how: format!("cannot be started from {}: {error}", program.path.display()),
            tail: String::new(),
        },
        Ok(mut child) => {
            let tail = Arc::new(Tail::default());
            let readers = (
                follow(child.stdout.take(), program, &tail),
                follow(child.stderr.take(), program, &tail),
            );
            let doomed = async { drop(life.wait_for(|life| *life != Life::Working).await) };
            tokio::select! {
                status = child.wait() => {
                    // What it said last may still be in the pipes.
                    drop(tokio::join!(readers.0, readers.1));
                    Ended::Crashed { how: describe(status), tail: tail.text() }
                }
                () = doomed => {
                    // An error means that it has ended already.
                    drop(child.kill().await);
                    Ended::Killed
                }
            }
        }
    };
    program.invocations.worker_gone(worker);
    ended
}

fn start(program: &Program, worker: WorkerId) -> std::io::Result<Child> {
    let function = &program.invocations.function.name;
    let endpoint = runtime_api::endpoint(&program.runtime_url, function, worker);
    Command::new(&program.path)
        .env_clear()
        .envs(&program.environment)
        .env("AWS_LAMBDA_RUNTIME_API", endpoint)
        .env("AWS_LAMBDA_LOG_STREAM_NAME", worker.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Copies the lines of a pipe to the log.
fn follow(
    pipe: Option<impl AsyncRead + Unpin + Send + 'static>,
    program: &Program,
    tail: &Arc<Tail>,
) -> tokio::task::JoinHandle<()> {
    let (log, tail) = (Arc::clone(&program.log), Arc::clone(tail));
    tokio::spawn(async move {
        let Some(pipe) = pipe else {
            return;
        };
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.line(&line);
            tail.push(line);
        }
    })
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended by itself ({status})"),
        Err(error) => format!("cannot be watched: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_each_crash_up_to_a_limit() {
        let pauses_ms = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(|crashes| pause(crashes).as_millis());
        let expected = [0, 0, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000];
        assert_eq!(pauses_ms, expected);
    }
}

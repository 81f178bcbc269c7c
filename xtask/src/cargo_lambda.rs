//! Every function under `cargo lambda watch`, beside a local stack that has none: each is invoked
//! with its example events and through its routes, as the README says.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{Failure, clients, step, up};

/// Each example event, its function, and what the answer must have in it.
const EVENTS: [(&str, &str, &str); 31] = [
    ("ai-guard-chat", "ai-guard", "\"x-credits-charged\":\"1\""),
    ("ai-guard-hold", "ai-guard", "\"statusCode\":201"),
    ("ai-guard-image", "ai-guard", "\"x-credits-charged\":\"10\""),
    // The holds that these two are to end were never placed.
    ("ai-guard-release", "ai-guard", "\"statusCode\":404"),
    ("ai-guard-settle", "ai-guard", "\"statusCode\":404"),
    ("ai-guard-stream", "ai-guard", "data: [DONE]"),
    ("credits-me-balance", "credits-me", "creditsRemaining"),
    ("credits-me-history", "credits-me", "\"statusCode\":200"),
    ("credits-me-holds", "credits-me", "\"statusCode\":200"),
    ("credits-me-settings", "credits-me", "\"statusCode\":200"),
    ("expire-holds", "expire-holds", "\"failed\":0"),
    // The users come first: then there is somebody to be shown and adjusted.
    ("admin-sync-start", "admin-sync", "\\\"complete\\\":true"),
    ("admin-sync-runs", "admin-sync", "\"statusCode\":200"),
    ("admin-adjust-credits", "admin-adjust", "\\\"metadataSynced\\\":true"),
    ("admin-adjust-set", "admin-adjust", "\"statusCode\":200"),
    ("admin-adjust-grant", "admin-adjust", "\"statusCode\":200"),
    ("admin-adjust-user", "admin-adjust", "\"statusCode\":200"),
    ("admin-adjust-users", "admin-adjust", "\"statusCode\":200"),
    ("admin-adjust-entries", "admin-adjust", "\"statusCode\":200"),
    ("admin-adjust-freeze", "admin-adjust", "\"statusCode\":200"),
    ("admin-adjust-unfreeze", "admin-adjust", "\"statusCode\":200"),
    // The call it is to give back was never made.
    ("admin-adjust-refund", "admin-adjust", "\"statusCode\":404"),
    ("admin-adjust-operations", "admin-adjust", "\"statusCode\":200"),
    ("admin-settings-plans", "admin-settings", "\"statusCode\":200"),
    ("admin-settings-price-book", "admin-settings", "\"statusCode\":200"),
    ("admin-settings-reports", "admin-settings", "\"statusCode\":200"),
    ("admin-settings-settings", "admin-settings", "\"statusCode\":200"),
    ("audit-ledger", "audit-ledger", "{"),
    ("retry-worker-project", "retry-worker", "{\"batchItemFailures\":[]}"),
    ("retry-worker-settle", "retry-worker", "{\"batchItemFailures\":[]}"),
    ("retry-worker-sync", "retry-worker", "{\"batchItemFailures\":[]}"),
];

/// A request through a route, and what the answer must have in it.
const ROUTES: [(&str, &str, &str); 5] = [
    ("POST /v1/chat/completions", CHAT, "x-credits-charged: 1\r\n"),
    ("POST /lambda-url/ai-guard/v1/chat/completions", CHAT, "x-credits-charged: 1\r\n"),
    ("GET /api/credits/me", "", "\"creditsRemaining\":"),
    // A user's token, not an admin's, by way of a path that has two methods.
    ("GET /api/admin/plans", "", "HTTP/1.1 403"),
    ("GET /api/plans", "", "HTTP/1.1 200"),
];

const CHAT: &str = r#"{"model":"stand-in-1","messages":[{"role":"user","content":"Hello"}]}"#;

/// What `cargo lambda watch` and the functions say, in the folder of the check.
const LOG: &str = "watch.log";

/// Many times what anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs all of it.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    step::run(&mut step::cargo(&workspace.root, &up::BUILD))?;
    // What `cargo lambda` runs is then there already. It runs one package at a time, which has fewer
    // features than all of them together, and nobody waits minutes for the answer to an event.
    let functions: BTreeSet<&str> = EVENTS.iter().map(|(_, function, _)| *function).collect();
    for function in functions {
        step::run(&mut step::cargo(&workspace.root, &["build", "--bin", function]))?;
    }
    let bin = clients::install_cargo_lambda(workspace)?;
    let folder = workspace.target.join("cargo-lambda");
    prepare(workspace, &folder)?;
    let _stack = start_stack(workspace, &folder)?;
    let (_watch, port) = start_watch(workspace, &bin, &folder)?;
    for (event, function, expected) in EVENTS {
        let file = folder.join("target/events").join(event).with_extension("json");
        let mut invoke = cargo_lambda(workspace, &bin, &["invoke", "--invoke-address"]);
        invoke.arg("127.0.0.1").args(["--invoke-port", &port.to_string(), function]);
        let answer = answer_of(invoke.arg("--data-file").arg(file));
        let answer = answer.ok_or_else(|| unanswered(event, &folder))?;
        expect(event, &answer, expected)?;
    }
    let token = variable(&folder, "SALDO_USER_TOKEN")?;
    for (request, body, expected) in ROUTES {
        let answer = request_of(port, request, &token, body);
        let answer = answer.map_err(|_| unanswered(request, &folder))?;
        expect(request, &answer, expected)?;
    }
    let (events, routes) = (EVENTS.len(), ROUTES.len());
    step::say(&format!("{events} events and {routes} requests were answered as they should be"));
    Ok(())
}

/// A folder with what `local` reads, so that a stack of the developer's own is left alone.
fn prepare(workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
    let failed = |error| format!("`{}` cannot be made: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder.join("events")).map_err(failed)?;
    for file in workspace.files("events")? {
        let name = file.path.trim_start_matches("events/").trim_end_matches(".json");
        if !EVENTS.iter().any(|(event, ..)| *event == name) {
            return Err(format!("`{}` is not among the events that are tried", file.path));
        }
        fs::write(folder.join(&file.path), file.text).map_err(failed)?;
    }
    fs::write(folder.join("template.yaml"), workspace.read("template.yaml")?).map_err(failed)
}

/// A program that runs beside this one, and is asked to end when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.0.kill());
        }
        drop(self.0.wait());
    }
}

fn start_stack(workspace: &Workspace, folder: &Path) -> Result<Running, Failure> {
    let mut up = Command::new(workspace.binary("local"));
    up.args(["up", "--aws-only", "--port", "0"]).current_dir(folder).stdout(Stdio::piped());
    let mut child = step::spawn(&mut up)?;
    let output = child.stdout.take();
    let running = Running(child);
    let mut lines = output.into_iter().flat_map(|output| BufReader::new(output).lines()).flatten();
    if lines.by_ref().any(|line| line.starts_with("Ctrl-C")) {
        return Ok(running);
    }
    Err("the local stack does not start".to_owned())
}

/// Starts `cargo lambda watch` on a port of its own, and waits until it listens.
fn start_watch(
    workspace: &Workspace,
    bin: &Path,
    folder: &Path,
) -> Result<(Running, u16), Failure> {
    let port = free_port().ok_or("there is no free port")?;
    let log_path = folder.join(LOG);
    let failed = |error| format!("`{}` cannot be written: {error}", log_path.display());
    let log = fs::File::create(&log_path).map_err(failed)?;
    let mut watch = cargo_lambda(workspace, bin, &["watch", "-A", "127.0.0.1", "--ignore-changes"]);
    watch.args(["--invoke-port", &port.to_string(), "--env-file"]);
    watch.arg(folder.join("target/local.env")).stdin(Stdio::null());
    watch.stdout(log.try_clone().map_err(failed)?).stderr(log);
    let mut running = Running(step::spawn(&mut watch)?);
    let listens = eventually(|| {
        let ended = !matches!(running.0.try_wait(), Ok(None));
        let listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
        (ended || listens).then_some(listens)
    });
    if listens == Some(true) {
        return Ok((running, port));
    }
    Err(unanswered("a connection", folder))
}

/// What a program prints until it ends, which it has to do in time: `watch` keeps waiting whoever
/// invokes a function that does not start.
fn answer_of(command: &mut Command) -> Option<String> {
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    let output = child.stdout.take()?;
    let reader = std::thread::spawn(move || std::io::read_to_string(output));
    let mut running = Running(child);
    eventually(|| running.0.try_wait().ok()?)?;
    reader.join().ok()?.ok()
}

/// What `look` finds, asked until it finds something or patience ends.
#[expect(clippy::disallowed_methods, reason = "there is no runtime here that could be stopped")]
fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn unanswered(what: &str, folder: &Path) -> Failure {
    let said = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    format!("`{what}` has no answer; `cargo lambda watch` says:\n{said}")
}

/// A port below those that the system hands out by itself, so that no other test is given it
/// before it is used.
fn free_port() -> Option<u16> {
    let first = u16::try_from(std::process::id() % 10_000).ok()?.checked_add(20_000)?;
    (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

#[expect(clippy::disallowed_methods, reason = "the path is handed on to a program")]
fn cargo_lambda(workspace: &Workspace, bin: &Path, arguments: &[&str]) -> Command {
    let mut command = step::cargo(&workspace.root, &["lambda"]);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&paths));
    // It fails for a folder with a colon in its name, which cargo would refuse before.
    command.args(arguments).env("PATH", std::env::join_paths(paths).unwrap_or_default());
    command
}

/// A variable of the stack in `folder`.
fn variable(folder: &Path, name: &str) -> Result<String, Failure> {
    let text = fs::read_to_string(folder.join("target/local.env"));
    let text = text.map_err(|error| format!("target/local.env cannot be read: {error}"))?;
    let start = format!("export {name}=");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    value.map(str::to_owned).ok_or_else(|| format!("target/local.env has no `{name}`"))
}

/// The whole answer to a request such as `GET /path`, head and body.
fn request_of(port: u16, request: &str, token: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer \
         {token}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn expect(what: &str, answer: &str, expected: &str) -> Result<(), Failure> {
    if answer.contains(expected) {
        return Ok(());
    }
    Err(format!("`{what}` was not answered with `{expected}` but with:\n{answer}"))
}

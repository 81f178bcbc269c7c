//! Running other programs, and saying what is going on.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command};

use crate::Failure;

/// One line for whoever ran the command.
#[expect(clippy::print_stdout, reason = "this is a command-line program")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// `cargo` in the root of the workspace.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(arguments);
    command
}

/// Starts a program; a missing one is said as such.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound if program == "cargo" => {
            "cargo is not on the path: install Rust from https://rustup.rs and try again".to_owned()
        }
        _ => format!("`{program}` cannot be started: {error}"),
    })
}

/// Runs a program with this program's own output.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    let status = spawn(command)?.wait().map_err(|error| format!("`{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed")) }
}

/// The standard output of a program.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let line = shown(command);
    let child = spawn(command.stdout(std::process::Stdio::piped()))?;
    let output = child.wait_with_output().map_err(|error| format!("`{line}`: {error}"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("`{line}` failed")) }
}

fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

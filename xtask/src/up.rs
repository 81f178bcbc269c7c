//! `up`, `set` and `verify`: build the local stack, and hand over to it.

use std::path::Path;
use std::process::Command;

use crate::workspace::Workspace;
use crate::{Failure, step};

/// Builds the functions and the local stack, and becomes the local stack.
pub(crate) fn up(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    step::say("building the functions and the local stack: the first time takes minutes");
    step::run(&mut step::cargo(&workspace.root, &BUILD))?;
    become_program(&workspace.binary("local"), &workspace.root, "up", arguments)
}

/// Hands `set …` or `verify …` on to the local stack's own program.
pub(crate) fn forward(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        return Ok(());
    };
    let program = workspace.binary("local");
    if !program.exists() {
        return Err("the local stack is not built yet: run `cargo xtask up` first".to_owned());
    }
    become_program(&program, &workspace.root, command, rest)
}

/// What is built for development. The tests build the same set, so that nothing is built twice
/// for another choice of features. This program itself is left out: it is running.
pub(crate) const BUILD: [&str; 5] = ["build", "--workspace", "--exclude", "xtask", "--bins"];

/// Replaces this process, so that Ctrl-C, and any other signal, reaches the stack once and
/// nothing is left in between that could end before it.
#[cfg(unix)]
fn become_program(
    program: &Path,
    root: &Path,
    command: &str,
    arguments: &[String],
) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;

    let error = Command::new(program).arg(command).args(arguments).current_dir(root).exec();
    Err(format!("`{}` cannot be started: {error}", program.display()))
}

#[cfg(not(unix))]
fn become_program(
    program: &Path,
    root: &Path,
    command: &str,
    arguments: &[String],
) -> Result<(), Failure> {
    step::run(Command::new(program).arg(command).args(arguments).current_dir(root))
}

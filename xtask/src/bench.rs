//! `bench`: builds what a benchmark measures, and runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;
use crate::{Failure, step};

/// The profile of the benchmark itself: fast code, built quickly.
const PROFILE: &str = "bench-tools";

/// Builds the functions as they are deployed and the benchmark, and runs it.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let functions = workspace.functions();
    let what = arguments.first().map_or("", String::as_str);
    let asks = arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    let defaults = workspace.target.join("bench-defaults");
    if matches!(what, "cold-start" | "guard" | "sync") && !asks {
        step::say("building for release: the first time takes minutes");
        step::run(&mut build(workspace, &functions))?;
        if what == "cold-start" {
            // By itself, so that no feature a function asks for is built into it.
            step::run(&mut build(workspace, &["empty-function"]))?;
            build_defaults(workspace, &functions, &defaults)?;
        }
    }
    let build = ["build", "--locked", "--package", "bench", "--profile", PROFILE];
    step::run(&mut step::cargo(&workspace.root, &build))?;
    let program = workspace.target.join(PROFILE).join("bench");
    let mut command = Command::new(program);
    command.current_dir(&workspace.root).args(arguments);
    if matches!(what, "cold-start" | "guard" | "sync") {
        let release = |target: &Path| target.join("release");
        let folders: [(&str, PathBuf); 3] = [
            ("--root", workspace.root.clone()),
            ("--functions", release(&workspace.target)),
            ("--defaults", release(&defaults)),
        ];
        for (option, folder) in folders {
            command.arg(option).arg(folder);
        }
    }
    step::run(&mut command)
}

/// The functions with everything the AWS SDK brings when it is not told otherwise: its chain of
/// configuration, its own HTTP and TLS stacks, the system's certificates, and the entropy source
/// of its TLS library.
fn build_defaults(workspace: &Workspace, functions: &[&str], target: &Path) -> Result<(), Failure> {
    let mut build = build(workspace, functions);
    build.args(["--package", "startup", "--features", "startup/sdk-defaults", "--target-dir"]);
    step::run(build.arg(target).env("AWS_LC_SYS_NO_JITTER_ENTROPY", "0"))
}

fn build(workspace: &Workspace, packages: &[&str]) -> Command {
    let mut build = step::cargo(&workspace.root, &["build", "--release", "--locked", "--bins"]);
    for package in packages {
        build.args(["--package", package]);
    }
    build
}

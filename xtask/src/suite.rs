//! `test`: everything that has to pass, in steps that get slower; the first failure ends it.

use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{Failure, cargo_lambda, clients, release, step, tidy, up};

/// A step: what it is called, and what it does.
type Step = (&'static str, fn(&Workspace) -> Result<(), Failure>);

const STEPS: [Step; 9] = [
    ("format", |workspace| cargo(workspace, &["fmt", "--all", "--check"])),
    ("lints", |workspace| {
        let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        cargo(workspace, &lints)
    }),
    ("tidy", tidy::tidy),
    ("build", |workspace| cargo(workspace, &[up::BUILD.as_slice(), &["--locked"]].concat())),
    ("clients", clients::install),
    ("tests", |workspace| cargo(workspace, &["test", "--workspace", "--locked"])),
    ("cargo lambda", cargo_lambda::check),
    ("docs", |workspace| {
        let docs = ["doc", "--workspace", "--no-deps", "--locked"];
        step::run(step::cargo(&workspace.root, &docs).env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("release check", release::check),
];

/// Runs every step.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    let start = Instant::now();
    let mut summary = Vec::new();
    for (number, (name, run)) in (1..).zip(STEPS) {
        let step_start = Instant::now();
        step::say(&format!("\n[{number}/{}] {name}", STEPS.len()));
        run(workspace).map_err(|failure| {
            format!("step {number} of {}, {name}, did not pass: {failure}", STEPS.len())
        })?;
        summary.push(format!("  ok  {name:<14} {}", shown(step_start.elapsed())));
    }
    step::say(&format!("\nall {} steps passed in {}", STEPS.len(), shown(start.elapsed())));
    step::say(&summary.join("\n"));
    Ok(())
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    step::run(&mut step::cargo(&workspace.root, arguments))
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

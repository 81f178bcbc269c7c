//! `release-check`: what got linked into the functions, which decides how fast they start.

mod jitter;
mod profile;
mod size;
mod stacks;

use std::path::PathBuf;

use serde_json::Value;

use crate::workspace::Workspace;
use crate::{Failure, step};

/// Builds the functions as they are deployed, and checks them.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    profile::check(&workspace.read("Cargo.toml")?)?;
    step::say("the release profile is as required");
    let functions = workspace.functions();
    stacks::check(&workspace.root, &functions)?;
    step::say("one HTTP and one TLS stack are in the functions");
    let built = build(workspace, &functions)?;
    jitter::check(&built.aws_lc_folders)?;
    step::say("no jitter entropy is linked into aws-lc");
    size::check(&built.binaries)
}

#[derive(Default)]
struct Built {
    /// Where the build script of aws-lc put its library: that of this very build.
    aws_lc_folders: Vec<PathBuf>,
    binaries: Vec<PathBuf>,
}

fn build(workspace: &Workspace, functions: &[&str]) -> Result<Built, Failure> {
    let mut arguments = vec!["build", "--release", "--locked", "--bins"];
    arguments.push("--message-format=json-render-diagnostics");
    for function in functions {
        arguments.extend(["--package", function]);
    }
    let messages = step::output(&mut step::cargo(&workspace.root, &arguments))?;
    let mut built = Built::default();
    for line in String::from_utf8_lossy(&messages).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |name| message.get(name).and_then(Value::as_str);
        let is_aws_lc = text("package_id").is_some_and(|id| id.contains("aws-lc-"));
        if let Some(folder) = text("out_dir").filter(|_| is_aws_lc) {
            built.aws_lc_folders.push(folder.into());
        }
        if let Some(binary) = text("executable").map(PathBuf::from) {
            built.binaries.push(binary);
        }
    }
    if built.binaries.len() != functions.len() {
        return Err(format!(
            "{} of {} functions were built",
            built.binaries.len(),
            functions.len()
        ));
    }
    Ok(built)
}

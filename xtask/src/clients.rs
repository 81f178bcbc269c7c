//! `clients`: the SDKs of others that the tests run, exactly as their lock files say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;
use crate::{Failure, step};

/// Where the scripts and their lock files are.
const SCRIPTS: &str = "tests/clients";

/// What says which packages of npm there are, and how they are installed.
const NPM_FILES: [&str; 3] = [".npmrc", "package-lock.json", "package.json"];

const REQUIREMENTS: &str = "requirements.txt";

/// Apart from the SDK: what it says it needs is a compiler of 400 MB for other machines.
const CARGO_LAMBDA: &str = "cargo-lambda.txt";

/// The oldest versions that the scripts run on.
const NODE_MIN: u32 = 20;
const PYTHON_MIN: u32 = 10;

const NO_NODE: &str =
    "the tests run SDKs on Node: install Node 20 or newer from https://nodejs.org";
const NO_PYTHON: &str = "the tests run an SDK on Python: install Python 3.10 or newer as `python3`";
const NO_VENV: &str = "`python3` cannot make a virtual environment: install its `venv` and \
                       `ensurepip` (on Debian and Ubuntu: `apt install python3-venv`)";

/// Installs what is missing or has changed, below `target/clients`.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Failure> {
    let home = workspace.target.join("clients");
    make_folder(&home)?;
    let node = node_version()?;
    kept(&home.join("node.installed"), &(node + &texts(workspace, &NPM_FILES)?), || {
        install_npm(workspace, &home)
    })?;
    let python = python_version()?;
    kept(&home.join("python.installed"), &(python + &texts(workspace, &[REQUIREMENTS])?), || {
        let venv = home.join("venv");
        step::say("installing the SDK for Python");
        install_pip(workspace, &venv, REQUIREMENTS)?;
        // The list is to be whole.
        step::run(pip(&venv).arg("check"))
    })?;
    step::say("the SDKs are installed as their lock files say");
    Ok(())
}

/// Installs cargo-lambda if it is missing or has changed; returns the folder of its program.
pub(crate) fn install_cargo_lambda(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let home = workspace.target.join("clients");
    make_folder(&home)?;
    let venv = home.join("cargo-lambda");
    let wanted = python_version()? + &texts(workspace, &[CARGO_LAMBDA])?;
    kept(&home.join("cargo-lambda.installed"), &wanted, || {
        step::say("installing cargo-lambda");
        install_pip(workspace, &venv, CARGO_LAMBDA)
    })?;
    Ok(venv.join("bin"))
}

/// Does `install` unless it was done for the same `wanted` before, which `stamp` remembers.
fn kept(
    stamp: &Path,
    wanted: &str,
    install: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    if fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // An installation that is broken off must not be taken for the one before it.
    write(stamp, "")?;
    install()?;
    write(stamp, wanted)
}

fn install_npm(workspace: &Workspace, home: &Path) -> Result<(), Failure> {
    for name in NPM_FILES {
        write(&home.join(name), &workspace.read(&format!("{SCRIPTS}/{name}"))?)?;
    }
    step::say("installing the SDKs for Node");
    step::run(Command::new("npm").arg("ci").current_dir(home))
        .map_err(|failure| format!("the SDKs for Node cannot be installed: {failure}"))
}

/// Makes the environment anew with exactly what is listed, and nothing that a package asks for.
fn install_pip(workspace: &Workspace, venv: &Path, list: &str) -> Result<(), Failure> {
    let failed = |failure| format!("`{SCRIPTS}/{list}` cannot be installed: {failure}");
    step::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv)).map_err(failed)?;
    let list = workspace.root.join(SCRIPTS).join(list);
    let install = ["install", "--no-deps", "--requirement"];
    step::run(pip(venv).args(install).arg(list)).map_err(failed)
}

fn pip(venv: &Path) -> Command {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]);
    pip
}

fn node_version() -> Result<String, Failure> {
    let version = said("node", &["--version"]).ok_or(NO_NODE)?;
    let major = version.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < NODE_MIN) {
        return Err(format!("{NO_NODE}; this is {}", version.trim()));
    }
    said("npm", &["--version"]).ok_or("npm is missing: it comes with Node")?;
    Ok(version)
}

/// The version and the place of Python: an environment is good only with the one that made it.
fn python_version() -> Result<String, Failure> {
    let script = "import sys; print(sys.version_info.minor, sys.version, sys.base_prefix)";
    let version = said("python3", &["-c", script]).ok_or(NO_PYTHON)?;
    let minor = version.split(' ').next().and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < PYTHON_MIN) {
        return Err(format!("{NO_PYTHON}; this is 3.{}", version.trim()));
    }
    said("python3", &["-c", "import ensurepip, venv"]).ok_or(NO_VENV)?;
    Ok(version)
}

/// What a program says of itself; none where it is missing or fails.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn texts(workspace: &Workspace, names: &[&str]) -> Result<String, Failure> {
    names.iter().map(|name| workspace.read(&format!("{SCRIPTS}/{name}"))).collect()
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| format!("`{}`: {error}", path.display()))
}

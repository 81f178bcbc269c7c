//! The project's own commands, run as `cargo xtask <command>`; cargo is all they need.

mod bench;
mod cargo_lambda;
mod clients;
mod release;
mod step;
mod suite;
mod tidy;
mod up;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

/// What goes wrong in a command, as one sentence for whoever ran it.
type Failure = String;

const HELP: &str = "\
Usage: cargo xtask <command>

  up [OPTION…]       build everything and start the local stack (`up --help` lists its options)
  set NAME VALUE     change a setting of the local stack that is running
  service-key NAME   make a key for a back end (`--scopes holds:place,holds:end`)
  verify [ACCOUNT]   check the books of the local stack, of one account or of all
  test               everything that has to pass: format, lints, tidy, build, tests, docs, release
  bench WHAT         measure `cold-start`, `guard` or `sync`, and write docs/performance.md
  cargo-lambda       run every function under `cargo lambda watch`, as `test` does
  clients            install the SDKs of others that the tests run, where they changed
  tidy               check the rules of the repository that no compiler knows
  release-check      build the functions for release and check what got linked into them
  help               this list
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "help" | "--help" | "-h" => {
            step::say(HELP.trim_end());
            Ok(())
        }
        "up" => up::up(&Workspace::load()?, rest),
        "service-key" | "set" | "verify" => up::forward(&Workspace::load()?, arguments),
        "bench" => bench::bench(&Workspace::load()?, rest),
        "cargo-lambda" => cargo_lambda::check(&Workspace::load()?),
        "test" => suite::test(&Workspace::load()?),
        "clients" => clients::install(&Workspace::load()?),
        "tidy" => tidy::tidy(&Workspace::load()?),
        "release-check" => release::check(&Workspace::load()?),
        unknown => Err(format!("there is no command `{unknown}`: `cargo xtask help` lists them")),
    }
}

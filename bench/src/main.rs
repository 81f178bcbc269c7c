//! Measures what the functions cost, and writes the tables of `docs/performance.md`. Run as
//! `cargo xtask bench <what>`, which builds everything it needs.

#[cfg(target_os = "linux")]
mod cold_start;
mod guard;
mod report;
mod sync;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// What goes wrong in a benchmark, as one sentence for whoever ran it.
type Failure = String;

/// Measures what the functions cost.
#[derive(Parser)]
#[command(name = "bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Start and first call of every function, beside an empty one and one of default features.
    #[cfg(target_os = "linux")]
    ColdStart(cold_start::Options),
    /// What the guard adds to a call of the provider.
    Guard(guard::Options),
    /// A bulk sync of many users: memory, requests, and how fast balances are shown.
    Sync(sync::Options),
}

/// Where the checkout and its programs are; given by `cargo xtask bench`.
#[derive(Args, Clone, Debug)]
struct Checkout {
    /// The root of the checkout.
    #[arg(long, hide = true, default_value = ".")]
    root: PathBuf,
    /// The folder of the functions, built for release.
    #[arg(long, hide = true, default_value = "target/release")]
    functions: PathBuf,
    /// The folder of the functions built with the default features of the AWS SDK.
    #[arg(long, hide = true, default_value = "target/bench-defaults/release")]
    defaults: PathBuf,
}

/// A text for whoever ran the benchmark.
#[expect(clippy::print_stdout, reason = "this is a command-line program")]
fn say(text: &str) {
    println!("{text}");
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        #[cfg(target_os = "linux")]
        What::ColdStart(options) => cold_start::run(&options),
        What::Guard(options) => guard::run(&options),
        What::Sync(options) => sync::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

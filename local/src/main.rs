//! The program `local`: see `local --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match local::commands::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

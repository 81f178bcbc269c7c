//! The developer's machine: its clock and the environment of the shell.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the emulated services")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A variable of the shell.
#[expect(clippy::disallowed_methods, reason = "functions are handed a few variables of the shell")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

//! The release profile: small and fast to start, and arithmetic that stops instead of wrapping.

use crate::Failure;

/// What `[profile.release]` has to say, line by line.
const REQUIRED: [&str; 6] = [
    "opt-level = \"s\"",
    "lto = \"fat\"",
    "codegen-units = 1",
    "panic = \"abort\"",
    "strip = true",
    "overflow-checks = true",
];

/// Fails where the manifest's release profile lacks a line.
pub(crate) fn check(manifest: &str) -> Result<(), Failure> {
    let profile: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[profile.release]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(str::trim)
        .collect();
    match REQUIRED.into_iter().find(|line| !profile.contains(line)) {
        None => Ok(()),
        Some(line) => Err(format!("`[profile.release]` in Cargo.toml lacks `{line}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_required_in_its_own_section() {
        let whole = format!("[profile.release]\n{}\n[other]\n", REQUIRED.join("\n"));
        assert_eq!(check(&whole), Ok(()));
        for line in REQUIRED {
            let without = whole.replace(line, "");
            assert!(check(&format!("{without}{line}\n")).unwrap_err().contains(line));
        }
    }
}

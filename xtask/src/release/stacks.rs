//! One HTTP stack and one TLS library in the functions: a second one, pulled in by a default
//! feature, makes every cold start longer.

use std::path::Path;

use crate::{Failure, step};

/// Crates that must not be in a function, and the start of the versions meant.
const SECOND: [(&str, &str); 9] = [
    ("aws-lc-fips-sys", ""),
    ("curl", ""),
    ("h2", "0.3."),
    ("http", "0.2."),
    ("hyper", "0.14."),
    ("native-tls", ""),
    ("openssl", ""),
    ("reqwest", ""),
    ("ring", ""),
];

/// The one TLS library: without it the list above would be about something else.
const TLS: &str = "aws-lc-sys";

/// Fails where a function depends on a second stack, other than for its tests.
pub(crate) fn check(root: &Path, functions: &[&str]) -> Result<(), Failure> {
    let mut arguments = vec!["tree", "--locked", "--edges", "normal", "--prefix", "none"];
    arguments.extend(["--format", "{p}", "--target", "all"]);
    for function in functions {
        arguments.extend(["--package", function]);
    }
    let tree = step::output(&mut step::cargo(root, &arguments))?;
    judge(&String::from_utf8_lossy(&tree))
}

fn judge(tree: &str) -> Result<(), Failure> {
    let crates = || {
        tree.lines().filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.trim_start_matches('v')))
        })
    };
    for (name, version) in crates() {
        if SECOND.iter().any(|(second, start)| *second == name && version.starts_with(start)) {
            return Err(format!(
                "a function depends on {name} {version}, a second stack: \
                 `cargo tree -e normal -i {name}` says through what"
            ));
        }
    }
    if crates().any(|(name, _)| name == TLS) {
        Ok(())
    } else {
        Err(format!("no function depends on {TLS}: the list of stacks is out of date"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_stack_is_refused() {
        let good = "ai-guard v0.0.0 (x)\naws-lc-sys v0.47.0\nhyper v1.12.0\nopenssl-probe v0.2.1\n";
        assert_eq!(judge(good), Ok(()));
        for second in ["hyper v0.14.32", "ring v0.17.14", "openssl v0.10.70 (*)"] {
            assert!(judge(&format!("{good}{second}\n")).is_err(), "{second}");
        }
        assert!(judge("hyper v1.12.0\n").is_err());
    }
}

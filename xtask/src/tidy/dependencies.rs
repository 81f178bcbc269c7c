//! Who may depend on whom.

use crate::workspace::Package;

/// The crates of the platform, by the start of their names. The TLS library `aws-lc-rs` is not one.
const AWS: [&str; 7] = [
    "aws-config",
    "aws-credential",
    "aws-sdk-",
    "aws-smithy-",
    "aws-types",
    "aws_lambda",
    "lambda_",
];

/// What a crate may use of the workspace, and what it must never use, by the start of the name.
struct Rule {
    folder: &'static str,
    may: &'static [&'static str],
    never: &'static [&'static [&'static str]],
}

/// A folder ending in `/` stands for every crate in it that has no row of its own.
const RULES: [Rule; 12] = [
    // Pure: no runtime, no platform, no clock.
    Rule {
        folder: "shared/ledger",
        may: &[],
        never: &[&AWS, &["axum", "http", "hyper", "tokio", "tower", "tracing"]],
    },
    Rule {
        folder: "shared/ledger-dynamodb",
        may: &["ledger"],
        never: &[&["aws_lambda", "axum", "hyper", "lambda_"]],
    },
    Rule { folder: "shared/http-api", may: &["ledger"], never: &[&AWS] },
    // Knows the platform and nothing of what runs on it.
    Rule { folder: "shared/startup", may: &[], never: &[] },
    // The identity provider's interface, and nothing of what it is used for.
    Rule { folder: "shared/clerk", may: &["ledger", "startup"], never: &[&AWS, &["axum"]] },
    // Everything in the State table that guards no money.
    Rule {
        folder: "shared/directory",
        may: &["ledger"],
        never: &[&["aws_lambda", "axum", "hyper", "lambda_"]],
    },
    Rule {
        folder: "shared/admin",
        may: &["directory", "http-api", "ledger", "ledger-dynamodb", "startup"],
        never: &[],
    },
    Rule {
        folder: "shared/projection",
        may: &["clerk", "directory", "ledger", "ledger-dynamodb", "startup"],
        never: &[&["axum"]],
    },
    Rule {
        folder: "shared/sync",
        may: &["clerk", "directory", "ledger", "ledger-dynamodb", "projection", "startup"],
        never: &[&["axum"]],
    },
    // A new shared crate starts with nothing and gets a row when it needs one.
    Rule { folder: "shared/", may: &[], never: &[] },
    Rule {
        folder: "functions/",
        may: &[
            "admin",
            "clerk",
            "directory",
            "http-api",
            "ledger",
            "ledger-dynamodb",
            "projection",
            "startup",
            "sync",
        ],
        never: &[],
    },
    // Builds in seconds, because every command waits for it.
    Rule { folder: "xtask", may: &[], never: &[&AWS, &["axum", "hyper", "tokio"]] },
];

/// Every dependency that breaks a rule.
pub(crate) fn problems(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let Some(rule) = RULES.iter().find(|rule| rule.is_for(&package.folder)) else {
            continue;
        };
        for dependency in &package.dependencies {
            let is_ours = packages.iter().any(|other| other.name == *dependency);
            let never = rule.never.concat().iter().any(|start| dependency.starts_with(start));
            if never || (is_ours && !rule.may.contains(&dependency.as_str())) {
                problems.push(format!("`{}` must not depend on `{dependency}`", package.folder));
            }
        }
    }
    problems
}

impl Rule {
    fn is_for(&self, folder: &str) -> bool {
        folder == self.folder || (self.folder.ends_with('/') && folder.starts_with(self.folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &str, dependency: &str, allowed: bool) {
        let package = |folder: &str, dependencies: &[&str]| Package {
            name: folder.rsplit('/').next().unwrap().to_owned(),
            folder: folder.to_owned(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        };
        let others = ["functions/other", "shared/ledger", "shared/startup", "local"];
        let mut packages: Vec<Package> = others.iter().map(|other| package(other, &[])).collect();
        packages.push(package(folder, &[dependency]));
        assert_eq!(problems(&packages).is_empty(), allowed, "{folder} {dependency}");
    }

    #[test]
    fn each_row_of_the_table_holds() {
        check("shared/ledger", "serde", true);
        check("shared/ledger", "tokio", false);
        check("shared/ledger", "startup", false);
        check("shared/ledger-dynamodb", "aws-sdk-dynamodb", true);
        check("shared/ledger-dynamodb", "ledger", true);
        check("shared/ledger-dynamodb", "axum", false);
        check("shared/http-api", "aws-sdk-sqs", false);
        check("shared/http-api", "startup", false);
        check("shared/startup", "lambda_http", true);
        check("shared/startup", "ledger", false);
        check("shared/new", "ledger", false);
        check("functions/ai-guard", "startup", true);
        check("functions/ai-guard", "other", false);
        check("functions/ai-guard", "local", false);
        check("xtask", "tokio", false);
        check("local", "other", true);
    }
}

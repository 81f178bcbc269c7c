//! Rules about files: their length, their names, their first line, and what must not be in them.

use std::path::Path;

use crate::workspace::SourceFile;

/// Longer files hide two things in one; tests count, and have files of their own.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["common", "helper", "helpers", "manager", "misc", "mod", "utils"];

/// The starts of home directories, put together here so that this file does not hold them.
const HOMES: [&str; 4] = [
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
    concat!("C:\\Us", "ers"),
];

/// Everything that breaks a rule about files.
pub(crate) fn problems(root: &Path, files: &[SourceFile]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        problems.extend(of_text(root, file));
        if file.is("rs") {
            problems.extend(of_rust(file));
        }
    }
    problems.extend(unused_events(files));
    problems
}

fn of_text(root: &Path, file: &SourceFile) -> Option<String> {
    // A short path such as `/app` may well stand in a text that has nothing to do with it.
    let checkout = root.to_str().filter(|_| root.components().count() > 2);
    let here = HOMES.into_iter().chain(checkout).find(|path| file.text.contains(path))?;
    Some(format!("`{}` names a path of one machine, `{here}`", file.path))
}

fn of_rust(file: &SourceFile) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        problems.push(format!("`{}` has {lines} lines, more than {LINES_MAX}", file.path));
    }
    let mut parts = file.path.trim_end_matches(".rs").split('/');
    if let Some(name) = parts.find(|part| EMPTY_NAMES.contains(part)) {
        problems.push(format!("`{}`: `{name}` does not say what is inside", file.path));
    }
    // A README may be the module's text, and a file of tests says what it is by its place.
    let opens = ["//!", "#![doc = include_str!("].iter().any(|start| file.text.starts_with(start));
    if !opens && !file.path.ends_with("/tests.rs") {
        problems.push(format!("`{}` does not open with what it is for (`//!`)", file.path));
    }
    problems
}

/// The example events that no test reads.
fn unused_events(files: &[SourceFile]) -> Vec<String> {
    let is_test = |path: &str| path.starts_with("tests/") || path.ends_with("/tests.rs");
    let tests: Vec<&SourceFile> =
        files.iter().filter(|file| file.is("rs") && is_test(&file.path)).collect();
    files
        .iter()
        .filter(|file| file.is("json"))
        .filter_map(|file| Some((&file.path, file.path.strip_prefix("events/")?)))
        .filter(|(_, name)| !tests.iter().any(|test| test.text.contains(name)))
        .map(|(path, _)| format!("`{path}` is used by no test"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, problem_count: usize) {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        let problems = problems(Path::new("/srv/checkouts/saldo"), &[file]);
        assert_eq!(problems.len(), problem_count, "{problems:?}");
    }

    #[test]
    fn a_module_opens_with_what_it_is_for() {
        check("local/src/mint.rs", "//! The mint.\n", 0);
        check("local/src/mint.rs", "use std::fs;\n", 1);
        check("shared/ledger/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n", 0);
        check("local/src/mint/tests.rs", "use std::fs;\n", 0);
    }

    #[test]
    fn a_file_has_at_most_400_lines() {
        check("local/src/mint.rs", &"//! x\n".repeat(400), 0);
        check("local/src/mint.rs", &"//! x\n".repeat(401), 1);
        check("Cargo.lock", &"x\n".repeat(401), 0);
    }

    #[test]
    fn names_say_what_is_inside() {
        check("shared/startup/src/utils.rs", "//! x\n", 1);
        check("shared/startup/src/token/mod.rs", "//! x\n", 1);
        check("shared/common/src/lib.rs", "//! x\n", 1);
    }

    #[test]
    fn no_path_of_one_machine_is_in_a_text() {
        check("README.md", &format!("run {}ada/saldo", HOMES[0]), 1);
        check("README.md", "run /srv/checkouts/saldo/target/debug/local", 1);
        check("README.md", "run target/debug/local", 0);
    }

    #[test]
    fn an_event_is_used_by_a_test() {
        check("events/chat.json", "{}", 1);
        let event = SourceFile { path: "events/chat.json".to_owned(), text: "{}".to_owned() };
        let source = "//! x\nconst CHAT: &str = include_str!(\"../../events/chat.json\");";
        let test = SourceFile { path: "tests/it/chat.rs".to_owned(), text: source.to_owned() };
        assert!(problems(Path::new("/x"), &[event, test]).is_empty());
    }
}

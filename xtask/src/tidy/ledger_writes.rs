//! The Ledger table is append-only: one file puts into it, and nothing updates or deletes there.
//!
//! IAM cannot require a condition on a put, so the text of the code is searched instead. The rule
//! is simple enough for that: every write to a table names the table as `names.state`, in its own
//! statement, or is of the directory, which is told `names.state` once and for all; only the one
//! file that appends may name another, and only on a condition.

use crate::workspace::SourceFile;

/// The one file that puts into the Ledger table.
const APPEND: &str = "shared/ledger-dynamodb/src/append.rs";

/// Names of the other table: the store's, and that of the directory, which knows no other.
const STATE_TABLE: [&str; 2] = ["names.state", "self.state_table"];

/// Where the directory is told its table.
const DIRECTORY: &str = "Directory::new(";

/// Where a put begins, alone or in a transaction.
const PUTS: [&str; 2] = ["Put::builder()", ".put_item()"];

/// Where the other writes begin.
const CHANGES: [&str; 9] = [
    "Delete::builder()",
    "DeleteRequest::builder()",
    "PutRequest::builder()",
    "Update::builder()",
    ".batch_execute_statement()",
    ".batch_write_item()",
    ".delete_item()",
    ".execute_statement()",
    ".update_item()",
];

/// Every place that could write to the Ledger table past `append`. Tests may: they spoil a table
/// to see it noticed.
pub(crate) fn problems(files: &[SourceFile]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.is_shipped()) {
        let mut offset: usize = 0;
        for statement in file.text.split_inclusive([';', '{', '}']) {
            offset = offset.saturating_add(statement.len());
            let line = file.text.get(..offset).map_or(0, |text| text.lines().count());
            if let Some(problem) = problem(&file.path, statement) {
                problems.push(format!("`{}`, up to line {line}: {problem}", file.path));
            }
        }
    }
    problems
}

fn problem(path: &str, statement: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| statement.contains(word));
    let puts = has(&PUTS);
    if statement.contains(DIRECTORY) && !statement.contains("names.state") {
        return Some("the directory is told its table as `names.state`");
    }
    if (!puts && !has(&CHANGES)) || has(&STATE_TABLE) {
        return None;
    }
    if path != APPEND {
        return Some("a write names its table as `names.state`; only `append` puts into Ledger");
    }
    if !puts {
        return Some("nothing is updated in the Ledger table, deleted from it, or put in a batch");
    }
    // A put that was made before carries its condition along.
    let on_condition = has(&["\"attribute_not_exists(pk)\"", "(put.condition_expression)"]);
    (!on_condition).then_some("a put into Ledger has the condition `attribute_not_exists(pk)`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str = "shared/ledger-dynamodb/src/settle.rs";

    fn check(path: &str, text: &str, problem_count: usize) {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        let problems = problems(&[file]);
        assert_eq!(problems.len(), problem_count, "{problems:?}");
    }

    #[test]
    fn append_alone_puts_into_the_ledger_and_only_on_its_condition() {
        let put = "let put = Put::builder().table_name(&self.names.ledger)";
        let conditional = format!("{put}.condition_expression(\"attribute_not_exists(pk)\");");
        check(APPEND, &conditional, 0);
        check(APPEND, &format!("{put};"), 1);
        check(OTHER, &conditional, 1);
        check("functions/ai-guard/src/lib.rs", &conditional, 1);
    }

    #[test]
    fn nothing_updates_or_deletes_there() {
        for write in ["Update::builder()", "Delete::builder()", "self.client.update_item()"] {
            for path in [APPEND, OTHER] {
                check(path, &format!("{write}.table_name(&self.names.ledger);"), 1);
                check(path, &format!("{write}.table_name(&self.names.state);"), 0);
            }
        }
    }

    #[test]
    fn the_directory_writes_where_it_is_told_and_is_told_the_state_table() {
        check(OTHER, "self.client.put_item().table_name(&self.state_table).send();", 0);
        check(OTHER, "let directory = Directory::new(client, names.state.clone());", 0);
        check(OTHER, "let directory = Directory::new(client, names.ledger.clone());", 1);
    }

    #[test]
    fn a_write_does_not_take_its_table_from_elsewhere() {
        check(OTHER, "let table = &self.names.ledger; client.put_item().table_name(table);", 1);
        check(OTHER, "fn put(table: &str) { Put::builder().table_name(table) }", 1);
    }

    #[test]
    fn reads_and_tests_are_free() {
        check(OTHER, "self.client.query().table_name(&self.names.ledger).send();", 0);
        check("shared/ledger-dynamodb/src/settle/tests.rs", "client.put_item().table_name(t);", 0);
    }
}

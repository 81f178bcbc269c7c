//! Runs a table of rules: `given | when | then`, one account per row.
//!
//! *Given* is a list of steps divided by `, ` that must all succeed, *when* is one step, and
//! *then* is a list divided by `; ` of what must be so after it:
//!
//! - `10 = pack 10/20 + plan 0/5 until 30d`: what is available, and what is left of what was
//!   granted in each bucket, in the order they burn;
//! - `refused: …`: the step is refused in exactly these words and has changed nothing, but for
//!   an expiry that was due;
//! - `entries: …`: exactly these entries were put; and any word of [`Story::fact`].
//!
//! Times are counted from the beginning of the story. After every step the audit must find
//! nothing, whatever the row says.

use ledger::{
    entry::{Entry, Kind},
    invariant::Violation,
};

use crate::words::{Story, entries};

/// Checks every row, then stops with all that are not so.
#[track_caller]
pub(crate) fn check(rows: &str) {
    let rows: Vec<_> = rows.lines().map(str::trim).filter(|row| !row.is_empty()).collect();
    assert!(!rows.is_empty(), "a table without rows checks nothing");
    let wrong: Vec<_> = rows.iter().flat_map(|row| check_row(row)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn check_row(row: &str) -> Vec<String> {
    let [given, when, then] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
        return vec![format!("`{row}` is not `given | when | then`")];
    };
    let mut story = Story::begin();
    for step in given.split(", ").filter(|step| !step.is_empty()) {
        if let Err(rejection) = story.tell(step) {
            return vec![format!("{row}\n    `{step}` was refused: {rejection}")];
        }
        if let Some(found) = audited(&story) {
            return vec![format!("{row}\n    after `{step}` the audit finds: {found}")];
        }
    }
    let before = story.bank.table.clone();
    let told = story.tell(when);
    let mut wrong: Vec<_> = audited(&story).into_iter().collect();
    let refused = match told {
        Ok(()) => "no".to_owned(),
        Err(rejection) => {
            let only_expiry = |entry: &Entry| entry.cause.kind() == Kind::Expiry;
            let put = &story.bank.table.journal[before.journal.len()..];
            let expired = !put.is_empty() && put.iter().all(only_expiry);
            if story.bank.table != before && !expired {
                wrong.push(format!("refused, and yet it changed to {}", story.state()));
            }
            rejection.to_string()
        }
    };
    let put = entries(&story.bank.table.journal[before.journal.len()..]);
    let mut expected_refusal = "no";
    for part in then.split("; ") {
        let (word, value) = part.split_once(": ").unwrap_or(("state", part));
        let found = match word {
            "refused" => {
                expected_refusal = value;
                continue;
            }
            "state" => story.state(),
            "entries" => put.clone(),
            word => story.fact(word),
        };
        if found != value {
            wrong.push(format!("{word} is `{found}`, not `{value}`"));
        }
    }
    if refused != expected_refusal {
        wrong.push(format!("refused is `{refused}`, not `{expected_refusal}`"));
    }
    wrong.into_iter().map(|wrong| format!("{row}\n    {wrong}")).collect()
}

fn audited(story: &Story) -> Option<String> {
    let mut violations = story.bank.table.violations(story.bank.now);
    violations.retain(|found| !(story.job_is_down && matches!(found, Violation::HoldOpen(_))));
    (!violations.is_empty()).then(|| format!("the audit finds {violations:?}"))
}

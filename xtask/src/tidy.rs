//! `tidy`: the rules of the repository that no compiler knows, over its text.

mod dependencies;
mod ledger_writes;
mod sources;
mod template;
mod watch;

use crate::workspace::Workspace;
use crate::{Failure, step};

/// Checks every rule and lists everything that breaks one.
pub(crate) fn tidy(workspace: &Workspace) -> Result<(), Failure> {
    let problems = problems(workspace)?;
    if problems.is_empty() {
        step::say("the repository is tidy");
        return Ok(());
    }
    Err(format!("the repository is not tidy:\n  {}", problems.join("\n  ")))
}

fn problems(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let files = workspace.files("")?;
    let template = workspace.read("template.yaml")?;
    Ok([
        dependencies::problems(&workspace.packages),
        ledger_writes::problems(&files),
        sources::problems(&workspace.root, &files),
        template::problems(&template, &workspace.functions(), &files),
        watch::problems(&template, &files),
    ]
    .concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let problems = problems(&Workspace::load().unwrap()).unwrap();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}

//! What `cargo lambda watch` is told of the functions is what `template.yaml` declares: it knows no
//! template, so the routes are in the root manifest a second time, and the path of its secrets in
//! the manifest of each function that has some.

use std::collections::{BTreeMap, BTreeSet};

use super::template::{Declared, Route, declared_functions};
use crate::workspace::SourceFile;

/// The table of routes in the root manifest.
const ROUTER: &str = "[workspace.metadata.lambda.watch.router]";

/// The table of variables in a function's manifest.
const VARIABLES: &str = "[package.metadata.lambda.env]";

/// Everything in which the manifests and the template differ.
pub(crate) fn problems(template: &str, files: &[SourceFile]) -> Vec<String> {
    let declared = declared_functions(template);
    let manifest = |path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.map_or("", |file| file.text.as_str())
    };
    let expected = routes(&declared);
    let found = table(manifest("Cargo.toml"), ROUTER);
    let missing = expected.difference(&found).map(|line| format!("{ROUTER} lacks `{line}`"));
    let superfluous = found.difference(&expected);
    let superfluous = superfluous.map(|line| format!("{ROUTER} has `{line}`, template.yaml not"));
    let secrets = declared.iter().filter_map(|function| {
        let (name, path) = function.binary.as_ref().zip(function.secrets_path.as_ref())?;
        let line = format!("SECRETS_PATH = \"{}\"", path.replace("${Stage}", "local"));
        let path = format!("functions/{name}/Cargo.toml");
        let there = table(manifest(&path), VARIABLES).contains(&line);
        (!there).then(|| format!("`{path}` lacks `{line}` in {VARIABLES}"))
    });
    missing.chain(superfluous).chain(secrets).collect()
}

/// The routes as the router has them: one line for each path, its methods in the template's order.
fn routes(declared: &[Declared]) -> BTreeSet<String> {
    let mut targets: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for function in declared {
        let name = function.binary.as_deref().unwrap_or_default();
        for Route { method, path } in &function.routes {
            let target = format!("{{ method = \"{method}\", function = \"{name}\" }}");
            targets.entry(path).or_default().push(target);
        }
    }
    let line =
        |(path, targets): (&str, Vec<String>)| format!("\"{path}\" = [{}]", targets.join(", "));
    targets.into_iter().map(line).collect()
}

/// The lines of one table of a manifest.
fn table(manifest: &str, header: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != header).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Resources:
  AiGuard:
    Type: AWS::Serverless::Function
    Metadata:
      BuildProperties:
        Binary: ai-guard
    Properties:
      Environment:
        Variables:
          SECRETS_PATH: !Sub /saldo/${Stage}/secrets/ai-guard
      Events:
        Chat:
          Properties: { ApiId: !Ref Api, Method: POST, Path: /api/ai/chat }
        End:
          Properties:
            Method: GET
            Path: /api/ai/{id}/end
        EndAtOnce:
          Properties: { ApiId: !Ref Api, Method: DELETE, Path: /api/ai/chat }
";

    const ROUTES: &str = "\
[workspace.metadata.lambda.watch.router]
\"/api/ai/chat\" = [{ method = \"POST\", function = \"ai-guard\" }, { method = \"DELETE\", function = \"ai-guard\" }]
\"/api/ai/{id}/end\" = [{ method = \"GET\", function = \"ai-guard\" }]

[other]
";

    const ENV: &str =
        "[package.metadata.lambda.env]\nSECRETS_PATH = \"/saldo/local/secrets/ai-guard\"\n";

    fn check(root: &str, function: &str, expected: &[&str]) {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let files = [file("Cargo.toml", root), file("functions/ai-guard/Cargo.toml", function)];
        let problems = problems(TEMPLATE, &files);
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn each_route_is_in_both_with_its_method_and_its_function() {
        check(ROUTES, ENV, &[]);
        check("", ENV, &["lacks `\"/api/ai/chat\"", "lacks `\"/api/ai/{id}/end\""]);
        check(&ROUTES.replace("\"GET\"", "\"PUT\""), ENV, &["lacks", "template.yaml not"]);
        // A path with two methods is one line with both.
        let one = ", { method = \"DELETE\", function = \"ai-guard\" }";
        check(&ROUTES.replace(one, ""), ENV, &["lacks `\"/api/ai/chat\"", "template.yaml not"]);
        let more = ROUTES.replace("\n\n", "\n\"/new\" = \"ai-guard\"\n\n");
        check(&more, ENV, &["has `\"/new\""]);
    }

    #[test]
    fn a_function_with_secrets_is_told_where_they_are() {
        check(ROUTES, "[package.metadata.lambda.env]\n", &["lacks `SECRETS_PATH"]);
        check(ROUTES, &ENV.replace("local", "prod"), &["lacks `SECRETS_PATH"]);
    }
}

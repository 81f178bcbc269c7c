//! What `template.yaml` declares and what the code has are the same.
//!
//! The template is read line by line: enough for a file whose layout is this repository's own, and
//! it spares the build of a YAML parser before every command.

use std::collections::BTreeSet;

use crate::workspace::SourceFile;

/// Variables that functions read and the template need not set, each with its reason.
const NOT_IN_THE_TEMPLATE: [(&str, &str); 5] = [
    ("AWS_", "set by the platform, or by a developer for another endpoint"),
    ("CLERK_JWKS_URL", "an optional setting, derived from the issuer where it is missing"),
    ("CLERK_JWT_KEY", "an optional setting, put by an operator who wants no key set fetched"),
    ("EXTRA_CA_FILE", "set by an operator whose provider is behind a private authority"),
    ("LOG_LEVEL", "set by hand for as long as somebody is looking for something"),
];

/// Everything in which the template and the code differ.
pub(crate) fn problems(template: &str, functions: &[&str], files: &[SourceFile]) -> Vec<String> {
    let declared = declared_functions(template);
    let mut problems = Vec::new();
    for function in functions {
        let id = pascal_case(function);
        match declared.iter().find(|declared| declared.id == id) {
            None => problems.push(format!("`functions/{function}` has no `{id}` in template.yaml")),
            Some(declared) => problems.extend(of_function(declared, function, files)),
        }
    }
    for declared in &declared {
        if !functions.iter().any(|function| pascal_case(function) == declared.id) {
            problems.push(format!("template.yaml has `{}`, which is no function", declared.id));
        }
    }
    problems.extend(unset_variables(template, files));
    problems
}

fn of_function(declared: &Declared, function: &str, files: &[SourceFile]) -> Vec<String> {
    let mut problems = Vec::new();
    if declared.binary.as_deref() != Some(function) {
        problems.push(format!("`{}` in template.yaml does not build `{function}`", declared.id));
    }
    let folder = format!("functions/{function}/src/");
    let sources: Vec<&SourceFile> =
        files.iter().filter(|file| file.path.starts_with(&folder)).collect();
    for Route { path: route, .. } in &declared.routes {
        let quoted = format!("\"{route}\"");
        if !sources.iter().any(|source| source.text.contains(&quoted)) {
            problems.push(format!("`{function}` has no route `{route}`, template.yaml has one"));
        }
    }
    problems
}

/// A function as the template declares it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    id: String,
    pub(super) binary: Option<String>,
    pub(super) routes: Vec<Route>,
    /// Where its secrets are, with the stage in it as a reference.
    pub(super) secrets_path: Option<String>,
}

/// A route of the HTTP API.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) method: String,
    pub(super) path: String,
}

pub(super) fn declared_functions(template: &str) -> Vec<Declared> {
    let mut all: Vec<Declared> = Vec::new();
    let mut in_function = false;
    let resources = template.lines().skip_while(|line| *line != "Resources:").skip(1);
    let (mut resource, mut method) = ("", "");
    for line in resources.take_while(|line| line.is_empty() || line.starts_with([' ', '#'])) {
        if let Some(id) = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#'])) {
            resource = id.trim_end_matches(':');
            in_function = false;
        } else if line == "    Type: AWS::Serverless::Function" {
            in_function = true;
            all.push(Declared { id: resource.to_owned(), ..Declared::default() });
        }
        let Some(function) = all.last_mut().filter(|_| in_function) else {
            continue;
        };
        if let Some(binary) = line.trim_start().strip_prefix("Binary: ") {
            function.binary = Some(binary.to_owned());
        }
        if let Some((_, path)) = line.split_once(" SECRETS_PATH: !Sub ") {
            function.secrets_path = Some(path.to_owned());
        }
        if let Some((_, rest)) = line.split_once(" Method: ") {
            method = rest.split(',').next().unwrap_or(rest);
        }
        if let Some((_, path)) = line.split_once(" Path: ") {
            // The path is the last of its mapping, and may have braces of its own.
            let path = path.strip_suffix(" }").unwrap_or(path).to_owned();
            function.routes.push(Route { method: method.to_owned(), path });
        }
    }
    all
}

/// The variables and settings that the code asks for by name and the template does not have.
fn unset_variables(template: &str, files: &[SourceFile]) -> Vec<String> {
    let words: BTreeSet<&str> =
        template.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut problems = Vec::new();
    let reads_them =
        |file: &&SourceFile| file.is_shipped() && !file.path.starts_with("shared/http-api/");
    for file in files.iter().filter(reads_them) {
        // What stands below is made up by tests.
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for name in names_asked_for(code) {
            let excused = NOT_IN_THE_TEMPLATE.iter().any(|(start, _)| name.starts_with(start));
            if !excused && !words.contains(name) {
                problems.push(format!("`{}` reads `{name}`, template.yaml lacks it", file.path));
            }
        }
    }
    problems
}

fn names_asked_for(code: &str) -> BTreeSet<&str> {
    ["required(\"", "optional(\"", "parsed(\""]
        .into_iter()
        .flat_map(|call| code.split(call).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| {
            name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        })
        .collect()
}

fn pascal_case(name: &str) -> String {
    let mut whole = String::new();
    for part in name.split('-') {
        let mut letters = part.chars();
        whole.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        whole.push_str(letters.as_str());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Globals:
  Function:
    Environment:
      Variables:
        LEDGER_TABLE: x
Resources:
  # A comment.
  Table:
    Type: AWS::DynamoDB::Table
  AiGuard:
    Type: AWS::Serverless::Function
    Metadata:
      BuildProperties:
        Binary: ai-guard
    Properties:
      Events:
        Chat:
          Properties: { ApiId: !Ref Api, Method: POST, Path: /api/ai/chat }
        End:
          Properties:
            Path: /api/ai/{id}/end
Outputs:
  Url:
    Value: x
";

    fn check(functions: &[&str], path: &str, text: &str, expected: &[&str]) {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(problems(TEMPLATE, functions, &[file]), expected);
    }

    const LIB: &str = "functions/ai-guard/src/lib.rs";
    const ROUTES: &str = "\"/api/ai/chat\" \"/api/ai/{id}/end\"";

    #[test]
    fn functions_binaries_and_routes_are_those_of_the_template() {
        check(&["ai-guard"], LIB, ROUTES, &[]);
        check(
            &["ai-guard"],
            LIB,
            "\"/api/ai/{id}/end\"",
            &["`ai-guard` has no route `/api/ai/chat`, template.yaml has one"],
        );
        check(&[], LIB, "", &["template.yaml has `AiGuard`, which is no function"]);
        check(
            &["ai-guard", "new-one"],
            LIB,
            ROUTES,
            &["`functions/new-one` has no `NewOne` in template.yaml"],
        );
    }

    #[test]
    fn variables_that_are_read_are_set() {
        let path = "shared/startup/src/begin.rs";
        let routes = ["/api/ai/chat", "/api/ai/{id}/end"]
            .map(|route| format!("`ai-guard` has no route `{route}`, template.yaml has one"));
        let route = [routes[0].as_str(), &routes[1]];
        check(&["ai-guard"], path, "required(\"LEDGER_TABLE\"); optional(\"AWS_REGION\")", &route);
        check(
            &["ai-guard"],
            path,
            "parsed(\"OTHER\", 1)",
            &[
                route[0],
                route[1],
                "`shared/startup/src/begin.rs` reads `OTHER`, template.yaml lacks it",
            ],
        );
        check(&["ai-guard"], path, "#[cfg(test)] required(\"OTHER\")", &route);
    }
}

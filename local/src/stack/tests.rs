//! What a stack says when it cannot start.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::template::Deployment;

/// Options with programs that are this shell script.
fn options(script: Option<&str>) -> Options {
    let folder = std::env::temp_dir().join(format!("saldo-stack-{}", crate::random::uuid()));
    std::fs::create_dir_all(&folder).unwrap();
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let declared = Template::load(template.as_ref(), &Deployment::local("")).unwrap();
    for name in declared.functions.iter().map(|function| &function.name) {
        if let Some(script) = script {
            let path = folder.join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let mut options = Options::new(template, &folder, folder.join("logs"));
    options.settings = BTreeMap::from(
        ["CLERK_ISSUER", "CLERK_AUTHORIZED_PARTIES"].map(|name| (name.to_owned(), "x".to_owned())),
    );
    options
}

async fn refusal(options: Options) -> String {
    let folder = options.programs.clone();
    let error = Stack::start(options).await.err().unwrap().to_string();
    std::fs::remove_dir_all(folder).unwrap();
    error
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let taken = crate::listener::bind(0).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = refusal(Options { port, ..options(None) }).await;
    assert!(error.contains(&format!("port {port} is in use")), "{error}");
    assert!(error.contains("--port"), "{error}");
}

#[tokio::test]
async fn a_missing_program_is_named_with_the_way_to_build_it() {
    let error = refusal(options(None)).await;
    assert!(error.contains("ai-guard") && error.contains("cargo build"), "{error}");
}

#[tokio::test]
async fn a_number_of_processes_for_nobody_is_refused_and_every_usual_one_is_for_a_function() {
    let mut wrong = options(None);
    wrong.processes_max.insert("nobody".to_owned(), 1);
    let error = refusal(wrong).await;
    assert!(error.contains("no function `nobody`"), "{error}");
    let error = refusal(options(None)).await;
    assert!(!error.contains("no function"), "{error}");
}

#[tokio::test]
async fn a_required_setting_without_value_is_named() {
    let mut options = options(Some("exit 0"));
    options.settings.remove("CLERK_ISSUER");
    let error = refusal(options).await;
    assert!(error.contains("`CLERK_ISSUER` has no value"), "{error}");
}

#[tokio::test]
async fn a_function_that_always_crashes_is_said_with_its_last_lines() {
    let error = refusal(options(Some("echo 'no setting `X`' >&2; exit 3"))).await;
    assert!(error.contains("does not start") && error.contains("exit status: 3"), "{error}");
    assert!(error.contains("no setting `X`"), "{error}");
}

#[tokio::test]
async fn functions_see_the_template_and_nothing_of_the_shell() {
    let error = refusal(options(Some("env >&2; echo \"$LEDGER_TABLE $HOME\" >&2; exit 1"))).await;
    assert!(error.contains("  | saldo-local-LedgerTable \n"), "{error}");
}

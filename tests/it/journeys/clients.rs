//! Clients that no one here wrote: the SDKs of others against the real processes, each given a
//! base URL and a token. The scripts are in `tests/clients`; `cargo xtask clients` installs what
//! they need.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    balance::FreezeReason,
    command::{Action, Command},
};
use local::{
    clerk,
    mint::Mint,
    provider,
    service_key::{SCOPES, ServiceKey},
};
use tokio::process::Command as Program;

use super::town::{Town, fresh_folder, wall_clock};
use crate::harness::{account, admin, startup};

/// How many users a script has for itself; one that has none left says so.
const USERS: usize = 40;

/// Many times what a script takes, and less than anybody would wait for one that hangs.
const PATIENCE: Duration = Duration::from_mins(3);

const FROZEN: &str = "user_frozen";

#[tokio::test]
async fn the_openai_sdk_for_node_works_with_a_base_url_and_a_token() {
    run(node("openai.test.mjs")).await;
}

#[tokio::test]
async fn the_openai_sdk_for_python_works_with_a_base_url_and_a_token() {
    run(python("test_openai")).await;
}

#[tokio::test]
async fn the_vercel_ai_sdk_works_with_a_base_url_and_a_token() {
    run(node("vercel.test.mjs")).await;
}

#[tokio::test]
async fn the_typed_client_of_the_split_api_is_sound_and_works() {
    run(node("holds.test.mjs")).await;
}

#[tokio::test]
async fn clerks_sdk_for_node_takes_the_stand_in_for_clerk() {
    run_at_clerk(node("clerk.test.mjs")).await;
}

#[tokio::test]
async fn clerks_sdk_for_python_takes_the_stand_in_for_clerk() {
    run_at_clerk(python("test_clerk")).await;
}

fn python(script: &str) -> Program {
    let mut python = Program::new(installed("venv/bin/python"));
    python.args(["-B", "-m", "unittest", "--verbose", script]);
    python
}

fn node(script: &str) -> Program {
    let mut node = Program::new("node");
    node.args(["--test", "--test-reporter=spec", script]);
    node
}

/// Runs a script against a town; then all its calls have ended and every book is in order.
async fn run(mut program: Program) {
    let service_key = ServiceKey::new("scripts", &SCOPES).unwrap();
    let town = town(&service_key).await;
    let users: Vec<String> = (0..USERS).map(|number| format!("user_{number}")).collect();
    let tokens: Vec<String> = users.iter().map(|user| town.token(user)).collect();
    freeze(&town).await;
    program
        .env_clear()
        .env("SALDO_API", &town.client.api)
        .env("SALDO_STREAM", town.client.streaming.trim_end_matches('/'))
        .env("SALDO_TOKENS", tokens.join(" "))
        .env("SALDO_FROZEN_TOKEN", town.token(FROZEN))
        .env("SALDO_SERVICE_KEY", service_key.key)
        .env("PROVIDER_URL", &town.provider.base_url)
        .env("PROVIDER_KEY", provider::KEY);
    succeeds(program, &town.folder()).await;
    for account in town.store.accounts().await.unwrap() {
        town.books_of(account.as_str()).await;
    }
}

/// Runs a script against a stand-in for Clerk alone, with five users, one organization and three
/// subscription items.
async fn run_at_clerk(mut program: Program) {
    let folder = fresh_folder();
    let mint = Mint::open(&folder).unwrap();
    let options = clerk::Options::with_keys_of(&mint);
    let clerk = clerk::start_with(local::bind(0).await.unwrap(), options).unwrap();
    clerk.add_users(5);
    clerk.add_organization("org_1");
    let end = Some("2026-12-01T00:00:00Z".parse().unwrap());
    for (number, account, plan, period_end) in [
        (1, "user_2", "cplan_PRO", end),
        (2, "user_4", "cplan_FREE", None),
        (3, "org_1", "cplan_PRO", end),
    ] {
        clerk.add_subscription(&clerk::Subscription {
            item: format!("csub_item_{number}"),
            account: account.to_owned(),
            plan: plan.to_owned(),
            status: "active".to_owned(),
            period_start: "2026-11-01T00:00:00Z".parse().unwrap(),
            period_end,
        });
    }
    program
        .env_clear()
        .env("CLERK_API_URL", &clerk.url)
        .env("CLERK_SECRET_KEY", clerk::SECRET_KEY)
        .env("SALDO_TOKEN", mint.user_token("user_1", wall_clock()).unwrap());
    succeeds(program, &folder).await;
}

/// Runs a script to its end. No setting of the machine, such as a proxy or an SDK's own variables,
/// comes along.
async fn succeeds(mut program: Program, folder: &Path) {
    program
        .current_dir(scripts(folder))
        .env("PATH", path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, program.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program:?} hangs")).unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}\n{}", said[0], said[1]);
}

#[expect(clippy::disallowed_methods, reason = "programs are found where the tests found cargo")]
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// A town that knows the service key, and where the model `by-tokens` costs a credit for each token.
async fn town(service_key: &ServiceKey) -> Town {
    Town::with(|options| {
        options.secrets.insert("ai-guard/SERVICE_KEYS".to_owned(), service_key.list());
        let front = options.front.take().unwrap();
        options.front = Some(Box::new(|database| {
            Box::pin(async move {
                write_prices(&format!("http://{database}")).await;
                front(database).await
            })
        }));
    })
    .await
}

async fn write_prices(database: &str) {
    let client = startup(&[("AWS_ENDPOINT_URL_DYNAMODB", database)]).dynamodb();
    let tables = client.list_tables().send().await.unwrap().table_names.unwrap();
    let state = tables.into_iter().find(|name| name.contains("StateTable")).unwrap();
    let number = |digits: &str| AttributeValue::N(digits.to_owned());
    let map = |rows: &[(&str, AttributeValue)]| {
        let rows = rows.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        AttributeValue::M(rows.collect())
    };
    let rates = ["input", "output"].map(|name| (name, number("1000")));
    let rates = map(&[rates.as_slice(), &[("output_max", number("30"))]].concat());
    let fixed = map(&[("ai_text_chat", number("1")), ("ai_image_generation", number("5"))]);
    let book =
        client.put_item().table_name(state).item("version", number("2")).item("fixed", fixed);
    book.item("pk", AttributeValue::S("PRICE_BOOK".to_owned()))
        .item("sk", AttributeValue::S("ONLY".to_owned()))
        .item("tokens", map(&[("ai_text_chat", map(&[("by-tokens", rates)]))]))
        .send()
        .await
        .unwrap();
}

async fn freeze(town: &Town) {
    let now = wall_clock();
    for action in [Action::Open { signup: 100.into() }, Action::Freeze(FreezeReason::Dispute)] {
        let command = Command { id: startup::new_ulid(now), actor: admin(), action };
        town.store.submit(&account(FROZEN), &command, now).await.unwrap();
    }
}

/// A copy of the scripts where Node finds the packages they import: beside them.
fn scripts(folder: &Path) -> PathBuf {
    let copy = folder.join("clients");
    fs::create_dir(&copy).unwrap();
    let originals = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    // The file that back ends are told to copy is copied.
    let typed_client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/saldo-holds.ts");
    fs::copy(typed_client, copy.join("saldo-holds.ts")).unwrap();
    for script in fs::read_dir(originals).unwrap().map(Result::unwrap) {
        if script.file_type().unwrap().is_file() {
            fs::copy(script.path(), copy.join(script.file_name())).unwrap();
        }
    }
    std::os::unix::fs::symlink(installed("node_modules"), copy.join("node_modules")).unwrap();
    copy
}

/// What was installed under this name.
fn installed(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("clients").join(name);
    let hint = "install the SDKs with `cargo xtask clients`, or run `cargo xtask test`";
    assert!(path.exists(), "{} is missing: {hint}", path.display());
    path
}

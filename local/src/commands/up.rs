//! `local up`: starts everything, says how to use it, and waits for Ctrl-C.

use std::collections::BTreeMap;

use tokio::signal::unix::{SignalKind, signal};

use super::state::Place;
use super::{CommandError, Up, env_file, guide, say, template_path};
use crate::dynamodb::Storage;
use crate::listener;
use crate::machine;
use crate::mint::{AUTHORIZED_PARTY, Mint};
use crate::provider;
use crate::stack::{Options, Stack};

/// Credits a new local account opens with: enough to try everything, few enough to run out.
const SIGNUP_CREDITS: u64 = 100;

/// The user whose credits the printed lines use up.
const SHORT_USER: &str = "user_short";

/// The tokens that are printed and written for scripts.
pub(super) struct Tokens {
    pub(super) user: String,
    pub(super) admin: String,
    /// Of a user who is there to run out of credits.
    pub(super) short: String,
}

pub(super) async fn run(place: &Place, options: Up) -> Result<(), CommandError> {
    // Asked for first, so that no signal finds us unprepared.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let _claim = place.claim()?;
    // Looked at before the mint takes the port after next: the message shall name this one.
    drop(listener::bind(options.port).await?);
    if options.fresh {
        place.forget()?;
    }
    let mut settings = BTreeMap::from([
        ("SIGNUP_CREDITS".to_owned(), SIGNUP_CREDITS.to_string()),
        ("CLERK_AUTHORIZED_PARTIES".to_owned(), AUTHORIZED_PARTY.to_owned()),
    ]);
    let mut secrets = BTreeMap::new();
    // It ends when it is dropped, so it is kept to the end.
    let stand_in = provide(&options, &mut settings, &mut secrets).await?;
    for (name, value) in options.settings {
        let target = if name.contains('/') { &mut secrets } else { &mut settings };
        target.insert(name, value);
    }
    let tokens = if settings.contains_key("CLERK_ISSUER") {
        None
    } else {
        Some(mint(place, options.port, &mut settings).await?)
    };
    let signup_credits = settings.get("SIGNUP_CREDITS").and_then(|value| value.parse().ok());
    say("starting the database, queues, settings and functions ...");
    let stack = Stack::start(Options {
        storage: Storage::File(place.database()),
        settings,
        secrets,
        processes: usize::from(options.processes),
        port: options.port,
        function_url_port: next_port(options.port, 1),
        schedules: true,
        ..Options::new(template_path(&place.root), &place.programs, place.folder().join("logs"))
    })
    .await?;
    write_env_file(place, &stack, tokens.as_ref())?;
    let signup_credits = signup_credits.unwrap_or(SIGNUP_CREDITS);
    guide::print(&stack, tokens.as_ref(), signup_credits, stand_in.is_some());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    say("\nstopping ...");
    stack.shutdown().await;
    drop(stand_in);
    Ok(())
}

/// Port 0 asks for free ports throughout.
fn next_port(port: u16, distance: u16) -> u16 {
    if port == 0 { 0 } else { port.saturating_add(distance) }
}

/// The provider that the options name, or the one that stands in for it.
async fn provide(
    options: &Up,
    settings: &mut BTreeMap<String, String>,
    secrets: &mut BTreeMap<String, String>,
) -> Result<Option<provider::Provider>, CommandError> {
    let (stand_in, url, key) = if let (Some(url), Some(key)) = (&options.provider, &options.key) {
        (None, url.clone(), key.clone())
    } else {
        let stand_in = provider::start(listener::bind(0).await?)?;
        let url = stand_in.base_url.clone();
        (Some(stand_in), url, provider::KEY.to_owned())
    };
    settings.insert("PROVIDER_BASE_URL".to_owned(), url);
    secrets.insert("ai-guard/PROVIDER_KEY".to_owned(), key);
    Ok(stand_in)
}

/// Starts the token mint. Its port is fixed, because tokens name it and shall survive a restart.
async fn mint(
    place: &Place,
    port: u16,
    settings: &mut BTreeMap<String, String>,
) -> Result<Tokens, CommandError> {
    let mint = Mint::open(&place.folder())?;
    let issuer = mint.serve(listener::bind(next_port(port, 2)).await?)?;
    settings.insert("CLERK_ISSUER".to_owned(), issuer);
    let now = machine::now();
    Ok(Tokens {
        user: mint.user_token("user_local", now)?,
        admin: mint.admin_token("user_admin", now)?,
        short: mint.user_token(SHORT_USER, now)?,
    })
}

fn write_env_file(
    place: &Place,
    stack: &Stack,
    tokens: Option<&Tokens>,
) -> Result<(), CommandError> {
    let mut variables = vec![
        ("SALDO_URL", stack.http_api_url.clone()),
        ("SALDO_AI_URL", stack.function_urls.get("ai-guard").cloned().unwrap_or_default()),
        ("LEDGER_TABLE", stack.table("LedgerTable")?.to_owned()),
        ("STATE_TABLE", stack.table("StateTable")?.to_owned()),
        ("SETTLE_QUEUE_URL", stack.queue_url("SettleQueue")?.to_owned()),
        ("SETTINGS_PATH", Stack::settings_path()),
        ("AWS_ENDPOINT_URL", stack.aws_url.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", stack.dynamodb_url.clone()),
        ("AWS_REGION", crate::template::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
    ];
    if let Some(tokens) = tokens {
        variables.push(("SALDO_USER_TOKEN", tokens.user.clone()));
        variables.push(("SALDO_ADMIN_TOKEN", tokens.admin.clone()));
        variables.push(("SALDO_SHORT_TOKEN", tokens.short.clone()));
    }
    let path = place.env_file();
    env_file::write(&path, &variables)
        .map_err(|error| format!("{} cannot be written: {error}", path.display()).into())
}

//! `local up`: starts everything, says how to use it, and waits for Ctrl-C.

use std::collections::BTreeMap;

use tokio::signal::unix::{SignalKind, signal};

use super::guide::Guide;
use super::people::{self, ADMIN, SHORT_USER, USER};
use super::state::Place;
use super::{CommandError, Up, env_file, events, say, template_path};
use crate::dynamodb::Storage;
use crate::listener;
use crate::machine;
use crate::mint::{AUTHORIZED_PARTY, Mint};
use crate::provider;
use crate::service_key::{SCOPES, ServiceKey};
use crate::stack::{Options, Stack};

/// Credits a new local account opens with: enough to try everything, few enough to run out.
const SIGNUP_CREDITS: u64 = 100;

/// What callers show, printed and written for scripts.
pub(super) struct Callers {
    /// Missing where tokens are not the local mint's.
    pub(super) tokens: Option<Tokens>,
    /// Missing where the service keys were given.
    pub(super) service_key: Option<String>,
}

/// The tokens of users.
pub(super) struct Tokens {
    pub(super) user: String,
    pub(super) admin: String,
    /// Of a user who is there to run out of credits.
    pub(super) short: String,
}

/// Where the functions answer.
pub(super) struct Addresses {
    /// Every route, answered whole.
    pub(super) api: String,
    /// The AI routes, streamed.
    pub(super) ai: String,
}

impl Addresses {
    fn of(stack: &Stack) -> Self {
        let ai = stack.function_urls.get("ai-guard").cloned().unwrap_or_default();
        Self { api: stack.http_api_url.clone(), ai }
    }

    /// Where `cargo lambda watch` has them, once it runs, on the port that is its default.
    fn of_watch() -> Self {
        let api = "http://127.0.0.1:9000".to_owned();
        Self { ai: format!("{api}/lambda-url/ai-guard"), api }
    }
}

pub(super) async fn run(place: &Place, options: Up) -> Result<(), CommandError> {
    // Asked for first, so that no signal finds us unprepared.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let _claim = place.claim()?;
    if !options.aws_only {
        // Looked at before the mint takes the port after next: the message shall name this one.
        drop(listener::bind(options.port).await?);
    }
    if options.fresh {
        place.forget()?;
    }
    let mut settings = BTreeMap::from([
        ("SIGNUP_CREDITS".to_owned(), SIGNUP_CREDITS.to_string()),
        ("CLERK_AUTHORIZED_PARTIES".to_owned(), AUTHORIZED_PARTY.to_owned()),
    ]);
    let mut secrets = BTreeMap::new();
    // What stands in ends when it is dropped, so it is kept to the end.
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
    let clerk = people::at_clerk(&mut settings, &mut secrets).await?;
    let service_key = service_key(&mut secrets)?;
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
        aws_only: options.aws_only,
        ..Options::new(template_path(&place.root), &place.programs, place.folder().join("logs"))
    })
    .await?;
    let callers = Callers { tokens, service_key };
    let addresses = if options.aws_only { Addresses::of_watch() } else { Addresses::of(&stack) };
    write_env_file(place, &stack, &addresses, &callers)?;
    events::write(&place.root, &callers.bearers())?;
    let signup_credits = signup_credits.unwrap_or(SIGNUP_CREDITS);
    let clerk_url = clerk.as_ref().map(|clerk| clerk.url.as_str());
    let guide = Guide { stack: &stack, addresses, callers, signup_credits, clerk_url };
    guide.print(options.aws_only, stand_in.is_some());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    say("\nstopping ...");
    stack.shutdown().await;
    drop((stand_in, clerk));
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

/// A service key of this stack's own, unless the options bring some: then nothing is known of
/// them but their hashes.
fn service_key(secrets: &mut BTreeMap<String, String>) -> Result<Option<String>, CommandError> {
    let name = "ai-guard/SERVICE_KEYS";
    if secrets.contains_key(name) {
        return Ok(None);
    }
    let made = ServiceKey::new("backend", &SCOPES)?;
    secrets.insert(name.to_owned(), made.list());
    Ok(Some(made.key))
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
        user: mint.user_token(USER, now)?,
        admin: mint.admin_token(ADMIN, now)?,
        short: mint.user_token(SHORT_USER, now)?,
    })
}

impl Callers {
    /// What stands in the example events, and what is put in its place.
    fn bearers(&self) -> Vec<(&'static str, &str)> {
        let tokens = self.tokens.iter();
        let tokens = tokens.flat_map(|it| [("TOKEN", &it.user), ("ADMIN_TOKEN", &it.admin)]);
        let service = self.service_key.iter().map(|key| ("SERVICE_KEY", key));
        tokens.chain(service).map(|(name, bearer)| (name, bearer.as_str())).collect()
    }
}

fn write_env_file(
    place: &Place,
    stack: &Stack,
    addresses: &Addresses,
    callers: &Callers,
) -> Result<(), CommandError> {
    let mut variables = vec![
        ("SALDO_URL", addresses.api.as_str()),
        ("SALDO_AI_URL", &addresses.ai),
        ("AWS_ENDPOINT_URL", &stack.aws_url),
        ("AWS_ENDPOINT_URL_DYNAMODB", &stack.dynamodb_url),
        ("AWS_REGION", crate::template::REGION),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    variables.extend(stack.shared_variables());
    if let Some(key) = &callers.service_key {
        variables.push(("SALDO_SERVICE_KEY", key));
    }
    if let Some(tokens) = &callers.tokens {
        variables.push(("SALDO_USER_TOKEN", &tokens.user));
        variables.push(("SALDO_ADMIN_TOKEN", &tokens.admin));
        variables.push(("SALDO_SHORT_TOKEN", &tokens.short));
    }
    let path = place.env_file();
    env_file::write(&path, &variables)
        .map_err(|error| format!("{} cannot be written: {error}", path.display()).into())
}

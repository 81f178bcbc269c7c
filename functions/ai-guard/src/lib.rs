//! The guard in front of the AI provider: holds credits, calls, charges what was delivered.
//!
//! | route | who may call | does |
//! |---|---|---|
//! | `POST /api/ai/chat` | a signed-in user | a chat completion |
//! | `POST /api/ai/image` | a signed-in user | generated images |
//! | `POST /v1/chat/completions` | a signed-in user | the same, for an SDK |
//! | `POST /v1/images/generations` | a signed-in user | the same, for an SDK |
//! | `POST /api/ai/holds` | a back end with a service key | takes credits for a call of its own |
//! | `POST /api/ai/holds/{id}/settle` | a back end | charges what that call used |
//! | `POST /api/ai/holds/{id}/release` | a back end | gives back what was held |
//!
//! Requests and answers of calls are in the `OpenAI` wire format and pass through byte for byte,
//! but for what a price by tokens has to limit, to ask for and to hide. With credits enforced, the
//! provider is never called without a hold, and a hold is ended once: settled when content was
//! passed on, released when none was. What a caller is told about
//! credits is in `docs/streaming.md`; what back ends send and get, in `docs/split-api.md`.

#![deny(missing_docs)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{any, post},
};
use http_api::{method_not_allowed, not_found, openai_errors};
use ledger_dynamodb::{LedgerStore, TableNames};
use startup::{BoxError, Cached, HttpClient, Parameters, Startup, StartupError, error_chain};
use tokio::time::timeout;

pub use guard::{Guard, Limits};
pub use prices::Prices;
pub use settings::{
    InvalidSettings, Models, NoModel, ProviderSettings, SECRETS, SETTINGS, Settings,
};
pub use settle::SettleQueue;

mod answer;
mod books;
mod call;
mod content;
mod estimate;
mod guard;
mod holds;
mod idempotency;
mod limit;
mod meter;
mod offer;
mod prices;
mod provider;
mod replay;
mod report;
mod rewrite;
mod settings;
mod settle;
mod sse;
mod stream;
mod tab;
mod usage;

/// How long a start waits for what it could do without.
const WARM_UP_LIMIT: Duration = Duration::from_secs(1);

/// Reads settings and prices, which makes both TLS connections while start-up has a whole
/// processor, and builds the router. Missing or wrong settings stop the start by name.
pub async fn start(startup: &Startup) -> Result<Router, BoxError> {
    let names = TableNames::from_variables(|name| startup.required(name))?;
    let store = LedgerStore::new(startup.dynamodb(), names);
    let queue = SettleQueue::later(startup.sqs_later(), startup.required("SETTLE_QUEUE_URL")?);
    let limits = Limits::read(startup)?;
    let prices = Prices::new(startup.clock.clone(), store.clone());
    let (settings, read) = tokio::join!(live_settings(startup), prices.current());
    if let Err(error) = read {
        let error = error_chain(error.as_ref());
        tracing::warn!(error, "the prices could not be read, the next call tries again");
    }
    let settings = settings?;
    warm_up(startup, settings.current().await.as_ref()).await;
    Ok(router(Guard {
        clock: startup.clock.clone(),
        http: startup.http.clone(),
        store,
        settings,
        prices,
        queue,
        limits,
    }))
}

/// Connects to the provider and fetches the keys of tokens while start-up has a whole processor: in
/// a function of 128 MB, a handshake takes the first caller fourteen times as long. What does not
/// succeed soon is left to the call that needs it.
async fn warm_up(startup: &Startup, settings: &Settings) {
    let provider = startup.http.connect(&settings.provider.base_url, WARM_UP_LIMIT);
    let keys = timeout(WARM_UP_LIMIT, settings.verifier.warm_up(startup.clock.now()));
    let (connected, _) = tokio::join!(provider, keys);
    if let Err(error) = connected {
        let error = error_chain(&error);
        tracing::info!(error, "the provider could not be reached during the start");
    }
}

/// The routes, with everything behind them made by the caller.
pub fn router(guard: Guard) -> Router {
    let body_bytes = guard.limits.body_bytes;
    let guard = Arc::new(guard);
    let ours = Router::new()
        .route("/api/ai/chat", post(guard::chat))
        .route("/api/ai/image", post(guard::image))
        .route("/api/ai/holds", post(holds::place))
        .route("/api/ai/holds/{id}/settle", post(holds::settle))
        .route("/api/ai/holds/{id}/release", post(holds::release))
        .method_not_allowed_fallback(method_not_allowed);
    // Whatever an SDK asks for below its base URL is answered in the words it reads.
    let compatible = Router::new()
        .route("/v1/chat/completions", post(guard::chat))
        .route("/v1/images/generations", post(guard::image))
        .route("/v1", any(not_found))
        .route("/v1/", any(not_found))
        .route("/v1/{*path}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(openai_errors));
    ours.merge(compatible)
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(body_bytes))
        .with_state(guard)
}

impl Limits {
    /// Reads `PROVIDER_FIRST_BYTE_MS`, `PROVIDER_IDLE_MS` and `BODY_LIMIT_BYTES`, each with the
    /// default of the template.
    fn read(startup: &Startup) -> Result<Self, StartupError> {
        // 32 bits: a number of milliseconds that no point in time can overflow by.
        let milliseconds = |name, default: u32| {
            let value = startup.parsed(name, default)?;
            Ok(Duration::from_millis(value.into()))
        };
        Ok(Self {
            first_byte: milliseconds("PROVIDER_FIRST_BYTE_MS", 60_000)?,
            idle: milliseconds("PROVIDER_IDLE_MS", 30_000)?,
            body_bytes: startup.parsed("BODY_LIMIT_BYTES", 5_000_000)?,
        })
    }
}

/// The settings from the parameter store, which renew themselves.
async fn live_settings(startup: &Startup) -> Result<Cached<Settings>, BoxError> {
    let source = Arc::new(SettingsSource {
        parameters: startup.parameters(),
        names: full_names(startup)?,
        http: startup.http.clone(),
        last: Mutex::default(),
    });
    let fetch = move || {
        let source = Arc::clone(&source);
        async move { source.read().await }
    };
    Cached::load(startup.clock.clone(), fetch).await
}

fn full_names(startup: &Startup) -> Result<Vec<String>, StartupError> {
    let settings = startup.required("SETTINGS_PATH")?;
    let secrets = startup.required("SECRETS_PATH")?;
    let settings = SETTINGS.iter().map(|name| format!("{settings}/{name}"));
    Ok(settings.chain(SECRETS.iter().map(|name| format!("{secrets}/{name}"))).collect())
}

/// Where settings are read, and the last ones that were.
struct SettingsSource {
    parameters: Parameters,
    names: Vec<String>,
    http: HttpClient,
    last: Mutex<Option<Settings>>,
}

impl SettingsSource {
    async fn read(&self) -> Result<Settings, BoxError> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let values: BTreeMap<String, String> = self.parameters.read(&names).await?;
        let lookup = |name: &str| values.get(name).cloned();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = match last.as_ref() {
            Some(last) => Settings::renew(lookup, &self.http, last),
            None => Settings::read(lookup, &self.http)?,
        };
        *last = Some(settings.clone());
        Ok(settings)
    }
}

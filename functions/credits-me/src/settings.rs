//! What an operator has set, as far as this function needs it, with the prices in force and what
//! the plans bring.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use directory::{Directory, DirectoryError};
use http_api::{InvalidTokenSettings, TokenSettings, TokenVerifier};
use ledger::{Credits, mode::Mode, price::PriceBook};
use ledger_dynamodb::LedgerStore;
use startup::{BoxError, Cached, HttpClient, Parameters, Startup, error_chain};
use tokio::time::{Instant, timeout_at};

/// The parameters read, by the last part of their names.
const NAMES: [&str; 7] = [
    "CREDITS_ENABLED",
    "SIGNUP_CREDITS",
    "LOW_BALANCE",
    "CLERK_ISSUER",
    "CLERK_AUTHORIZED_PARTIES",
    "CLERK_JWT_KEY",
    "CLERK_JWKS_URL",
];

/// At or below this many credits a balance is low, where no setting says otherwise.
const LOW_BALANCE: Credits = match Credits::new(10) {
    Ok(credits) => credits,
    Err(_) => Credits::ZERO,
};

/// The identity provider's keys take a few kilobytes; what is longer is something else.
const KEYS_BYTES_MAX: usize = 64 * 1024;

/// How long a request waits for the identity provider's keys before it is answered with 503.
const KEYS_LIMIT: Duration = Duration::from_secs(3);

/// How long the settings wait for the prices and the plans together, less than a renewal may take
/// in all.
const CATALOGUE_LIMIT: Duration = Duration::from_millis(1_500);

/// The settings of one moment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether credits count.
    pub mode: Mode,
    /// What an account opens with, zero or above.
    pub signup: Credits,
    /// At or below this a balance is low.
    pub low_balance: Credits,
    /// The prices in force; `None` if they could not be read when the settings were.
    pub prices: Option<PriceBook>,
    /// What a period of each active plan brings, by the plan's id; `None` if they could not be read
    /// when the settings were.
    pub plan_credits: Option<PlanCredits>,
    /// Judges the callers' tokens.
    pub verifier: Arc<TokenVerifier>,
}

/// Credits per period by the id of a plan.
pub type PlanCredits = BTreeMap<String, Credits>;

/// What the tables say of prices, each part on its own.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// As in [`Settings`].
    pub prices: Option<PriceBook>,
    /// As in [`Settings`].
    pub plan_credits: Option<PlanCredits>,
}

/// A setting that cannot be used; names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting `{0}` is not a whole number of credits, zero or above")]
pub struct InvalidSetting(pub &'static str);

impl Settings {
    /// From the values set, by name. What is not set has its default.
    pub fn new(
        values: &BTreeMap<String, String>,
        Catalogue { prices, plan_credits }: Catalogue,
        verifier: Arc<TokenVerifier>,
    ) -> Result<Self, InvalidSetting> {
        Ok(Self {
            mode: mode(values),
            signup: credits(values, "SIGNUP_CREDITS", Credits::ZERO)?,
            low_balance: credits(values, "LOW_BALANCE", LOW_BALANCE)?,
            prices,
            plan_credits,
            verifier,
        })
    }
}

fn mode(values: &BTreeMap<String, String>) -> Mode {
    Mode::parse(values.get("CREDITS_ENABLED").map(String::as_str))
}

fn credits(
    values: &BTreeMap<String, String>,
    name: &'static str,
    default: Credits,
) -> Result<Credits, InvalidSetting> {
    let text = values.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(default) };
    let value = text.parse::<i64>().ok().and_then(|value| Credits::new(value).ok());
    value.filter(|credits| !credits.is_negative()).ok_or(InvalidSetting(name))
}

/// Reads the settings, now and again whenever they have become old.
pub(crate) async fn keep_current(
    startup: &Startup,
    store: LedgerStore,
    directory: Directory,
) -> Result<Cached<Settings>, BoxError> {
    let path = startup.required("SETTINGS_PATH")?;
    let source = Arc::new(Source {
        parameters: startup.parameters(),
        names: NAMES.map(|name| format!("{}/{name}", path.trim_end_matches('/'))),
        store,
        directory,
        http: startup.http.clone(),
        last: Mutex::default(),
        last_book: Mutex::default(),
    });
    let read = move || {
        let source = Arc::clone(&source);
        async move { source.read().await }
    };
    Cached::load(startup.clock.clone(), read).await
}

/// Where the settings come from.
struct Source {
    parameters: Parameters,
    names: [String; NAMES.len()],
    store: LedgerStore,
    directory: Directory,
    http: HttpClient,
    /// The settings made last.
    last: Mutex<Option<Settings>>,
    /// The price book that was found last.
    last_book: Mutex<Option<PriceBook>>,
}

impl Source {
    async fn read(&self) -> Result<Settings, BoxError> {
        let names = self.names.each_ref().map(String::as_str);
        let (values, catalogue) = tokio::join!(self.parameters.read(&names), self.catalogue());
        let values = values?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let verifier = last.as_ref().map(|last| &last.verifier);
        let settings = match (self.settings(&values, catalogue.clone(), verifier), last.as_ref()) {
            // A slip in one setting must not take the off switch away.
            (Err(error), Some(last)) => {
                let error = error_chain(error.as_ref());
                tracing::error!(error, "the settings cannot be used; all but the mode stay");
                let Catalogue { prices, plan_credits } = catalogue;
                Settings { mode: mode(&values), prices, plan_credits, ..last.clone() }
            }
            (read, _) => read?,
        };
        *last = Some(settings.clone());
        Ok(settings)
    }

    fn settings(
        &self,
        values: &BTreeMap<String, String>,
        catalogue: Catalogue,
        verifier: Option<&Arc<TokenVerifier>>,
    ) -> Result<Settings, BoxError> {
        let token = TokenSettings::from_lookup(|name| values.get(name).cloned())?;
        Ok(Settings::new(values, catalogue, self.verifier(token, verifier)?)?)
    }

    /// Prices and plans are needed by one route only, and not while credits are off: a table out
    /// of reach must neither stop a start nor keep a change of mode from being seen. They are read
    /// one after the other: at once they would need a connection each.
    async fn catalogue(&self) -> Catalogue {
        let deadline = Instant::now() + CATALOGUE_LIMIT;
        let prices = self.prices(deadline).await;
        let plans = timeout_at(deadline, plan_credits(&self.directory)).await;
        let plans = plans.map_err(BoxError::from).and_then(|plans| plans.map_err(BoxError::from));
        let plan_credits = plans.inspect_err(|error| {
            let error = error_chain(error.as_ref());
            tracing::warn!(error, "the plans could not be read");
        });
        Catalogue { prices, plan_credits: plan_credits.ok() }
    }

    /// A book that is there no more stays in force, as it does for calls.
    async fn prices(&self, deadline: Instant) -> Option<PriceBook> {
        let read = timeout_at(deadline, self.store.price_book()).await;
        let read = read.map_err(BoxError::from).and_then(|book| book.map_err(BoxError::from));
        let book = read.inspect_err(|error| {
            let error = error_chain(error.as_ref());
            tracing::warn!(error, "the prices could not be read");
        });
        let book = book.ok()?;
        let mut last = self.last_book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.is_none() && last.is_some() {
            tracing::error!("the price book is gone from the table, the last one stays in force");
        }
        *last = book.or_else(|| last.take());
        Some(last.clone().unwrap_or_default())
    }

    /// The verifier is kept while nothing about tokens changes, because it holds the keys it has
    /// fetched.
    fn verifier(
        &self,
        token: TokenSettings,
        last: Option<&Arc<TokenVerifier>>,
    ) -> Result<Arc<TokenVerifier>, InvalidTokenSettings> {
        if let Some(verifier) = last.filter(|verifier| *verifier.settings() == token) {
            return Ok(Arc::clone(verifier));
        }
        let http = self.http.clone();
        let fetch = move |url: String| {
            let http = http.clone();
            async move { http.get(&url, KEYS_BYTES_MAX, KEYS_LIMIT).await }
        };
        TokenVerifier::new(token, fetch).map(Arc::new)
    }
}

/// What a period of each active plan brings, as the table has it now. Plans that only some can see
/// are among them: whoever is on one wants to know.
pub(crate) async fn plan_credits(directory: &Directory) -> Result<PlanCredits, DirectoryError> {
    let active = directory.plans().await?.into_iter().filter(|plan| plan.active);
    Ok(active.map(|plan| (plan.id, plan.credits)).collect())
}

#[cfg(test)]
mod tests;

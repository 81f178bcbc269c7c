//! What an operator has set, as far as functions for admins need it.

mod values;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_api::{InvalidTokenSettings, TokenSettings, TokenVerifier};
use jiff::SignedDuration;
use ledger::{Credits, mode::Mode};
use startup::{BoxError, Cached, HttpClient, Parameters, Startup, error_chain};

pub use self::values::InvalidSetting;
use self::values::Values;
use crate::rule::AdminRule;

#[cfg(test)]
mod tests;

/// The parameters read, by the last part of their names.
const NAMES: [&str; 14] = [
    "CREDITS_ENABLED",
    "MANUAL_SYNC_ENABLED",
    "SIGNUP_CREDITS",
    "LOW_BALANCE",
    "HIGH_BALANCE",
    "RENEWAL_GRACE_DAYS",
    "ADMIN_CLAIM",
    "ADMIN_ORGANIZATION",
    "CLERK_API_URL",
    "CLERK_RATE",
    "CLERK_ISSUER",
    "CLERK_AUTHORIZED_PARTIES",
    "CLERK_JWT_KEY",
    "CLERK_JWKS_URL",
];

/// At or below this many credits a balance is low, where no setting says otherwise.
const LOW_BALANCE: i64 = 10;
/// At or above this many credits a balance is high, where no setting says otherwise.
const HIGH_BALANCE: i64 = 10_000;
/// Renewals are paid an hour or days after a period's end; longer than a month is a mistake.
const RENEWAL_GRACE_DAYS: (u32, u32) = (3, 31);
/// Where the identity provider's Backend API is, where no setting says otherwise.
const CLERK_API_URL: &str = "https://api.clerk.com";
/// Requests in ten seconds that the provider allows a production instance.
const CLERK_RATE: u32 = 1_000;
/// Far above any rate the provider has ever allowed.
const CLERK_RATE_MAX: u32 = 100_000;

/// The identity provider's keys take a few kilobytes; what is longer is something else.
const KEYS_BYTES_MAX: usize = 64 * 1024;
/// How long a request waits for the identity provider's keys before it is answered with 503.
const KEYS_LIMIT: Duration = Duration::from_secs(3);

/// The settings of one moment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether credits count.
    pub mode: Mode,
    /// Judges the callers' tokens.
    pub verifier: Arc<TokenVerifier>,
    /// Who is an admin.
    pub admins: AdminRule,
    /// What an account opens with, zero or above.
    pub signup: Credits,
    /// At or below this a balance is low.
    pub low_balance: Credits,
    /// At or above this a balance is high.
    pub high_balance: Credits,
    /// Whether users and plans may be taken over by hand.
    pub manual_sync: bool,
    /// How long after its end a period's credits wait for the renewal.
    pub renewal_grace: SignedDuration,
    /// The base URL of the identity provider's Backend API, without a slash at its end.
    pub clerk_api_url: String,
    /// How many requests in ten seconds the provider allows.
    pub clerk_rate: u32,
    /// Every parameter read that is set, by name.
    pub values: BTreeMap<String, String>,
}

impl Settings {
    /// From the values set, by name. What is not set has its default.
    pub fn new(
        values: BTreeMap<String, String>,
        verifier: Arc<TokenVerifier>,
    ) -> Result<Self, InvalidSetting> {
        let read = Values(&values);
        let (grace, grace_max) = RENEWAL_GRACE_DAYS;
        let grace = read.number("RENEWAL_GRACE_DAYS", grace, 0..=grace_max)?;
        let url = read.url("CLERK_API_URL", CLERK_API_URL)?;
        Ok(Self {
            mode: mode(&values),
            verifier,
            admins: AdminRule::new(read.get("ADMIN_CLAIM"), read.get("ADMIN_ORGANIZATION"))?,
            signup: read.credits("SIGNUP_CREDITS", 0)?,
            low_balance: read.credits("LOW_BALANCE", LOW_BALANCE)?,
            high_balance: read.credits("HIGH_BALANCE", HIGH_BALANCE)?,
            manual_sync: read.toggle("MANUAL_SYNC_ENABLED", true)?,
            renewal_grace: SignedDuration::from_hours(24 * i64::from(grace)),
            clerk_api_url: url,
            clerk_rate: read.number("CLERK_RATE", CLERK_RATE, 1..=CLERK_RATE_MAX)?,
            values,
        })
    }
}

fn mode(values: &BTreeMap<String, String>) -> Mode {
    Mode::parse(values.get("CREDITS_ENABLED").map(String::as_str))
}

/// Reads the settings, now and again whenever they have become old.
///
/// Fails, naming it, if `SETTINGS_PATH` or a required setting is missing or one cannot be used.
/// Later on settings that cannot be used leave the last ones in force, but for the mode.
pub async fn keep_current(startup: &Startup) -> Result<Cached<Settings>, BoxError> {
    let path = startup.required("SETTINGS_PATH")?;
    let source = Arc::new(Source {
        parameters: startup.parameters(),
        names: NAMES.map(|name| format!("{}/{name}", path.trim_end_matches('/'))),
        http: startup.http.clone(),
        last: Mutex::default(),
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
    http: HttpClient,
    /// The settings made last.
    last: Mutex<Option<Settings>>,
}

impl Source {
    async fn read(&self) -> Result<Settings, BoxError> {
        let names = self.names.each_ref().map(String::as_str);
        let values = self.parameters.read(&names).await?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = match (self.settings(&values, last.as_ref()), last.as_ref()) {
            // A slip in one setting must not take the off switch away.
            (Err(error), Some(last)) => {
                let error = error_chain(error.as_ref());
                tracing::error!(error, "the settings cannot be used; all but the mode stay");
                Settings { mode: mode(&values), ..last.clone() }
            }
            (read, _) => read?,
        };
        *last = Some(settings.clone());
        Ok(settings)
    }

    fn settings(
        &self,
        values: &BTreeMap<String, String>,
        last: Option<&Settings>,
    ) -> Result<Settings, BoxError> {
        let token = TokenSettings::from_lookup(|name| values.get(name).cloned())?;
        let verifier = self.verifier(token, last.map(|last| &last.verifier))?;
        Ok(Settings::new(values.clone(), verifier)?)
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

//! What an operator can change while the guard runs. A call keeps the settings it began with.

use std::{
    collections::BTreeSet, fmt, ops::RangeInclusive, str::FromStr, sync::Arc, time::Duration,
};

use http::{HeaderValue, Uri, uri::Scheme};
use http_api::{InvalidTokenSettings, ServiceKeys, TokenSettings, TokenVerifier};
use jiff::SignedDuration;
use ledger::{Credits, mode::Mode};
use startup::{HttpClient, error_chain};

#[cfg(test)]
mod tests;

/// The plain settings, by the last segment of their names.
pub const SETTINGS: [&str; 9] = [
    "CREDITS_ENABLED",
    "SIGNUP_CREDITS",
    "HOLD_SECONDS",
    "PROVIDER_BASE_URL",
    "PROVIDER_MODELS",
    "CLERK_ISSUER",
    "CLERK_AUTHORIZED_PARTIES",
    "CLERK_JWT_KEY",
    "CLERK_JWKS_URL",
];

/// The secrets, by the last segment of their names. With the settings they are eleven: two
/// requests to the parameter store, which run at once.
pub const SECRETS: [&str; 2] = ["PROVIDER_KEY", "SERVICE_KEYS"];

/// How long a hold stands where no setting says so: 20 minutes, longer than any function runs.
const HOLD_SECONDS: i64 = 1_200;

/// A hold that stands longer than an hour helps nobody: no call runs that long, the credits of a
/// crashed one would be out of reach for as long, and the list of open holds looks two hours back.
pub(crate) const HOLD_SECONDS_MAX: i64 = 3_600;

/// A handful of keys of 500 bytes each.
const KEYS_BYTES_MAX: usize = 64 * 1024;

/// A caller waits for the keys, and the answer is a static file.
const KEYS_LIMIT: Duration = Duration::from_secs(3);

/// The settings of a guarded call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether credits are enforced, measured or off.
    pub mode: Mode,
    /// What a new account opens with, in credits.
    pub signup: Credits,
    /// How long a hold stands without an outcome.
    pub hold_time: SignedDuration,
    /// Where calls go.
    pub provider: ProviderSettings,
    /// Who callers are.
    pub verifier: Arc<TokenVerifier>,
    /// Which back ends may hold credits for accounts; none where there is no such setting.
    pub service_keys: ServiceKeys,
}

/// How the AI provider is reached.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// An absolute `http` or `https` address without a slash at its end.
    pub base_url: String,
    /// The value of `Authorization`, marked as sensitive so that nothing prints it.
    pub authorization: HeaderValue,
    /// The models that may be asked for.
    pub models: Models,
}

/// The models that may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Models {
    /// Whatever the provider has.
    Any,
    /// These names, exactly.
    Listed(BTreeSet<String>),
}

/// Settings the guard cannot work with; names the setting, never its value.
#[derive(thiserror::Error)]
pub enum InvalidSettings {
    /// A required setting is absent or empty.
    #[error("setting `{0}` is missing")]
    Missing(&'static str),
    /// A setting has a value that cannot be used.
    #[error("setting `{name}` is not valid: {reason}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// What it must be.
        reason: String,
    },
    /// The settings by which callers are known.
    #[error(transparent)]
    Token(#[from] InvalidTokenSettings),
}

/// A failed start prints its error with `Debug`; the operator should read the sentence.
impl fmt::Debug for InvalidSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Settings {
    /// Reads the settings from a lookup by name. Token keys that are not at hand are fetched
    /// through `http`.
    pub fn read(
        lookup: impl Fn(&str) -> Option<String>,
        http: &HttpClient,
    ) -> Result<Self, InvalidSettings> {
        Self::read_after(lookup, http, None)
    }

    /// Reads the settings again. Where one of them cannot be used, which is logged by name, all
    /// stay as they were but the mode: a slip in one setting must not take the off switch away.
    /// Fetched token keys are kept where nothing about tokens has changed.
    #[must_use]
    pub fn renew(
        lookup: impl Fn(&str) -> Option<String>,
        http: &HttpClient,
        previous: &Self,
    ) -> Self {
        let read = Self::read_after(&lookup, http, Some(&previous.verifier));
        read.unwrap_or_else(|error| {
            let error = error_chain(&error);
            tracing::error!(error, "the settings cannot be used; all but the mode stay");
            Self { mode: mode(&lookup), ..previous.clone() }
        })
    }

    fn read_after(
        lookup: impl Fn(&str) -> Option<String>,
        http: &HttpClient,
        previous: Option<&Arc<TokenVerifier>>,
    ) -> Result<Self, InvalidSettings> {
        let optional = |name: &str| filled(&lookup, name);
        let number = |name, default: i64, range: RangeInclusive<i64>, unit| {
            let Some(text) = optional(name) else {
                return Ok(default);
            };
            let value = text.parse().ok().filter(|value| range.contains(value));
            let (min, max) = range.into_inner();
            let reason = || format!("it must be a whole number of {unit} from {min} to {max}");
            value.ok_or_else(|| InvalidSettings::Invalid { name, reason: reason() })
        };
        let signup = number("SIGNUP_CREDITS", 0, 0..=Credits::MAX.get(), "credits")?;
        let hold_range = 1..=HOLD_SECONDS_MAX;
        let hold_seconds = number("HOLD_SECONDS", HOLD_SECONDS, hold_range, "seconds")?;
        let tokens = TokenSettings::from_lookup(&lookup)?;
        Ok(Self {
            mode: mode(&lookup),
            signup: Credits::new(signup).unwrap_or_default(),
            hold_time: SignedDuration::from_secs(hold_seconds),
            provider: ProviderSettings::read(optional)?,
            verifier: verifier(tokens, http, previous)?,
            service_keys: service_keys(optional("SERVICE_KEYS"))?,
        })
    }
}

fn mode(lookup: impl Fn(&str) -> Option<String>) -> Mode {
    Mode::parse(filled(lookup, "CREDITS_ENABLED").as_deref())
}

/// A setting without the blanks around it; `None` where nothing is left.
fn filled(lookup: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let value = lookup(name)?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn verifier(
    tokens: TokenSettings,
    http: &HttpClient,
    previous: Option<&Arc<TokenVerifier>>,
) -> Result<Arc<TokenVerifier>, InvalidTokenSettings> {
    if let Some(verifier) = previous.filter(|verifier| *verifier.settings() == tokens) {
        return Ok(Arc::clone(verifier));
    }
    let http = http.clone();
    let fetch = move |url: String| {
        let http = http.clone();
        async move { http.get(&url, KEYS_BYTES_MAX, KEYS_LIMIT).await }
    };
    TokenVerifier::new(tokens, fetch).map(Arc::new)
}

/// Without such keys nobody can hold credits in an account's name.
fn service_keys(json: Option<String>) -> Result<ServiceKeys, InvalidSettings> {
    let keys = json.map(|json| ServiceKeys::parse(&json)).transpose();
    let name = "SERVICE_KEYS";
    keys.map(Option::unwrap_or_default)
        .map_err(|why| InvalidSettings::Invalid { name, reason: why.to_string() })
}

impl ProviderSettings {
    fn read(optional: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSettings> {
        let required = |name| optional(name).ok_or(InvalidSettings::Missing(name));
        let invalid = |name, reason: &str| InvalidSettings::Invalid { name, reason: reason.into() };
        let name = "PROVIDER_BASE_URL";
        let base_url = required(name)?.trim_end_matches('/').to_owned();
        if !is_base_url(&base_url) {
            return Err(invalid(name, "it must be an http or https address without a query"));
        }
        let models = required("PROVIDER_MODELS")?;
        let reason = "it must name models, separated by commas, or be an asterisk";
        let models = models.parse().map_err(|NoModel| invalid("PROVIDER_MODELS", reason))?;
        let key = required("PROVIDER_KEY")?;
        let reason = "it has a character that no header may contain";
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| invalid("PROVIDER_KEY", reason))?;
        authorization.set_sensitive(true);
        Ok(Self { base_url, authorization, models })
    }
}

fn is_base_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let web = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    web && uri.authority().is_some() && uri.query().is_none()
}

/// A list that allows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is named")]
pub struct NoModel;

impl FromStr for Models {
    type Err = NoModel;

    fn from_str(text: &str) -> Result<Self, NoModel> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        if names.is_empty() {
            return Err(NoModel);
        }
        Ok(if names.contains("*") { Self::Any } else { Self::Listed(names) })
    }
}

impl Models {
    /// Whether `model` may be asked for.
    pub fn allow(&self, model: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(names) => names.contains(model),
        }
    }
}

//! The identity provider's public keys, fetched when they are needed and kept.
//!
//! A fetch is made for a key id that is not known and for keys that have become old, one at a
//! time, and never sooner after the last one than a gap: a flood of tokens with made-up key ids
//! costs the provider one request per gap. Keys that cannot be refreshed are kept.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::BoxError;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Chain;

/// How long a key is believed without looking again whether it was withdrawn; the vendor's own
/// SDK keeps keys as long.
const AGE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// How long an unknown key id is refused without another look. A provider publishes a new key
/// well before it signs with it.
const GAP_AFTER_SUCCESS: SignedDuration = SignedDuration::from_secs(30);

/// How soon a failed fetch is tried again: callers are waiting, or old keys are in use.
const GAP_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(5);

/// A key takes about 500 bytes, and a provider publishes a handful.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

type Fetching = Pin<Box<dyn Future<Output = Result<Bytes, BoxError>> + Send>>;

/// The keys behind one URL.
pub(crate) struct Jwks {
    url: String,
    fetch: Box<dyn Fn(String) -> Fetching + Send + Sync>,
    known: Mutex<Known>,
    fetching: tokio::sync::Mutex<()>,
}

/// Why there is no key to judge with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyMissing {
    /// The provider does not publish a key with this id.
    Unknown,
    /// It is not known whether it does.
    Unavailable,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    last_fetch: Option<LastFetch>,
}

#[derive(Clone, Copy)]
struct LastFetch {
    at: Timestamp,
    succeeded: bool,
}

impl Jwks {
    /// Fetches nothing yet.
    pub(crate) fn new<F, E>(
        url: String,
        fetch: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let fetch = move |url| -> Fetching {
            let fetching = fetch(url);
            Box::pin(async move { fetching.await.map_err(Into::into) })
        };
        Self {
            url,
            fetch: Box::new(fetch),
            known: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// The key with this id, fetched if that is due.
    pub(crate) async fn key(&self, id: &str, now: Timestamp) -> Result<DecodingKey, KeyMissing> {
        if !self.known().fetch_is_due(id, now) {
            return self.known().key(id);
        }
        let _one_at_a_time = self.fetching.lock().await;
        // Whoever had to wait finds what was fetched meanwhile.
        if self.known().fetch_is_due(id, now) {
            let fetched = self.fetch_keys().await;
            self.known().take(fetched, now);
        }
        self.known().key(id)
    }

    /// Fetches the keys before anybody needs one. A failure leaves everything as it was.
    pub(crate) async fn warm_up(&self, now: Timestamp) {
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(keys) = self.fetch_keys().await {
            self.known().take(Some(keys), now);
        }
    }

    /// The keys as published now; logs why when there are none.
    async fn fetch_keys(&self) -> Option<HashMap<String, DecodingKey>> {
        let read = match (self.fetch)(self.url.clone()).await {
            Ok(answer) => usable_keys(&answer).map_err(BoxError::from),
            Err(error) => Err(error),
        };
        let keys = read.inspect_err(|error| {
            let error = Chain(error.as_ref());
            tracing::error!(%error, url = self.url, "the identity provider's keys are unavailable");
        });
        keys.ok()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held, and a whole set is put in at once.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn fetch_is_due(&self, id: &str, now: Timestamp) -> bool {
        let Some(last) = self.last_fetch else {
            return true;
        };
        let wait = match (last.succeeded, self.keys.contains_key(id)) {
            (true, true) => AGE_MAX,
            (true, false) => GAP_AFTER_SUCCESS,
            (false, _) => GAP_AFTER_FAILURE,
        };
        now.duration_since(last.at) >= wait
    }

    fn key(&self, id: &str) -> Result<DecodingKey, KeyMissing> {
        match (self.keys.get(id), self.last_fetch) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(LastFetch { succeeded: true, .. })) => Err(KeyMissing::Unknown),
            (None, _) => Err(KeyMissing::Unavailable),
        }
    }

    fn take(&mut self, fetched: Option<HashMap<String, DecodingKey>>, now: Timestamp) {
        self.last_fetch = Some(LastFetch { at: now, succeeded: fetched.is_some() });
        if let Some(keys) = fetched {
            self.keys = keys;
        }
    }
}

/// Why an answer of the provider is no set of keys.
#[derive(Debug, thiserror::Error)]
enum UnusableAnswer {
    #[error("the answer has {bytes} bytes, more than {ANSWER_BYTES_MAX}")]
    TooLarge { bytes: usize },
    #[error("the answer is not a set of keys")]
    NotAKeySet(#[source] serde_json::Error),
    #[error("the answer has no key for RS256")]
    NoKey,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// The RS256 signing keys among those published. Others are left out, and do no harm.
fn usable_keys(answer: &[u8]) -> Result<HashMap<String, DecodingKey>, UnusableAnswer> {
    let bytes = answer.len();
    if bytes > ANSWER_BYTES_MAX {
        return Err(UnusableAnswer::TooLarge { bytes });
    }
    let set: KeySet = serde_json::from_slice(answer).map_err(UnusableAnswer::NotAKeySet)?;
    let keys: HashMap<_, _> = set.keys.iter().filter_map(usable_key).collect();
    if keys.is_empty() {
        return Err(UnusableAnswer::NoKey);
    }
    Ok(keys)
}

fn usable_key(key: &Value) -> Option<(String, DecodingKey)> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let is_for_us = text("kty") == Some("RSA")
        && text("use").is_none_or(|purpose| purpose == "sig")
        && text("alg").is_none_or(|algorithm| algorithm == "RS256");
    if !is_for_us {
        return None;
    }
    let components = DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?;
    Some((text("kid")?.to_owned(), components))
}

#[cfg(test)]
mod tests;

//! A value read from elsewhere that renews itself while it is used.
//!
//! A frozen function has no background, so the request that finds the value stale is the one that
//! reads it again; the others wait for it rather than asking too. Where reading fails, the old
//! value stays: settings that cannot be read must not stop a product.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::{BoxError, clock::Clock, telemetry::error_chain};

/// How old a value may be when a request takes it. A change must reach every call within 60 s;
/// five seconds are left for the request to get from here to where the value counts.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(55);

/// How long nobody reads again after a failure: the source is spared, and so are the requests
/// that would each wait for it in vain.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(5);

/// How long a request waits for a renewal before it goes on with the old value.
const RENEWAL_LIMIT: Duration = Duration::from_secs(2);

/// A `S` that is at most a minute old each time it is used. Cheap to clone; the clones share it.
pub struct Cached<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    clock: Clock,
    fetch: Box<dyn Fn() -> BoxFuture<'static, Result<S, BoxError>> + Send + Sync>,
    // Held while renewing: whoever comes meanwhile has found the value stale as well.
    held: Mutex<Held<S>>,
}

struct Held<S> {
    value: Arc<S>,
    /// When reading it began, so that a slow read never makes a value look newer than it is.
    read_at: Timestamp,
    failed_at: Option<Timestamp>,
}

impl<S> Cached<S> {
    /// Reads the value for the first time. Meant for the init phase, where an error stops the
    /// cold start; `fetch` is called again, later, for each renewal.
    pub async fn load<F, Fut>(clock: Clock, fetch: F) -> Result<Cached<S>, BoxError>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, BoxError>> + Send + 'static,
    {
        let read_at = clock.now();
        let value = Arc::new(fetch().await?);
        let held = Mutex::new(Held { value, read_at, failed_at: None });
        let fetch = Box::new(move || fetch().boxed());
        Ok(Cached { inner: Arc::new(Inner { clock, fetch, held }) })
    }

    /// The value, read again first if it is too old. Never fails: an error is logged once, and
    /// the old value is used for five more seconds before the next try.
    pub async fn current(&self) -> Arc<S> {
        let mut held = self.inner.held.lock().await;
        let now = self.inner.clock.now();
        if held.may_be_used(now) {
            return held.value.clone();
        }
        let renewal = tokio::time::timeout(RENEWAL_LIMIT, (self.inner.fetch)()).await;
        let renewed = renewal.unwrap_or_else(|_| Err("no answer in time".into()));
        match renewed {
            Ok(value) => {
                *held = Held { value: Arc::new(value), read_at: now, failed_at: None };
            }
            Err(error) => {
                let error = error_chain(error.as_ref());
                tracing::warn!(error, "settings could not be read, the old ones stay in use");
                held.failed_at = Some(self.inner.clock.now());
            }
        }
        held.value.clone()
    }
}

impl<S> Held<S> {
    fn may_be_used(&self, now: Timestamp) -> bool {
        // A clock that was set back makes an age negative; such a value counts as old.
        let within = |since: Timestamp, limit| {
            let age = now.duration_since(since);
            !age.is_negative() && age < limit
        };
        within(self.read_at, MAX_AGE)
            || self.failed_at.is_some_and(|at| within(at, PAUSE_AFTER_FAILURE))
    }
}

impl<S> Clone for Cached<S> {
    fn clone(&self) -> Cached<S> {
        Cached { inner: Arc::clone(&self.inner) }
    }
}

/// Settings may hold secrets: the value is not printed.
impl<S> fmt::Debug for Cached<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cached").finish_non_exhaustive()
    }
}

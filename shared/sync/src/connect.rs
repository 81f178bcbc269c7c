//! What a run works with, made from the environment, a secret and two settings, and made again
//! every minute, so that a new key or another address counts without a deploy.

use std::sync::Arc;

use clerk::{Clerk, Secret};
use directory::Directory;
use ledger_dynamodb::LedgerStore;
use projection::{Projector, RetryQueue};
use startup::{BoxError, Cached, Clock, HttpClient, Parameters, Startup};

use crate::Parts;

/// The one secret, by the last part of its name.
const SECRET: &str = "CLERK_SECRET_KEY";

/// The settings that say how Clerk is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The base URL of its Backend API.
    pub url: String,
    /// How many requests it takes in ten seconds.
    pub rate: u32,
}

/// What everything is made of.
struct Source {
    parameters: Parameters,
    name: String,
    http: HttpClient,
    store: LedgerStore,
    directory: Directory,
    queue: RetryQueue,
    clock: Clock,
}

impl Parts {
    /// What a run works with in this process; `provider` reads the settings. Fails, naming it, if
    /// a variable or the secret is missing.
    pub async fn keep_current<F, Fut>(
        startup: &Startup,
        (store, directory): (LedgerStore, Directory),
        provider: F,
    ) -> Result<Cached<Self>, BoxError>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Provider> + Send + 'static,
    {
        let secrets = startup.required("SECRETS_PATH")?;
        let source = Arc::new(Source {
            parameters: startup.parameters(),
            name: format!("{}/{SECRET}", secrets.trim_end_matches('/')),
            http: startup.http.clone(),
            store,
            directory,
            queue: RetryQueue::new(startup.sqs(), startup.required("RETRY_QUEUE_URL")?),
            clock: startup.clock.clone(),
        });
        let make = move || {
            let (source, provider) = (Arc::clone(&source), provider());
            async move { source.parts(provider.await).await }
        };
        Cached::load(startup.clock.clone(), make).await
    }
}

impl Source {
    async fn parts(&self, provider: Provider) -> Result<Parts, BoxError> {
        let values = self.parameters.read(&[&self.name]).await?;
        let secret = values.get(SECRET).ok_or_else(|| format!("secret `{SECRET}` is missing"))?;
        let projector = Projector {
            clerk: Clerk::new(self.http.clone(), &provider.url, Secret::parse(secret)?),
            store: self.store.clone(),
            directory: self.directory.clone(),
            queue: self.queue.clone(),
            rate: provider.rate,
            clock: self.clock.clone(),
        };
        Ok(Parts { projector, clock: self.clock.clone() })
    }
}

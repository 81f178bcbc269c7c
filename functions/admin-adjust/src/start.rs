//! The function as the environment, the settings and its secret describe it.

use std::{sync::Arc, time::Duration};

use admin::{AdminDeps, Settings};
use clerk::{Clerk, Secret};
use directory::Directory;
use ledger_dynamodb::{LedgerStore, TableNames};
use projection::{Projector, RetryQueue};
use startup::{BoxError, Cached, Clock, HttpClient, Parameters, Startup};
use tokio::time::timeout;

use crate::AdminAdjust;

/// The one secret, by the last part of its name.
const SECRET: &str = "CLERK_SECRET_KEY";

/// How long a start waits for what it could do without.
const WARM_UP_LIMIT: Duration = Duration::from_secs(1);

/// What a way to the identity provider is made of.
struct Source {
    parameters: Parameters,
    name: String,
    http: HttpClient,
    settings: Cached<Settings>,
    store: LedgerStore,
    directory: Directory,
    queue: RetryQueue,
    clock: Clock,
}

impl AdminAdjust {
    /// The function as it is deployed. Fails, naming it, if a variable, a required setting or the
    /// secret is missing.
    pub async fn start(startup: &Startup) -> Result<Self, BoxError> {
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let client = startup.dynamodb();
        let directory = Directory::new(client.clone(), names.state.clone());
        let store = LedgerStore::new(client, names);
        let settings = admin::keep_current(startup).await?;
        let secrets = startup.required("SECRETS_PATH")?;
        let source = Arc::new(Source {
            parameters: startup.parameters(),
            name: format!("{}/{SECRET}", secrets.trim_end_matches('/')),
            http: startup.http.clone(),
            settings: settings.clone(),
            store: store.clone(),
            directory: directory.clone(),
            queue: RetryQueue::new(startup.sqs(), startup.required("RETRY_QUEUE_URL")?),
            clock: startup.clock.clone(),
        });
        let make = move || {
            let source = Arc::clone(&source);
            async move { source.projector().await }
        };
        let clock = startup.clock.clone();
        let projector = Cached::load(clock.clone(), make).await?;
        warm_up(startup, &settings, &store).await;
        Ok(Self { deps: AdminDeps { settings, clock, directory, store }, projector })
    }
}

/// Connects while start-up has a whole processor; the first request does what fails here.
async fn warm_up(startup: &Startup, settings: &Cached<Settings>, store: &LedgerStore) {
    let current = settings.current().await;
    let keys = timeout(WARM_UP_LIMIT, current.verifier.warm_up(startup.clock.now()));
    let table = timeout(WARM_UP_LIMIT, store.warm_up());
    let clerk = startup.http.connect(&current.clerk_api_url, WARM_UP_LIMIT);
    let (_, _, clerk) = tokio::join!(keys, table, clerk);
    if let Err(error) = clerk {
        let error = startup::error_chain(&error);
        tracing::info!(error, "clerk could not be reached during the start");
    }
}

impl Source {
    /// Made again every minute, so that a new key or another address counts without a deploy.
    async fn projector(&self) -> Result<Projector, BoxError> {
        let values = self.parameters.read(&[&self.name]).await?;
        let secret = values.get(SECRET).ok_or_else(|| format!("secret `{SECRET}` is missing"))?;
        let secret = Secret::parse(secret)?;
        let settings = self.settings.current().await;
        Ok(Projector {
            clerk: Clerk::new(self.http.clone(), &settings.clerk_api_url, secret),
            store: self.store.clone(),
            directory: self.directory.clone(),
            queue: self.queue.clone(),
            rate: settings.clerk_rate,
            clock: self.clock.clone(),
        })
    }
}

//! Settings and what runs work with: read in the start if that goes, else by the first message that
//! needs them.

use std::{fmt, sync::Arc, time::Duration};

use admin::Settings;
use directory::Directory;
use ledger_dynamodb::{LedgerStore, TableNames};
use startup::{BoxError, Cached, Startup, error_chain};
use sync::{Parts, Provider, Terms};
use tokio::{sync::OnceCell, time::timeout};

/// How long the start waits for what a settle can do without.
const START_LIMIT: Duration = Duration::from_secs(2);

/// Settings and what runs work with. Cheap to clone.
#[derive(Clone)]
pub struct Later(Arc<Inner>);

struct Inner {
    startup: Option<Arc<Startup>>,
    read: OnceCell<(Cached<Settings>, Cached<Parts>)>,
}

impl Later {
    /// To be read when it is needed.
    pub fn new(startup: Arc<Startup>) -> Self {
        Self(Arc::new(Inner { startup: Some(startup), read: OnceCell::new() }))
    }

    /// What is known already.
    pub fn known(settings: Cached<Settings>, parts: Cached<Parts>) -> Self {
        let read = OnceCell::new_with(Some((settings, parts)));
        Self(Arc::new(Inner { startup: None, read }))
    }

    /// None of it is to be had: everything but settles fails.
    pub fn none() -> Self {
        Self(Arc::new(Inner { startup: None, read: OnceCell::new() }))
    }

    /// Reads it now, while there is a whole processor.
    pub(crate) async fn warm_up(&self) {
        let read = timeout(START_LIMIT, self.get()).await;
        if let Err(error) = read.unwrap_or_else(|_| Err("no answer in time".into())) {
            let error = error_chain(error.as_ref());
            tracing::error!(error, "only settles can be finished for now");
        }
    }

    /// What an operator has set, and what runs work with, as they are now.
    pub(crate) async fn get(&self) -> Result<(Terms, Arc<Parts>), BoxError> {
        let (settings, parts) = self.0.read.get_or_try_init(|| self.read()).await?;
        let settings = settings.current().await;
        let terms = Terms {
            mode: settings.mode,
            signup: settings.signup,
            renewal_grace: settings.renewal_grace,
        };
        Ok((terms, parts.current().await))
    }

    async fn read(&self) -> Result<(Cached<Settings>, Cached<Parts>), BoxError> {
        let startup = self.0.startup.as_ref().ok_or("there are no settings")?;
        let names = TableNames::from_variables(|name| startup.required(name))?;
        let client = startup.dynamodb();
        let directory = Directory::new(client.clone(), names.state.clone());
        let store = LedgerStore::new(client, names);
        let settings = admin::keep_current(startup).await?;
        let current = settings.clone();
        let provider = move || {
            let settings = current.clone();
            async move {
                let settings = settings.current().await;
                Provider { url: settings.clerk_api_url.clone(), rate: settings.clerk_rate }
            }
        };
        let parts = Parts::keep_current(startup, (store, directory), provider).await?;
        Ok((settings, parts))
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Later").finish_non_exhaustive()
    }
}

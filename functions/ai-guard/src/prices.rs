//! The price book in force, as the table has it.

use std::{sync::Arc, time::Duration};

use ledger::price::PriceBook;
use ledger_dynamodb::LedgerStore;
use startup::{BoxError, Cached, Clock};
use tokio::{sync::OnceCell, time::timeout};

/// How long a call waits for the first book: calls read it one after another, and must not queue
/// up before a table that does not answer.
const FIRST_READ_LIMIT: Duration = Duration::from_secs(2);

/// The price book, read from the table when it is first wanted and then kept fresh. Where nobody
/// has written one, the default of the ledger is in force.
///
/// A table that cannot be reached must not stop a cold start: with credits off no call needs a
/// price, and with credits on a call without one is refused by itself.
#[derive(Debug)]
pub struct Prices {
    clock: Clock,
    store: LedgerStore,
    cached: OnceCell<Cached<PriceBook>>,
}

impl Prices {
    /// Reads nothing yet.
    pub fn new(clock: Clock, store: LedgerStore) -> Self {
        Self { clock, store, cached: OnceCell::new() }
    }

    /// The book in force. An error only while none has ever been read.
    pub async fn current(&self) -> Result<Arc<PriceBook>, BoxError> {
        let loading = self.cached.get_or_try_init(|| self.load());
        let cached = timeout(FIRST_READ_LIMIT, loading).await??;
        Ok(cached.current().await)
    }

    async fn load(&self) -> Result<Cached<PriceBook>, BoxError> {
        let store = self.store.clone();
        let fetch = move || {
            let store = store.clone();
            async move { Ok(store.price_book().await?.unwrap_or_default()) }
        };
        Cached::load(self.clock.clone(), fetch).await
    }
}

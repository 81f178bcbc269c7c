//! The price book in force, as the table has it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ledger::price::PriceBook;
use ledger_dynamodb::LedgerStore;
use startup::{BoxError, Cached, Clock};
use tokio::{sync::OnceCell, time::timeout};

/// How long a call waits for the first book: calls read it one after another, and must not queue
/// up before a table that does not answer.
const FIRST_READ_LIMIT: Duration = Duration::from_secs(2);

/// The price book, read from the table when it is first wanted and then kept fresh. Where nobody
/// has written one, the default of the ledger is in force. A book that is there no more, because
/// a read was behind or somebody deleted it by mistake, stays in force: nobody is charged other
/// prices by accident.
///
/// A table that cannot be reached must not stop a cold start: with credits off no call needs a
/// price, and with credits on a call without one is refused by itself.
#[derive(Debug)]
pub struct Prices {
    clock: Clock,
    source: Arc<Source>,
    cached: OnceCell<Cached<PriceBook>>,
}

/// The table, and the last book that was found there.
#[derive(Debug)]
struct Source {
    store: LedgerStore,
    last: Mutex<Option<PriceBook>>,
}

impl Prices {
    /// Reads nothing yet.
    pub fn new(clock: Clock, store: LedgerStore) -> Self {
        let source = Arc::new(Source { store, last: Mutex::default() });
        Self { clock, source, cached: OnceCell::new() }
    }

    /// The book in force. An error only while none has ever been read.
    pub async fn current(&self) -> Result<Arc<PriceBook>, BoxError> {
        let loading = self.cached.get_or_try_init(|| self.load());
        let cached = timeout(FIRST_READ_LIMIT, loading).await??;
        Ok(cached.current().await)
    }

    async fn load(&self) -> Result<Cached<PriceBook>, BoxError> {
        let source = Arc::clone(&self.source);
        let fetch = move || {
            let source = Arc::clone(&source);
            async move { source.read().await }
        };
        Cached::load(self.clock.clone(), fetch).await
    }
}

impl Source {
    async fn read(&self) -> Result<PriceBook, BoxError> {
        let found = self.store.price_book().await?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() && last.is_some() {
            tracing::error!("the price book is gone from the table, the last one stays in force");
        }
        *last = found.or_else(|| last.take());
        Ok(last.clone().unwrap_or_default())
    }
}

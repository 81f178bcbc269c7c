//! Starts `retry-worker`; what it does is in the library.

use std::sync::Arc;

use retry_worker::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let startup = Arc::new(startup::begin()?);
    let back_off = Deps::back_off(&startup)?;
    let deps = Arc::new(Deps::start(startup).await?);
    startup::run_batch(back_off, move |message| {
        let deps = Arc::clone(&deps);
        async move { handle(message, &deps).await }
    })
    .await
}

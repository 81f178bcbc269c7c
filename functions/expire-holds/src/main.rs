//! Starts `expire-holds`; what it does is in the library.

use std::sync::Arc;

use expire_holds::{ExpireHolds, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let function = Arc::new(ExpireHolds::start(&startup::begin()?).await?);
    startup::run_event(move |tick, deadline| {
        let function = Arc::clone(&function);
        async move { handle(tick, deadline, &function).await }
    })
    .await
}

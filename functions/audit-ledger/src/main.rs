//! Starts `audit-ledger`; what it does is in the library.

use std::sync::Arc;

use audit_ledger::{AuditLedger, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let function = Arc::new(AuditLedger::start(&startup::begin()?)?);
    startup::run_event(move |tick, deadline| {
        let function = Arc::clone(&function);
        async move { handle(tick, deadline, &function).await }
    })
    .await
}

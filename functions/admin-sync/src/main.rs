//! Starts `admin-sync`; what it does is in the library.

use admin_sync::{AdminSync, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let function = AdminSync::start(&startup::begin()?).await?;
    startup::serve(router(function)).await
}

//! Starts `admin-adjust`; what it does is in the library.

use admin_adjust::{AdminAdjust, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let function = AdminAdjust::start(&startup::begin()?).await?;
    startup::serve(router(function)).await
}

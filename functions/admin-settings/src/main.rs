//! Starts `admin-settings`; what it does is in the library.

use admin_settings::{AdminSettings, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let function = AdminSettings::start(&startup::begin()?).await?;
    startup::serve(router(function)).await
}

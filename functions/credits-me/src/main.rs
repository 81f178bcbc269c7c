//! Starts `credits-me`; what it does is in the library.

use credits_me::{CreditsMe, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let function = CreditsMe::start(&startup::begin()?).await?;
    startup::serve(router(function)).await
}

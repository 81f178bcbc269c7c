//! Starts the guard: behaviour is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), startup::Error> {
    let startup = startup::begin()?;
    startup::serve(ai_guard::start(&startup).await?).await
}

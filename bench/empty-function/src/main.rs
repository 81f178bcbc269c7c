//! The least a function over HTTP can be: what the benchmark compares the others with. It is
//! built with the same profile and is never deployed.

use std::convert::Infallible;

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_request: Request| async { Ok::<_, Infallible>("ok") })).await
}

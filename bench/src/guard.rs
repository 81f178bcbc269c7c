//! What the guard adds to a call of the provider: requests and units of the tables and what they
//! cost, CPU and time, and how many calls so many environments make.
//!
//! The functions are the real processes as they are deployed; what stands in for Lambda, the
//! tables and the provider runs in this process, over plain HTTP on 127.0.0.1.

mod counting;
mod money;
mod operations;
mod overhead;
pub(crate) mod process;
mod table;
mod throughput;
pub(crate) mod town;

use std::time::Duration;

use clap::Args;

use self::money::{Dollars, Prices};
use self::overhead::Overhead;
use self::town::World;
use crate::{Checkout, Failure, report, say};

/// The most CPU that a guarded call may take of the function's process.
const CPU_MAX: Duration = Duration::from_micros(200);

/// The options of `bench guard`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    checkout: Checkout,
    /// How often each way is called where time and CPU are measured.
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    calls: usize,
    /// How long each row of the throughput is measured.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    seconds: u64,
    /// Only report: numbers that miss their limit do not fail the run.
    #[arg(long)]
    no_limits: bool,
    #[command(flatten)]
    prices: PriceOptions,
}

/// Prices in dollars; the defaults are the list prices of us-east-1 for on-demand use.
#[derive(Args, Clone, Debug)]
struct PriceOptions {
    /// A million write units.
    #[arg(long, default_value = "0.625", value_name = "DOLLARS")]
    price_write: Dollars,
    /// A million read units.
    #[arg(long, default_value = "0.125", value_name = "DOLLARS")]
    price_read: Dollars,
    /// A million invocations of a function.
    #[arg(long, default_value = "0.20", value_name = "DOLLARS")]
    price_request: Dollars,
    /// A second of a function with a gigabyte of memory; of arm64 by default.
    #[arg(long, default_value = "0.0000133334", value_name = "DOLLARS")]
    price_gb_second: Dollars,
    /// A million requests to a queue.
    #[arg(long, default_value = "0.40", value_name = "DOLLARS")]
    price_queue: Dollars,
    /// How long the provider takes to answer, for which a function waits and is billed.
    #[arg(long, default_value_t = 1_000, value_name = "MS")]
    provider_ms: u64,
    /// How long a function is billed for beside that.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    own_ms: u64,
}

/// Measures, prints the tables and writes them to `docs/performance.md`.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let folder = std::env::temp_dir().join(format!("bench-guard-{}", std::process::id()));
    let measured = runtime.block_on(measure(options, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    let (text, overhead) = measured?;
    say(&text);
    report::replace(&options.checkout.root, "guard", &text)?;
    let missed: Vec<String> = overhead.guarded().filter_map(|way| way.missed(CPU_MAX)).collect();
    if missed.is_empty() || options.no_limits {
        return Ok(());
    }
    Err(format!("these numbers miss their limits:\n  {}", missed.join("\n  ")))
}

async fn measure(
    options: &Options,
    folder: &std::path::Path,
) -> Result<(String, Overhead), Failure> {
    let world = World::start(&options.checkout, folder).await?;
    let PriceOptions { price_write, price_read, price_request, price_gb_second, .. } =
        options.prices.clone();
    let prices = Prices {
        write: price_write,
        read: price_read,
        request: price_request,
        gb_second: price_gb_second,
        queue: options.prices.price_queue,
        provider_ms: options.prices.provider_ms,
        own_ms: options.prices.own_ms,
    };
    eprintln!("counting what each operation asks of the tables");
    let operations = Box::pin(operations::count(&world)).await?;
    eprintln!("calling each way {} times", options.calls);
    let overhead = overhead::measure(&world, options.calls).await?;
    let mut rows = Vec::new();
    for environments in [1, 4, 16] {
        for hot in [false, true] {
            eprintln!("{environments} environments, {} s", options.seconds);
            let time = Duration::from_secs(options.seconds);
            rows.push(throughput::measure(&world, environments, hot, time).await?);
        }
    }
    let now = startup::Clock::system().now();
    let tables = [
        table::operations(&operations, &prices, now),
        table::overhead(&overhead, options.calls, CPU_MAX),
        table::throughput(&rows),
    ];
    Ok((tables.join("\n\n"), overhead))
}

//! A run of the bulk sync over many users: what it takes of time, memory and requests, and how
//! fast the balances it moved are shown in Clerk afterwards.
//!
//! The functions are the real processes as they are deployed; tables, queues, Lambda and Clerk are
//! stood in for by this process, over plain HTTP on 127.0.0.1.

mod projecting;
mod running;
mod table;
mod town;

use std::path::Path;

use clap::Args;

use self::projecting::Shown;
use self::running::Ran;
use self::town::{Town, Wish};
use crate::{Checkout, Failure, report, say};

/// A run over so many users is what the large one is compared with, and is counted request by
/// request, which would be too much to remember of all.
const FEW_USERS: usize = 1_000;

/// The memory of a worker at the end, of what it was at the end of the small run, in percent.
const MEMORY_MAX_PERCENT: u64 = 130;

/// The least of what Clerk allows that is used where there is enough to show, in percent.
const RATE_MIN_PERCENT: u64 = 90;

/// The options of `bench sync`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    checkout: Checkout,
    /// Users at the identity provider.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    users: usize,
    /// Balances that are shown while the rate is measured, once the run is through.
    #[arg(long, default_value_t = 3_000, value_name = "N")]
    projections: usize,
    /// Requests in 10 s that the stand-in for Clerk allows, and that the functions are told.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    clerk_rate: u32,
    /// Only report: numbers that miss their limit do not fail the run.
    #[arg(long)]
    no_limits: bool,
}

/// All that was measured.
pub(crate) struct Measured {
    pub(crate) ran: Ran,
    /// Resident memory of the largest worker after the small run, in kilobytes.
    pub(crate) memory_few: u64,
    pub(crate) shown: Shown,
    /// Requests for a thousand users, by what was asked of whom.
    pub(crate) requests: Vec<(String, u64)>,
}

/// Measures, prints the table and writes it to `docs/performance.md`.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let folder = std::env::temp_dir().join(format!("bench-sync-{}", std::process::id()));
    let measured = runtime.block_on(measure(options, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    let measured = measured?;
    let text = table::markdown(options, &measured);
    say(&text);
    report::replace(&options.checkout.root, "sync", &text)?;
    let missed = missed(options, &measured);
    if missed.is_empty() || options.no_limits {
        return Ok(());
    }
    Err(format!("these numbers miss their limits:\n  {}", missed.join("\n  ")))
}

async fn measure(options: &Options, folder: &Path) -> Result<Measured, Failure> {
    let few = FEW_USERS.min(options.users);
    eprintln!("counting the requests of {few} users");
    let wish = |counted| Wish { users: few, clerk_rate: options.clerk_rate, counted };
    let town = Town::start(&options.checkout, &folder.join("counted"), &wish(true)).await?;
    running::run(&town).await?;
    town.all_shown().await?;
    let requests = town.requests();
    town.stack.shutdown().await;

    eprintln!("a run over {few} users");
    let mut town = Town::start(&options.checkout, &folder.join("all"), &wish(false)).await?;
    running::run(&town).await?;
    town.all_shown().await?;
    let memory_few = running::memory()?;
    eprintln!("a run over {} users", options.users);
    town.grow(options.users)?;
    let ran = running::run(&town).await?;
    eprintln!("showing {} balances", options.projections);
    let shown = projecting::measure(&town, options.projections).await?;
    town.verify_some().await?;
    town.stack.shutdown().await;
    Ok(Measured { ran, memory_few, shown, requests })
}

fn missed(options: &Options, measured: &Measured) -> Vec<String> {
    let mut missed = Vec::new();
    let last = measured.ran.memory.last().map_or(0, |(_, kilobytes)| *kilobytes);
    let grown = percent(last, measured.memory_few);
    if grown > MEMORY_MAX_PERCENT {
        missed.push(format!("memory at the end: {grown} % of that at {FEW_USERS} users"));
    }
    let used = measured.shown.used_percent(options.clerk_rate);
    if used < RATE_MIN_PERCENT {
        missed.push(format!("{used} % of what Clerk allows are used"));
    }
    if measured.shown.most_in_window > u64::from(options.clerk_rate) || measured.shown.refused > 0 {
        let Shown { most_in_window, refused, .. } = &measured.shown;
        missed.push(format!("{most_in_window} requests in 10 s, {refused} refused"));
    }
    missed
}

/// A part of a whole in percent, rounded down.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

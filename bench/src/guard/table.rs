//! The measurements as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::money::{Costs, Prices};
use super::operations::Operation;
use super::overhead::{Overhead, Way};
use super::process::processor;
use super::throughput::Row;

/// Requests and units of each operation, and what a million of them cost.
pub(crate) fn operations(all: &[Operation], prices: &Prices, now: Timestamp) -> String {
    let mut text = String::from(
        "### What it asks of the tables, and what that costs\n\n\
         | operation | requests | write units | read units | tables | functions | queue | all |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for operation in all {
        let Operation { name, counted, .. } = operation;
        let Costs { tables, functions, queue, all } = prices.of(operation);
        let (reads, half) = (counted.read_halves / 2, counted.read_halves % 2 * 5);
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {reads}.{half} | {tables} | {functions} | {queue} | {all} |",
            counted.requests, counted.write
        );
    }
    let date = now.strftime("%Y-%m-%d");
    let _ = write!(
        text,
        "\nCounted {date} at the connector, with what the emulated tables say they consumed \
         and, for writes refused on a condition, what AWS counts for them; \
         dollars for a million of each. Prices: ${:#} for a million write units, ${:#} for a \
         million read units, ${:#} for a million invocations, ${:#} for a GB-second, ${:#} for a \
         million requests to a queue; the provider answers within {} ms, and a function is billed \
         for {} ms beside that, with 128 MB. The HTTP API, logs and storage are not in it. The \
         first six rows are movements by themselves, each a part of some invocation below.",
        prices.write,
        prices.read,
        prices.request,
        prices.gb_second,
        prices.queue,
        prices.provider_ms,
        prices.own_ms,
    );
    text
}

/// What each way of calling takes.
pub(crate) fn overhead(overhead: &Overhead, calls: usize, limit: Duration) -> String {
    let mut text = String::from(
        "### What it adds to a direct call\n\n\
         | way | median | added | 99 of 100 within | CPU of the function for a call |\n\
         |---|---:|---:|---:|---:|\n",
    );
    let direct = overhead.0.first().map(|way| way.at_most(500)).unwrap_or_default();
    for way in &overhead.0 {
        let Way { name, cpu, .. } = way;
        let median = way.at_most(500);
        let added = match cpu {
            Some(_) => shown(median.saturating_sub(direct)),
            None => "–".to_owned(),
        };
        let (median, most) = (shown(median), shown(way.at_most(990)));
        let cpu = cpu.map_or_else(|| "–".to_owned(), shown);
        let _ = writeln!(text, "| {name} | {median} | {added} | {most} | {cpu} |");
    }
    let _ = write!(
        text,
        "\n{calls} calls of each way in turn, on {}. The same client and the same stand-in \
         provider, which answers at once; the function is the release program in one process, and \
         everything speaks plain HTTP on one machine: a table on AWS takes some milliseconds for \
         each of the two writes a call waits for. The row `no call` is a path that does not \
         exist: it is what the stand-in for Lambda and the function's runtime take by themselves. \
         CPU is that of all threads of the function's process until they rest; at most {} is \
         allowed.",
        processor(),
        shown(limit)
    );
    text
}

/// Calls a second by environments.
pub(crate) fn throughput(rows: &[Row]) -> String {
    let mut text = String::from(
        "### How many calls a second\n\n\
         | environments | accounts | calls a second | told to wait | CPU of the functions for a \
         call | cores busy with functions | cores busy with stand-ins |\n\
         |---:|---|---:|---:|---:|---:|---:|\n",
    );
    for row in rows {
        let micros = row.time.as_micros().max(1);
        let calls_a_second = u128::from(row.calls) * 1_000_000 / micros;
        let each = row.functions / row.calls.max(1);
        let cores = |spent: Duration| {
            let tenths = (spent.as_micros() * 10 + micros / 2) / micros;
            format!("{}.{}", tenths / 10, tenths % 10)
        };
        let accounts = if row.hot { "one" } else { "one each" };
        let _ = writeln!(
            text,
            "| {} | {accounts} | {calls_a_second} | {} | {} | {} | {} |",
            row.environments,
            row.told_to_wait,
            shown(each),
            cores(row.functions),
            cores(row.stand_ins),
        );
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let _ = write!(
        text,
        "\nEach environment is a process of `ai-guard` with one call at a time. Tables, Lambda, \
         provider and callers are stood in for on the same {cores} cores, and take the greater \
         part of them where the last column says so: then the figure is what the stand-ins \
         manage, and a lower bound of what the functions would. The emulated tables do not \
         conflict; on AWS one account takes some 50 calls a second before its calls are told to \
         wait. After each row every account was verified: every call charged once, no hold open.",
    );
    text
}

/// A time in milliseconds, to a hundredth.
fn shown(time: Duration) -> String {
    let hundredths = (time.as_micros() + 5) / 10;
    format!("{}.{:02} ms", hundredths / 100, hundredths % 100)
}

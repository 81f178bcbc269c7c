//! The measurements as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use super::running::Ran;
use super::town::{PLAN_CREDITS, SIGNUP_CREDITS, WORKERS};
use super::{FEW_USERS, MEMORY_MAX_PERCENT, Measured, Options, RATE_MIN_PERCENT};
use crate::guard::process::processor;

/// All tables.
pub(crate) fn markdown(options: &Options, measured: &Measured) -> String {
    let tables = [
        run(&measured.ran),
        memory(measured),
        projection(options, measured),
        requests(options, measured),
    ];
    tables.join("\n\n")
}

fn run(ran: &Ran) -> String {
    let Ran { users, took, cpu, counters, .. } = ran;
    let second = tenths(per_second_tenths(*users, *took));
    let cpu_user = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX).checked_div(*users);
    let cpu_user = hundredths(cpu_user.unwrap_or_default() / 10);
    let count = |name: &str| counters.get(name).map_or_else(String::new, ToString::to_string);
    format!(
        "### A run\n\n\
         | users | with a plan | balances opened | granted | time | users a second | CPU of the \
         workers for a user |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n\
         | {users} | {} | {} | {} | {} s | {second} | {cpu_user} ms |\n\n\
         `POST /api/admin/users/sync` with users, plans and credits, by pages of 500 through the \
         queue: an account is opened with {SIGNUP_CREDITS} credits for each user, and every second \
         one is granted a plan's {PLAN_CREDITS}. {WORKERS} processes of `retry-worker`, which show \
         the balances in Clerk meanwhile; tables, queues, Lambda and Clerk are stood in for on the \
         same machine ({}), and take the greater part of it. The first and the last 600 accounts \
         were verified afterwards.",
        count("activeSubscriptions"),
        count("createdBalances"),
        count("creditsRefreshed"),
        took.as_secs(),
        processor(),
    )
}

fn memory(measured: &Measured) -> String {
    let mut text = String::from(
        "### Memory of a worker\n\n\
         | | resident | of the first |\n|---|---:|---:|\n",
    );
    let few = measured.memory_few;
    let mut row = |what: &str, kilobytes: u64| {
        let times = hundredths(super::percent(kilobytes, few));
        let _ = writeln!(text, "| {what} | {} MB | {times} × |", hundredths(kilobytes / 10));
    };
    row(&format!("after a run over {FEW_USERS} users, its balances shown"), few);
    for (users, kilobytes) in &measured.ran.memory {
        row(&format!("after {users} users of the large run"), *kilobytes);
    }
    let limit = hundredths(MEMORY_MAX_PERCENT);
    let _ = write!(
        text,
        "\nOf the largest of the processes each time (`VmRSS`), which are the same in both runs. \
         *Limit: {limit} × at the end.*"
    );
    text
}

fn projection(options: &Options, measured: &Measured) -> String {
    let shown = &measured.shown;
    let rate = options.clerk_rate;
    format!(
        "### How fast balances are shown in Clerk\n\n\
         | balances | time | in 10 s, on average | of what Clerk allows | most in any 10 s | \
         refused by Clerk |\n\
         |---:|---:|---:|---:|---:|---:|\n\
         | {} | {} s | {} | {} % | {} | {} |\n\n\
         After the run, with enough queued; what was left of the run's own balances counts too. \
         Clerk's stand-in allows {rate} requests in any 10 s, and so says the setting \
         `CLERK_RATE`. *Limit: {RATE_MIN_PERCENT} % of it, and never more than it.*",
        shown.balances,
        shown.took.as_secs(),
        shown.in_window(),
        shown.used_percent(rate),
        shown.most_in_window,
        shown.refused,
    )
}

fn requests(options: &Options, measured: &Measured) -> String {
    let mut text = String::from(
        "### What a user asks of the tables and of Clerk\n\n| request | for 1,000 users |\n|---|---:|\n",
    );
    for (name, count) in &measured.requests {
        let _ = writeln!(text, "| {name} | {count} |");
    }
    let users = FEW_USERS.min(options.users);
    let _ = write!(
        text,
        "\nCounted at the connector in a run over {users} users of its own, with all that was \
         shown in Clerk by its end."
    );
    text
}

/// So many in a second, in tenths.
fn per_second_tenths(number: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    number.saturating_mul(10_000).checked_div(milliseconds).unwrap_or_default()
}

fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

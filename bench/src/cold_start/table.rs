//! What was measured, as a table, and what of it misses its limit.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use jiff::Timestamp;

use crate::cold_start::FUNCTIONS;
use crate::cold_start::start::{Measured, Start, is_empty_function};

/// Init and first call take at most so many times the CPU of the empty function, in percent.
const TIMES_EMPTY_MAX: u64 = 250;

/// A build with default features takes at least so many times the CPU, in percent.
const DEFAULTS_MIN: u64 = 700;

/// The most memory that is resident after two calls, in kilobytes.
const RESIDENT_MAX: u64 = 12_000;

/// The largest archive, in bytes.
const ZIP_MAX: usize = 3_000_000;

/// How long the first call may take at the CPU share of a function with 128 MB.
const FIRST_AT_SHARE_MAX: Duration = Duration::from_millis(3);

/// Whose every call is a run of some sixty requests that nobody waits for. Of it, what the first
/// call takes more than the second counts as start, and its first call has no limit of its own.
const RUNS: &str = "expire-holds";

/// All that was measured, and how.
pub(crate) struct Report {
    pub(crate) all: Vec<Measured>,
    pub(crate) conditions: Conditions,
}

/// Under what conditions.
pub(crate) struct Conditions {
    pub(crate) rounds: usize,
    /// How the share of 128 MB was enforced.
    pub(crate) share: &'static str,
    pub(crate) cores_divided: bool,
    pub(crate) at: Timestamp,
}

/// The least and the middle of what was measured.
#[derive(Clone, Copy)]
struct Spread {
    least: u64,
    median: u64,
}

impl Spread {
    fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self { least: at(0), median: at(values.len() / 2) }
    }

    /// Microseconds as milliseconds, `least–median`.
    fn ms(self) -> String {
        format!("{} – {}", thousandths(self.least), thousandths(self.median))
    }
}

/// `1.23` of 1,234.
fn thousandths(value: u64) -> String {
    format!("{}.{:02}", value / 1_000, value % 1_000 / 10)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

/// `2.5` of 250 percent.
fn times(percent: u64) -> String {
    format!("{}.{}", percent / 100, percent % 100 / 10)
}

/// The figures of one program that have limits.
struct Figures<'a> {
    measured: &'a Measured,
    total_cpu: Spread,
    first_at_share: Spread,
    resident: Spread,
}

impl<'a> Figures<'a> {
    fn of(measured: &'a Measured) -> Self {
        let starts = || measured.starts.iter();
        let throttled = measured.throttled.iter();
        Self {
            measured,
            total_cpu: Spread::of(starts().map(|start| micros(start_cpu(measured, start)))),
            first_at_share: Spread::of(throttled.map(|calls| micros(calls.first))),
            resident: Spread::of(starts().map(|start| start.memory.resident)),
        }
    }
}

/// The CPU of init and first call.
fn start_cpu(measured: &Measured, start: &Start) -> Duration {
    let both = start.init_cpu + start.first_cpu;
    let is_run = measured.variant.function == RUNS;
    if is_run { both.saturating_sub(start.second_cpu) } else { both }
}

/// One function beside what it is compared with.
struct Compared<'a> {
    ours: Figures<'a>,
    times_empty: u64,
    defaults_times: u64,
}

impl Report {
    fn compared(&self) -> Vec<Compared<'_>> {
        let find = |function: &str, defaults: bool| {
            let same = |one: &&Measured| {
                one.variant.function == function && one.variant.defaults == defaults
            };
            self.all.iter().find(same).map(Figures::of)
        };
        let empty = self.all.iter().find(|one| is_empty_function(one)).map(Figures::of);
        let empty = empty.map_or(0, |empty| empty.total_cpu.median);
        let compare = |function| {
            let (ours, defaults) = (find(function, false)?, find(function, true)?);
            let median = ours.total_cpu.median;
            Some(Compared {
                times_empty: percent(median, empty),
                defaults_times: percent(defaults.total_cpu.median, median),
                ours,
            })
        };
        FUNCTIONS.into_iter().filter_map(compare).collect()
    }

    /// Every number that misses its limit, as a sentence.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for Compared { ours, times_empty, defaults_times } in self.compared() {
            let name = ours.measured.variant.function;
            let mut limit = |holds: bool, sentence: String| {
                if !holds {
                    missed.push(format!("{name}: {sentence}"));
                }
            };
            limit(
                times_empty <= TIMES_EMPTY_MAX,
                format!("init and first call take {} × the empty function", times(times_empty)),
            );
            limit(
                defaults_times >= DEFAULTS_MIN,
                format!("default features take only {} × its cpu", times(defaults_times)),
            );
            let resident = ours.resident.median;
            limit(resident <= RESIDENT_MAX, format!("{resident} kB are resident"));
            let zip = ours.measured.zip_bytes;
            limit(zip <= ZIP_MAX, format!("its archive has {zip} bytes"));
            let first = Duration::from_micros(ours.first_at_share.median);
            limit(
                name == RUNS || first <= FIRST_AT_SHARE_MAX,
                format!("the first call at the share of 128 MB takes {} µs", first.as_micros()),
            );
        }
        missed
    }

    /// The tables, ratios first.
    pub(crate) fn markdown(&self) -> String {
        let mut text = self.conditions.markdown();
        text.push_str(RATIOS);
        for Compared { ours, times_empty, defaults_times } in self.compared() {
            let _ = writeln!(
                text,
                "| `{}` | {} × | {} × | {} | {} | {} |",
                ours.measured.variant.function,
                times(times_empty),
                times(defaults_times),
                thousandths(ours.first_at_share.median),
                thousandths(ours.resident.median),
                thousandths(kilobytes(ours.measured.zip_bytes)),
            );
        }
        text.push_str(TIMES);
        for measured in &self.all {
            text.push_str(&row(measured));
        }
        text
    }
}

const RATIOS: &str = "
| function | CPU of init + first call, of the empty function's | default features, of this | \
first call at the share of 128 MB, ms | resident, MB | zip, MB |
|---|---|---|---|---|---|
| *limit* | ≤ 2.5 × | ≥ 7 × | ≤ 3 | ≤ 12 | ≤ 3 |
";

const TIMES: &str = "
Each program by itself, in ms of CPU unless it says elapsed; minimum – median:

| program | init | first call | both | second call | init, elapsed | first call, elapsed | \
first call at the share, elapsed | second call at the share, elapsed | peak, MB | program, MB | \
zip, MB |
|---|---|---|---|---|---|---|---|---|---|---|---|
";

fn row(measured: &Measured) -> String {
    let spread = |figure: fn(&Start) -> Duration| {
        Spread::of(measured.starts.iter().map(|start| micros(figure(start)))).ms()
    };
    let cells = [
        measured.variant.label(),
        spread(|start| start.init_cpu),
        spread(|start| start.first_cpu),
        spread(|start| start.init_cpu + start.first_cpu),
        spread(|start| start.second_cpu),
        spread(|start| start.init),
        spread(|start| start.first),
        Spread::of(measured.throttled.iter().map(|calls| micros(calls.first))).ms(),
        Spread::of(measured.throttled.iter().map(|calls| micros(calls.second))).ms(),
        thousandths(Spread::of(measured.starts.iter().map(|start| start.memory.peak)).median),
        thousandths(kilobytes(measured.program_bytes)),
        thousandths(kilobytes(measured.zip_bytes)),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn kilobytes(bytes: usize) -> u64 {
    u64::try_from(bytes / 1_000).unwrap_or(u64::MAX)
}

impl Conditions {
    fn markdown(&self) -> String {
        let Self { rounds, share, cores_divided, at } = self;
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = || info.lines().filter(|line| line.starts_with("model name"));
        let model = models().next().and_then(|line| line.split_once(": "));
        let model = model.map_or("an unnamed processor", |(_, model)| model.trim());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = models().count().max(cores);
        let divided =
            if *cores_divided { "one of them for the measured program alone" } else { "shared" };
        format!(
            "`cargo xtask bench cold-start --rounds {rounds}` on {}: {model}, {cores} cores, \
             {divided}; {rounds} rounds in which all programs take turns. The share of 128 MB is \
             enforced by {share}, from the first question for an event on. Ratios and limits are \
             of medians.\n",
            at.strftime("%Y-%m-%d"),
        )
    }
}

//! Start and first call of every function, beside an empty one and one of default features.
//!
//! Every program is started as Lambda starts it, against stand-ins that answer at once over real
//! TLS: what is counted is the work of the process itself. All programs take turns within a round,
//! so that whatever else the machine does meets all of them.

mod authority;
mod books;
mod events;
mod program;
mod runtime_api;
mod share;
mod stand_ins;
mod start;
mod table;
mod wire;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use self::books::Books;
use self::program::Cores;
use self::share::Share;
use self::stand_ins::World;
use self::start::{Measured, Rig};
use self::table::{Conditions, Report};
use crate::{Checkout, Failure, report, say};

/// The functions, each with its own kind of event. A new one gets its event in `events.rs`.
const FUNCTIONS: [&str; 8] = [
    "admin-adjust",
    "admin-settings",
    "admin-sync",
    "ai-guard",
    "audit-ledger",
    "credits-me",
    "expire-holds",
    "retry-worker",
];

/// What the others are compared with.
const EMPTY: &str = "empty-function";

/// The options of `bench cold-start`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    checkout: Checkout,
    /// How often every program is started.
    #[arg(long, default_value_t = 30, value_name = "N")]
    rounds: usize,
    /// Only report: numbers that miss their limit do not fail the run.
    #[arg(long)]
    no_limits: bool,
}

/// A program that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) function: &'static str,
    /// Built with the default features of the AWS SDK.
    pub(crate) defaults: bool,
    pub(crate) program: PathBuf,
}

/// Measures, prints the table and writes it to `docs/performance.md`.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("bench-cold-start-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("no temporary folder: {error}"))?;
    let measured = measure(options, &folder);
    let _ = fs::remove_dir_all(&folder);
    let report = measured?;
    let text = report.markdown();
    say(&text);
    report::replace(&options.checkout.root, "cold-start", &text)?;
    let missed = report.missed();
    if missed.is_empty() || options.no_limits {
        return Ok(());
    }
    Err(format!("these numbers miss their limits:\n  {}", missed.join("\n  ")))
}

#[expect(clippy::disallowed_methods, reason = "tokens and events are of the time they are used")]
fn measure(options: &Options, folder: &std::path::Path) -> Result<Report, Failure> {
    let now = Timestamp::now();
    let cores = Cores::divide();
    let share = Share::find();
    let books = Books::new(now);
    let hold = books.hold.clone();
    let world = World::start(folder, books, now)?;
    let root = &options.checkout.root;
    let rig = Rig { root, world: &world, hold: &hold, cores: &cores, share: &share, folder };
    let variants = variants(&options.checkout);
    let mut all: Vec<Measured> = Vec::new();
    for variant in &variants {
        all.push(Measured::of(variant)?);
    }
    for round in 1..=options.rounds {
        eprint!("\rround {round} of {}", options.rounds);
        for measured in &mut all {
            let variant = measured.variant.clone();
            let failed = |why| format!("{}: {why}", variant.label());
            measured.starts.push(rig.start(&variant).map_err(failed)?);
            measured.throttled.push(rig.start_throttled(&variant).map_err(failed)?);
        }
    }
    eprintln!();
    let conditions = Conditions {
        rounds: options.rounds,
        share: share.described(),
        cores_divided: cores.are_divided(),
        at: now,
    };
    Ok(Report { all, conditions })
}

fn variants(checkout: &Checkout) -> Vec<Variant> {
    let variant = |function, defaults| {
        let folder = if defaults { &checkout.defaults } else { &checkout.functions };
        Variant { function, defaults, program: folder.join(function) }
    };
    let functions = FUNCTIONS.into_iter();
    let both = functions.flat_map(|name| [variant(name, false), variant(name, true)]);
    std::iter::once(variant(EMPTY, false)).chain(both).collect()
}

impl Variant {
    /// Such as `ai-guard, default features`.
    pub(crate) fn label(&self) -> String {
        let built = if self.defaults { ", default features" } else { "" };
        format!("{}{built}", self.function)
    }
}

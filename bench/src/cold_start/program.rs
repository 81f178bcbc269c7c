//! One process of a function: started as Lambda starts it, and what it has used so far.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Failure;

/// How long a process may go on working after it was heard.
const SETTLING: Duration = Duration::from_secs(1);

/// The cores: the last one is for the process that is measured, the others for who measures, so
/// that neither waits for the other.
pub(crate) struct Cores {
    measured: Option<CpuSet>,
    measuring: Option<CpuSet>,
}

impl Cores {
    /// Keeps this process off the core of the measured one, where there is more than one.
    pub(crate) fn divide() -> Self {
        let none = Self { measured: None, measuring: None };
        let Ok(all) = sched_getaffinity(None) else {
            return none;
        };
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect();
        let Some((last, others)) = cores.split_last().filter(|(_, others)| !others.is_empty())
        else {
            return none;
        };
        let (mut measured, mut measuring) = (CpuSet::new(), CpuSet::new());
        measured.set(*last);
        for core in others {
            measuring.set(*core);
        }
        if sched_setaffinity(None, &measuring).is_err() {
            return none;
        }
        Self { measured: Some(measured), measuring: Some(measuring) }
    }

    /// Whether the measured process has a core that this one leaves alone.
    pub(crate) fn are_divided(&self) -> bool {
        self.measured.is_some()
    }

    /// Runs `start` on the measured core. What it starts stays there.
    fn on_measured<T>(&self, start: impl FnOnce() -> T) -> T {
        let pin = |cores: &Option<CpuSet>| {
            if let Some(cores) = cores {
                let _ = sched_setaffinity(None, cores);
            }
        };
        pin(&self.measured);
        let started = start();
        pin(&self.measuring);
        started
    }
}

/// A process that is measured; it ends with this value.
pub(crate) struct Process {
    child: Child,
    /// When it was started.
    pub(crate) began: Instant,
    log: PathBuf,
}

/// What a process holds of memory, in kilobytes.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

impl Process {
    /// Starts `program` with these variables and no others.
    pub(crate) fn start(
        program: &Path,
        variables: &BTreeMap<&'static str, String>,
        cores: &Cores,
        log: &Path,
    ) -> Result<Self, Failure> {
        let failed = |error| format!("`{}` cannot be started: {error}", program.display());
        let mut command = Command::new(program);
        command.env_clear().envs(variables).stdin(Stdio::null());
        command.stdout(File::create(log).map_err(failed)?);
        command.stderr(File::options().append(true).open(log).map_err(failed)?);
        let began = Instant::now();
        let child = cores.on_measured(|| command.spawn()).map_err(failed)?;
        Ok(Self { child, began, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of all its threads so far, once none of them runs: what it does after it was
    /// heard belongs to what it was asked.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let deadline = Instant::now() + SETTLING;
        while !self.rests()? {
            if Instant::now() > deadline {
                return Err("it does not come to rest".to_owned());
            }
            std::thread::yield_now();
        }
        self.cpu_now()
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu_now(&self) -> Result<Duration, Failure> {
        let mut sum = Duration::ZERO;
        for thread in self.threads("schedstat")? {
            let nanoseconds = thread.split(' ').next().and_then(|first| first.parse().ok());
            sum += Duration::from_nanos(nanoseconds.unwrap_or_default());
        }
        Ok(sum)
    }

    /// Whether every thread waits for something.
    fn rests(&self) -> Result<bool, Failure> {
        let threads = self.threads("stat")?;
        let waits = |stat: &String| {
            let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
            state.is_some_and(|state| state.starts_with('S'))
        };
        Ok(threads.iter().all(waits))
    }

    fn threads(&self, file: &str) -> Result<Vec<String>, Failure> {
        let folder = format!("/proc/{}/task", self.id());
        let threads = fs::read_dir(&folder).map_err(|_| "it has ended".to_owned())?;
        // A thread that ended meanwhile leaves nothing to read.
        let threads = threads.flatten();
        Ok(threads.filter_map(|thread| fs::read_to_string(thread.path().join(file)).ok()).collect())
    }

    /// What it holds of memory now, and held at most.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.map_err(|_| "it has ended".to_owned())?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse().ok()
        };
        let both = kilobytes("VmRSS:").zip(kilobytes("VmHWM:"));
        let (resident, peak) = both.ok_or("its memory is not told")?;
        Ok(Memory { resident, peak })
    }

    /// The end of what it wrote, for whoever wants to know why it failed.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

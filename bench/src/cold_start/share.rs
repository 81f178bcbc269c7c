//! The CPU share of a function with 128 MB: 128/1,769 of a core, given out in slices of a period.
//!
//! A control group enforces it where one can be made. Else the process is stopped as soon as it
//! has used its slice, and continued when the next period begins, which comes to the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::cold_start::program::Process;

/// Lambda gives out CPU time every 20 ms, as measured from inside of functions.
const PERIOD: Duration = Duration::from_millis(20);

/// 7.2 % of the period.
const SLICE: Duration = Duration::from_micros(1_440);

/// How a process is held to its share.
pub(crate) enum Share {
    /// By a control group, whose folder this is.
    Group(PathBuf),
    /// By being stopped and continued.
    Signals,
}

/// Holds a process to its share for as long as it exists.
pub(crate) struct Held {
    stopper: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Share {
    /// The best way there is on this machine.
    pub(crate) fn find() -> Self {
        let name = format!("bench-{}", std::process::id());
        let groups = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup"];
        for folder in groups.map(|group| Path::new(group).join(&name)) {
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            if limit(&folder).is_ok() {
                return Self::Group(folder);
            }
            let _ = fs::remove_dir(&folder);
        }
        Self::Signals
    }

    /// In words, for the report.
    pub(crate) fn described(&self) -> &'static str {
        match self {
            Self::Group(_) => "a control group's quota of 1.44 ms in every 20 ms",
            Self::Signals => "stopping the process once it has used 1.44 ms in each 20 ms",
        }
    }

    /// Holds `process` to its share from now on.
    pub(crate) fn hold(&self, process: &Arc<Process>) -> Result<Held, Failure> {
        let failed = |error| format!("the cpu share cannot be limited: {error}");
        match self {
            Self::Group(folder) => {
                let id = process.id().to_string();
                fs::write(folder.join("cgroup.procs"), id).map_err(failed)?;
                Ok(Held { stopper: None })
            }
            Self::Signals => {
                let ended = Arc::new(AtomicBool::new(false));
                let (process, until) = (Arc::clone(process), Arc::clone(&ended));
                let thread = thread::spawn(move || stop_and_continue(&process, &until));
                Ok(Held { stopper: Some((ended, thread)) })
            }
        }
    }
}

/// Writes the limit in the words of whichever version of control groups this is.
fn limit(folder: &Path) -> std::io::Result<()> {
    let (slice, period) = (SLICE.as_micros(), PERIOD.as_micros());
    if folder.join("cpu.max").exists() {
        return fs::write(folder.join("cpu.max"), format!("{slice} {period}"));
    }
    fs::write(folder.join("cpu.cfs_period_us"), period.to_string())?;
    fs::write(folder.join("cpu.cfs_quota_us"), slice.to_string())
}

fn stop_and_continue(process: &Process, ended: &AtomicBool) {
    let Some(id) = i32::try_from(process.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    let used = || process.cpu_now().unwrap_or_default();
    let (mut begun, mut before, mut stopped) = (Instant::now(), used(), false);
    while !ended.load(Ordering::Relaxed) {
        if begun.elapsed() >= PERIOD {
            (begun, before) = (Instant::now(), used());
            if std::mem::take(&mut stopped) {
                let _ = kill_process(id, Signal::CONT);
            }
        } else if !stopped && used().saturating_sub(before) >= SLICE {
            stopped = kill_process(id, Signal::STOP).is_ok();
        }
        std::hint::spin_loop();
    }
    let _ = kill_process(id, Signal::CONT);
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((ended, thread)) = self.stopper.take() {
            ended.store(true, Ordering::Relaxed);
            let _ = thread.join();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Self::Group(folder) = self {
            let _ = fs::remove_dir(folder);
        }
    }
}

//! One run of the sync through the queue, watched from outside.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::FEW_USERS;
use super::town::Town;
use crate::Failure;
use crate::guard::process::{children, cpu};

/// How often the run is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Without one more page for so long, the run has got stuck.
const PATIENCE: Duration = Duration::from_mins(3);

/// Users on a page: the most that Clerk gives.
const PAGE_SIZE: u64 = 500;

/// What a run was like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    pub(crate) users: u64,
    pub(crate) took: Duration,
    /// Resident memory of the largest worker by the users it was looked at, in kilobytes.
    pub(crate) memory: Vec<(u64, u64)>,
    /// CPU time of all workers.
    pub(crate) cpu: Duration,
    /// What the run says of itself at its end.
    pub(crate) counters: Value,
}

/// Starts a run over all users and returns once it is through.
pub(crate) async fn run(town: &Town) -> Result<Ran, Failure> {
    let workers = children("retry-worker");
    let began = Instant::now();
    let spent = || workers.iter().map(|id| cpu(*id)).sum::<Duration>();
    let cpu_before = spent();
    let wish = json!({
        "syncUsers": true, "syncPlans": true, "setCredits": true, "pageSize": PAGE_SIZE,
    });
    let started = town.post("users/sync", &wish).await?.expect(202)?.json();
    let run = started.get("run").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut ran, mut marks) = (Ran::default(), marks(town.users));
    let mut last = (Value::Null, Instant::now());
    loop {
        tokio::time::sleep(LOOK).await;
        let now = town.get(&format!("users/sync/{run}")).await?.expect(200)?.json();
        let processed = now.get("processed").and_then(Value::as_u64).unwrap_or_default();
        let pages = now.pointer("/progress/pages").cloned().unwrap_or_default();
        let done = now.get("complete").and_then(Value::as_bool) == Some(true);
        if marks.first().is_some_and(|mark| processed >= *mark) || done {
            marks.retain(|mark| *mark > processed);
            ran.memory.push((processed, largest(&workers)?));
            eprintln!("{processed} users in {} s", began.elapsed().as_secs());
        }
        if done {
            ran.users = processed;
            ran.counters = now;
            break;
        }
        if now.get("state").and_then(Value::as_str) != Some("running") {
            return Err(format!("the run does not go on: {now}"));
        }
        if pages != last.0 {
            last = (pages, Instant::now());
        } else if last.1.elapsed() > PATIENCE {
            return Err(format!("the run has got stuck: {now}"));
        }
    }
    ran.took = began.elapsed();
    ran.cpu = spent().saturating_sub(cpu_before);
    Ok(ran)
}

/// The numbers of users at which memory is looked at.
fn marks(users: usize) -> Vec<u64> {
    [FEW_USERS, users / 10, users / 2]
        .into_iter()
        .filter(|mark| (FEW_USERS..users).contains(mark))
        .filter_map(|mark| u64::try_from(mark).ok())
        .collect()
}

/// Resident memory of the largest worker, in kilobytes.
pub(crate) fn memory() -> Result<u64, Failure> {
    largest(&children("retry-worker"))
}

/// Resident memory of the largest of these processes, in kilobytes.
fn largest(ids: &[u32]) -> Result<u64, Failure> {
    let resident = |id: &u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    ids.iter().filter_map(resident).max().ok_or_else(|| "no worker is running".to_owned())
}

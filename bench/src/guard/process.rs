//! The processes of the functions, as the kernel counts their CPU time.

use std::fs;
use std::time::Duration;

/// The processes that this one has started and that run the program `name`.
pub(crate) fn children(name: &str) -> Vec<u32> {
    let own = std::process::id().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_ours = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name stands in parentheses, then the state, then the parent.
        let Some((before, after)) = stat.rsplit_once(") ") else {
            return false;
        };
        let parent = after.split(' ').nth(1).unwrap_or_default();
        before.ends_with(&format!("({name}")) && parent == own
    };
    ids.filter(is_ours).collect()
}

/// The CPU time that all threads of a process have had so far.
pub(crate) fn cpu(id: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    });
    spent.sum()
}

/// The name of the processor, as the kernel tells it.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}

//! Measurements of a process on Linux.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

/// The CPU time of all threads of a process, to the nanosecond.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in threads(process)? {
        let statistics = fs::read_to_string(thread.join("schedstat"))?;
        let on_cpu = statistics.split(' ').next().unwrap_or_default();
        nanoseconds += on_cpu.parse::<u64>().context("reading a thread's CPU time")?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The most memory that a process has had so far.
pub(crate) fn peak_bytes(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.context("no peak in the status of a process")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Whether all threads of a process wait for something. Only then is its CPU time up to date.
pub(crate) fn is_waiting(process: u32) -> anyhow::Result<bool> {
    for thread in threads(process)? {
        let stat = fs::read_to_string(thread.join("stat"))?;
        // The state stands behind the name, which may have any characters in its brackets.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if state != Some('S') {
            return Ok(false);
        }
    }
    Ok(true)
}

fn threads(process: u32) -> anyhow::Result<Vec<PathBuf>> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .context("looking at a process, which works on Linux only")?;
    Ok(threads.map(|thread| thread.map(|thread| thread.path())).collect::<Result<_, _>>()?)
}

//! What the operating system accounts to the measured server: CPU time and resident memory.

use std::fs;

use anyhow::{Context, Result};

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which Linux fixes at 100 for user space.
const TICKS_PER_SECOND: f64 = 100.0;
/// Fields of `/proc/PID/stat` between the command's name and the user time (see proc(5)).
const FIELDS_BEFORE_USER_TIME: usize = 11;

/// CPU time so far, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) total: f64,
    /// What of it was not the kernel's.
    pub(crate) user: f64,
}

/// That of all `processes`; all threads are counted.
pub(crate) fn cpu(processes: &[u32]) -> Result<Cpu> {
    let (mut user, mut system) = (0, 0);
    for process in processes {
        let ticks = ticks(*process).with_context(|| format!("CPU time of process {process}"))?;
        (user, system) = (user + ticks.0, system + ticks.1);
    }
    let seconds = |ticks: u32| f64::from(ticks) / TICKS_PER_SECOND;
    Ok(Cpu { total: seconds(user + system), user: seconds(user) })
}

/// User and system time.
fn ticks(process: u32) -> Result<(u32, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold spaces and parentheses, so the fields are counted from its last one.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let mut times = fields.split_ascii_whitespace().skip(FIELDS_BEFORE_USER_TIME);
    let user: u32 = times.next().context("no user time in stat")?.parse()?;
    let system: u32 = times.next().context("no system time in stat")?.parse()?;
    Ok((user, system))
}

/// Resident memory of all `processes` together, in bytes; shared pages count once for each.
pub(crate) fn resident_bytes(processes: &[u32]) -> Result<u64> {
    let mut bytes = 0;
    for process in processes {
        bytes += resident(*process).with_context(|| format!("memory of process {process}"))?;
    }
    Ok(bytes)
}

fn resident(process: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.context("no Rss in smaps_rollup")?.parse()?;
    Ok(kibibytes * 1024)
}

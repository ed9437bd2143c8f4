//! What another process takes.

use std::fs;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

use crate::error::Result;

/// A process that is measured from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The CPU time of all its threads, user and system together.
    pub(crate) fn cpu(self) -> Result<Duration> {
        // Behind the name, which may hold spaces: `man 5 proc_pid_stat`, fields 3 and on.
        let stat = self.read("stat")?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: Vec<u64> = ticks
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?;
        let seconds = ticks.iter().sum::<u64>() as f64 / clock_ticks_per_second() as f64;
        Ok(Duration::from_secs_f64(seconds))
    }

    /// The memory that it has in use, in MiB.
    pub(crate) fn memory_mib(self) -> Result<f64> {
        self.status_mib("VmRSS:")
    }

    /// The most memory that it has had in use, in MiB.
    pub(crate) fn peak_mib(self) -> Result<f64> {
        self.status_mib("VmHWM:")
    }

    fn status_mib(self, name: &str) -> Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.ok_or("no such memory")?.parse::<f64>()? / 1024.0)
    }

    fn read(self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.0);
        Ok(fs::read_to_string(path).map_err(|error| format!("the program has ended: {error}"))?)
    }
}

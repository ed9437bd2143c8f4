//! CPU time, and where it is spent.

use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// CPU time that was spent until a moment, user and system together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    clock: ClockId,
    spent: Duration,
}

impl Cpu {
    /// Of all threads of this process.
    pub(crate) fn now() -> Self {
        Self::by(ClockId::ProcessCPUTime)
    }

    /// Of this thread.
    pub(crate) fn of_thread() -> Self {
        Self::by(ClockId::ThreadCPUTime)
    }

    fn by(clock: ClockId) -> Self {
        let spent = Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        Self { clock, spent }
    }

    /// What was spent since then.
    pub(crate) fn elapsed(self) -> Duration {
        Self::by(self.clock).spent.saturating_sub(self.spent)
    }
}

/// Keeps this thread, and those and the processes that it will start, on one of the cores, so that
/// a client and its server do not disturb each other. On a machine with too few cores it does
/// nothing.
pub(crate) fn pin(core: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if core < cores {
        let mut set = CpuSet::new();
        set.set(core);
        // A container may forbid it; then the figures are noisier.
        let _ = sched_setaffinity(None, &set);
    }
}

/// While it lives, this thread is [`pin`]ned.
#[derive(Debug)]
pub(crate) struct Pinned {
    before: Option<CpuSet>,
}

impl Pinned {
    pub(crate) fn to(core: usize) -> Self {
        let before = sched_getaffinity(None).ok();
        pin(core);
        Self { before }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(None, before);
        }
    }
}

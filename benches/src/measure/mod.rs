//! How to measure.

mod allocations;
mod clock;
mod interleave;
mod process;

pub(crate) use allocations::{allocations, uncounted};
pub(crate) use clock::{Cpu, Pinned, pin};
pub(crate) use interleave::{Outcome, interleave};
pub(crate) use process::Process;

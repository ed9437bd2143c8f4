//! How to measure.

mod clock;
mod interleave;

pub(crate) use clock::{Cpu, pin};
pub(crate) use interleave::{Outcome, interleave};

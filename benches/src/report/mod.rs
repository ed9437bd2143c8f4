//! What was measured, as JSON and as tables.

mod file;
mod machine;
mod measurement;
mod table;
mod versions;

pub(crate) use file::Report;
pub(crate) use measurement::{Judged, Measurement, Summary, Target};
pub(crate) use table::{Style, number, right, titled};

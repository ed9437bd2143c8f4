//! What was measured, as JSON and as tables.

mod file;
mod machine;
mod measurement;
mod table;

pub(crate) use file::Report;
pub(crate) use measurement::{Measurement, Summary, Target};
pub(crate) use table::{Style, number, titled};

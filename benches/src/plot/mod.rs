//! Drawings of the figures.

use std::path::Path;

use crate::error::Result;
use crate::report::Report;

pub(crate) fn draw(_report: &Report, _directory: &Path) -> Result<()> {
    Ok(())
}

//! Which proxy an exchange has.

use crate::error::Result;
use crate::report::Measurement;
use crate::settings::Settings;

pub(crate) fn run(_settings: &Settings) -> Result<Vec<Measurement>> {
    Ok(Vec::new())
}

//! Tests that need more of the machine than others.

use std::io::{self, Write};
use std::thread;

/// Says why a test ends early, past the test harness, which would keep it to itself.
///
/// # Panics
/// If the environment variable `requirement` says `required`.
pub(crate) fn skip(requirement: &str, reason: &str) {
    let required = std::env::var_os(requirement).is_some_and(|value| value == "required");
    assert!(!required, "{reason}, and {requirement}=required");
    let test = thread::current();
    let name = test.name().unwrap_or_default();
    let _ = writeln!(io::stderr(), "{name}: skipped, {reason}");
}

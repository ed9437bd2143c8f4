//! The command of the workspace, as users have it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Result;

/// Builds it, unless it is built, and tells where it is.
pub(crate) fn build() -> Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "-p", "cryptofeed"])
        .current_dir(&workspace)
        .env("CARGO_TARGET_DIR", &target)
        .status()?;
    match status.success() {
        true => Ok(target.join("release/cryptofeed")),
        false => Err(format!("the command does not build: {status}").into()),
    }
}

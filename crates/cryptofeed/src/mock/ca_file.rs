//! The file that clients take the certificate authority from.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::TestCa;

use crate::failure::Failure;

/// A file with an authority's certificate. A temporary one is removed when this is dropped.
#[derive(Debug)]
pub(super) struct CaFile {
    path: PathBuf,
    is_temporary: bool,
}

impl CaFile {
    /// Adds the certificate to the file at `path`, or writes it to a new temporary file.
    pub(super) fn write(ca: &TestCa, path: Option<PathBuf>) -> Result<Self, Failure> {
        let is_temporary = path.is_none();
        let path = path.unwrap_or_else(temporary);
        write(&path, is_temporary, &ca.pem())
            .map_err(|error| Failure::runtime(format!("write {}", path.display()), error))?;
        // Who reads it may have another working directory.
        let path = fs::canonicalize(&path).unwrap_or(path);
        Ok(Self { path, is_temporary })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        if self.is_temporary {
            // It is no use to anybody, but no harm either.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn temporary() -> PathBuf {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let name = format!(
        "cryptofeed-mock-ca-{}-{}.pem",
        process::id(),
        now.as_nanos()
    );
    std::env::temp_dir().join(name)
}

fn write(path: &Path, is_new: bool, pem: &str) -> io::Result<()> {
    let mut options = File::options();
    let options = if is_new {
        options.write(true).create_new(true)
    } else {
        options.append(true).create(true)
    };
    options.open(path)?.write_all(pem.as_bytes())
}

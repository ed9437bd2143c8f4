//! The certificate authority of the mocks.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::TestCa;

use crate::failure::Failure;
use crate::stage;

/// An authority, and the file that clients take its certificate from. A temporary file is removed
/// when this is dropped.
#[derive(Debug)]
pub(super) struct Authority {
    ca: TestCa,
    certificate_file: PathBuf,
    is_temporary: bool,
}

impl Authority {
    /// A new authority, its certificate in a temporary file.
    pub(super) fn new() -> Result<Self, Failure> {
        let ca = TestCa::new().map_err(stage::failure)?;
        let file = beside(&std::env::temp_dir().join("cryptofeed-mock-ca.pem"));
        File::create_new(&file)
            .and_then(|mut file| file.write_all(ca.pem().as_bytes()))
            .map_err(cannot("write", &file))?;
        Ok(Self {
            ca,
            certificate_file: file,
            is_temporary: true,
        })
    }

    /// The authority of a folder, shared by all processes that name the folder.
    ///
    /// The key is what makes the authority. The first process creates it, even if several start at
    /// the same time, and all certificates for it are equivalent.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(cannot("make", folder))?;
        let key_file = folder.join("ca-key.pem");
        let is_there = fs::exists(&key_file).map_err(cannot("find", &key_file))?;
        if !is_there {
            let key = TestCa::new().map_err(stage::failure)?.key_pem();
            publish(&key_file, &key).map_err(cannot("write", &key_file))?;
        }
        let key = fs::read_to_string(&key_file).map_err(cannot("read", &key_file))?;
        let ca = TestCa::from_key_pem(&key)
            .map_err(|error| Failure::runtime(format!("use {}", key_file.display()), error))?;
        let file = folder.join("ca.pem");
        replace(&file, &ca.pem()).map_err(cannot("write", &file))?;
        Ok(Self {
            ca,
            // Readers of the listing may have another working directory.
            certificate_file: fs::canonicalize(&file).unwrap_or(file),
            is_temporary: false,
        })
    }

    pub(super) fn ca(&self) -> &TestCa {
        &self.ca
    }

    pub(super) fn certificate_file(&self) -> &Path {
        &self.certificate_file
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        if self.is_temporary {
            // A file that stays behind is useless, but does no harm.
            let _ = fs::remove_file(&self.certificate_file);
        }
    }
}

fn cannot(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let doing = format!("{what} {}", path.display());
    |error| Failure::runtime(doing, error)
}

/// A path for a new file in the same folder.
// The same folder is the same file system, where a link or a rename is one step.
fn beside(path: &Path) -> PathBuf {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}-{}-{}.pem", process::id(), now.as_nanos());
    path.with_file_name(name)
}

/// Writes a new file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Creates a secret file with all of its text at once, unless it exists.
fn publish(path: &Path, text: &str) -> io::Result<()> {
    // A link fails if the path exists, where a rename would replace the key of another process.
    let draft = beside(path);
    write_secret(&draft, text)?;
    let published = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    published.or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })
}

/// Replaces a file with a new one, with all of its text at once.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = beside(path);
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}

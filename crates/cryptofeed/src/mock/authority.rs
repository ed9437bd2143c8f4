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

    /// The authority of a folder, and of everybody who names the same one.
    ///
    /// The key makes the authority: whoever is first sets it, at the same time or not, and any
    /// certificate for it is as good as any other.
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
            // Who reads it may have another working directory.
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
            // It is no use to anybody, but no harm either.
            let _ = fs::remove_file(&self.certificate_file);
        }
    }
}

fn cannot(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let doing = format!("{what} {}", path.display());
    |error| Failure::runtime(doing, error)
}

/// The path of a file that is not there, in the same folder.
fn beside(path: &Path) -> PathBuf {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}-{}-{}.pem", process::id(), now.as_nanos());
    path.with_file_name(name)
}

/// Writes a new file that nobody else may read.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Makes a secret file appear with all of its text, unless there is one.
fn publish(path: &Path, text: &str) -> io::Result<()> {
    let draft = beside(path);
    write_secret(&draft, text)?;
    let published = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    published.or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })
}

/// Puts a file with all of its text in the place of any other.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = beside(path);
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}

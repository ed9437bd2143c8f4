//! The files that a configuration names.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::node::Node;

/// The bytes that a file with a secret may have. No protocol carries as many.
const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the secret in the file whose path is the value. The mark that editors put before it and the
/// newlines that they and `echo` put after it are not part of it.
pub(crate) fn read_secret(node: &Node<'_>) -> Option<Vec<u8>> {
    let path = node.file_path()?;
    let report = |problem: &dyn fmt::Display| {
        node.report(format_args!("{} {problem}", Name::of(node, &path)));
    };
    let mut secret = Vec::new();
    let read = File::open(&path)
        .and_then(|file| file.take(MOST_SECRET_BYTES + 1).read_to_end(&mut secret));
    if let Err(error) = read {
        report(&format_args!("could not be read: {error}"));
        return None;
    }
    if secret.len() as u64 > MOST_SECRET_BYTES {
        report(&"is too large for a password: more than 64 KiB");
        return None;
    }
    if secret.starts_with(b"\xFF\xFE") || secret.starts_with(b"\xFE\xFF") {
        report(&"is UTF-16, which no proxy takes a password in; save it as UTF-8");
        return None;
    }
    if let Some(text) = secret.strip_prefix(BYTE_ORDER_MARK) {
        secret = text.to_owned();
    }
    while let Some(line) = secret.strip_suffix(b"\n") {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        secret.truncate(line.len());
    }
    if secret.is_empty() {
        report(&"is empty");
        return None;
    }
    Some(secret)
}

/// The value as the path of a file, which must be there.
pub(crate) fn require_file(node: &Node<'_>) -> Option<PathBuf> {
    let path = node.file_path()?;
    let is_there = fs::metadata(&path).and_then(|file| match file.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(()),
    });
    match is_there {
        Ok(()) => Some(path),
        Err(error) => {
            let name = Name::of(node, &path);
            node.report(format_args!("{name} could not be read: {error}"));
            None
        }
    }
}

/// What an error calls a file.
enum Name<'a> {
    Path(&'a Path),
    /// What is written may not be a path at all, but a misplaced secret.
    FileIn(&'a Path),
}

impl<'a> Name<'a> {
    fn of(node: &Node<'a>, path: &'a Path) -> Self {
        let written = Path::new(node.as_text().unwrap_or_default());
        let is_bare = written.components().count() == 1;
        let has_folder = !is_bare && path.parent().is_some_and(Path::is_dir);
        if written.is_absolute() || has_folder || path.exists() {
            Self::Path(path)
        } else {
            Self::FileIn(node.folder().unwrap_or(Path::new("")))
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{path:?}"),
            Self::FileIn(folder) if folder.as_os_str().is_empty() => {
                f.write_str("the file, looked for from the working directory,")
            }
            Self::FileIn(folder) => write!(f, "the file, looked for from {folder:?},"),
        }
    }
}

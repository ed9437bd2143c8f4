//! The names of files in errors.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use crate::files::Seen;

/// The usual extensions of certificates and of files with a secret.
const EXTENSIONS: [&str; 5] = ["cer", "crt", "pem", "secret", "txt"];

/// The name of a file in an error.
pub(crate) enum FileName<'a> {
    Path(&'a Path),
    /// A file in this folder, without its name: the text may be a misplaced secret.
    FileIn(&'a Path),
}

impl<'a> FileName<'a> {
    /// The name of the file at `path`, which is `written` in a file in `folder`, or in none.
    pub(crate) fn of(path: &'a Path, written: &Path, folder: Option<&'a Path>, seen: Seen) -> Self {
        // Shown if it is certainly a path: absolute, or the path of a file, or below a folder that
        // exists, or with an extension. A single word is always in such a folder, and may be a
        // password.
        let is_bare = written.components().count() == 1;
        let extension = written.extension().and_then(OsStr::to_str);
        let is_named = extension.is_some_and(|extension| EXTENSIONS.contains(&extension));
        if written.is_absolute() || (!is_bare && seen.folder) || seen.file || is_named {
            Self::Path(path)
        } else {
            Self::FileIn(folder.unwrap_or(Path::new("")))
        }
    }
}

impl fmt::Display for FileName<'_> {
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

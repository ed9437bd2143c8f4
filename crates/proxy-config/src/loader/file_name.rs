//! What errors call the files that a configuration names.

use std::fmt;
use std::path::Path;

use crate::files::Seen;

/// What an error calls a file.
pub(crate) enum FileName<'a> {
    Path(&'a Path),
    /// What is written may not be a path at all, but a misplaced secret.
    FileIn(&'a Path),
}

impl<'a> FileName<'a> {
    /// The name of the file at `path`, which is `written` in a file in `folder`, or in none.
    pub(crate) fn of(path: &'a Path, written: &Path, folder: Option<&'a Path>, seen: Seen) -> Self {
        let is_bare = written.components().count() == 1;
        if written.is_absolute() || (!is_bare && seen.folder) || seen.file {
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

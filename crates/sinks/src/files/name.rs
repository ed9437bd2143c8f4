//! The names of files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::run::RunId;

/// The end of a file's name as long as it is not complete.
const PART: &str = ".part";

/// The end of a copy's name as long as it is being made.
pub(super) const COPY: &str = ".copy";

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// As lines: `.jsonl`.
    #[default]
    None,
    /// As lines that are compressed by Zstandard: `.jsonl.zst`.
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    Zstd,
}

impl Compression {
    const ALL: [Self; 2] = [Self::None, Self::Zstd];

    /// The end of a file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => ".jsonl",
            Self::Zstd => ".jsonl.zst",
        }
    }

    /// That of a file, by its name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(PART).unwrap_or(name);
        Self::ALL
            .into_iter()
            .find(|it| name.ends_with(it.extension()))
    }
}

/// `<path>.<run>-<number>.jsonl`
pub(super) fn complete(path: &Path, run: &RunId, number: u64, compression: Compression) -> PathBuf {
    let extension = compression.extension();
    with_suffix(path, &format!(".{run}-{number}{extension}"))
}

/// The name of a file until it is complete.
pub(super) fn part(path: &Path) -> PathBuf {
    with_suffix(path, PART)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The final name of a file that may not be complete; `None` if it is.
pub(crate) fn is_part(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(PART)?;
    Some(path.with_file_name(name))
}

/// The run of a file, by its name.
pub(crate) fn run(path: &Path) -> Option<RunId> {
    let compression = Compression::of(path)?;
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(PART).unwrap_or(name);
    let name = name.strip_suffix(compression.extension())?;
    let (_, numbered) = name.rsplit_once('.')?;
    let (run, number) = numbered.rsplit_once('-')?;
    number.parse::<u64>().ok()?;
    Some(RunId::named(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_run_and_the_format() {
        let id = RunId::begin(1_723_161_254_024_619_568);
        for compression in Compression::ALL {
            let path = complete(Path::new("a/2024-08-08T23"), &id, 7, compression);
            assert_eq!(run(&path), Some(id.clone()));
            assert_eq!(Compression::of(&path), Some(compression));
            assert_eq!(is_part(&path), None);
            let part = part(&path);
            assert_eq!(run(&part), Some(id.clone()));
            assert_eq!(is_part(&part), Some(path));
        }
        assert_eq!(run(Path::new("events.jsonl")), None);
        assert_eq!(Compression::of(Path::new("events.txt")), None);
    }
}

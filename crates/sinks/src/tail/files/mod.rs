//! Files, read back.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use feeds::ExchangeName;

use crate::files::walk::walk;
use crate::files::{Compression, name};
use crate::run::RunId;
use crate::tail::lines::{Line, Lines};
use crate::tail::{Head, Source, Summary, Tail};

/// Reads the files below a folder, or one file, and checks them. It blocks.
///
/// A file that is still being written may end within a line. Any other that does is a finding, and so is
/// what cannot be read below a folder.
///
/// # Errors
/// If the folder or the file cannot be read.
pub fn read_files(path: &Path) -> io::Result<Summary> {
    let mut tail = Tail::new(Source::Files);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    tail.began_s = since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
    if fs::metadata(path)?.is_dir() {
        tail.read_folder(path)?;
    } else {
        // Only once: it may be a pipe.
        tail.read_file(name::run(path), path)?;
    }
    Ok(tail.finish())
}

/// Opens a file to read its lines. Returns whether it is still being written.
fn open(path: &Path) -> io::Result<(Box<dyn BufRead>, bool)> {
    let complete = name::is_part(path);
    let (file, is_growing) = match (File::open(path), &complete) {
        // It has its final name now.
        (Err(error), Some(path)) if error.kind() == io::ErrorKind::NotFound => {
            (File::open(path)?, false)
        }
        (file, _) => (file?, complete.is_some()),
    };
    let reader = decoded(file, Compression::of(path))?;
    Ok((reader, is_growing))
}

fn decoded(file: File, compression: Option<Compression>) -> io::Result<Box<dyn BufRead>> {
    match compression {
        #[cfg(feature = "zstd")]
        Some(Compression::Zstd) => {
            let decoder = zstd::stream::read::Decoder::new(file)?;
            Ok(Box::new(BufReader::new(decoder)))
        }
        #[cfg(not(feature = "zstd"))]
        Some(Compression::Zstd) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this program is built without the feature `zstd`",
        )),
        _ => Ok(Box::new(BufReader::with_capacity(256 * 1024, file))),
    }
}

/// Those of `files` that have lines, in the order in which they are read: by runs, and of a run and a partition
/// in the order of their first event.
fn in_order(files: Vec<PathBuf>) -> Vec<(Option<RunId>, PathBuf)> {
    let files: BTreeSet<_> = files.into_iter().collect();
    // One that was completed meanwhile may be there under both names.
    let is_twice =
        |path: &Path| name::is_part(path).is_some_and(|complete| files.contains(&complete));
    let has_lines = |path: &&PathBuf| Compression::of(path).is_some() && !is_twice(path);
    let mut sorted: Vec<_> = files
        .iter()
        .filter(has_lines)
        .map(|path| {
            // One without an event is the newest, and may have some when it is read.
            let first = first_sequence(path).unwrap_or(u64::MAX);
            (name::run(path), first, path.clone())
        })
        .collect();
    sorted.sort();
    let sorted = sorted.into_iter();
    sorted.map(|(run, _, path)| (run, path)).collect()
}

/// The sequence of the first event.
fn first_sequence(path: &Path) -> Option<u64> {
    let mut lines = Lines::new(open(path).ok()?.0);
    match lines.next().ok()? {
        Line::Whole(line) => {
            let head: Head = serde_json::from_slice(line).ok()?;
            Some(head.sequence)
        }
        _ => None,
    }
}

impl Tail {
    fn read_folder(&mut self, folder: &Path) -> io::Result<()> {
        let walk = walk(folder)?;
        for (path, error) in walk.unread {
            self.find_unread(&path, &error);
        }
        for (run, path) in in_order(walk.files) {
            if let Err(error) = self.read_file(run, &path) {
                self.find_unread(&path, &error);
            }
        }
        Ok(())
    }

    fn find_unread(&mut self, path: &Path, error: &io::Error) {
        let place = path.display().to_string();
        let place = place.escape_debug();
        self.summary
            .find(format!("{place}: cannot be read: {error}"));
    }

    fn read_file(&mut self, run: Option<RunId>, path: &Path) -> io::Result<()> {
        let (reader, is_growing) = open(path)?;
        let place = path.display().to_string();
        match run {
            Some(run) => {
                self.read_lines(&place, is_growing, reader, |_| run.clone());
                if name::is_part(path).is_some() {
                    let runs = self.runs.iter_mut().filter(|((id, _), _)| *id == run);
                    runs.for_each(|(_, told)| told.is_growing = true);
                }
            }
            None => {
                let mut runs = Unnamed::of(path);
                self.read_lines(&place, is_growing, reader, |line| runs.run_of(line));
            }
        }
        Ok(())
    }

    /// Reads lines to their end. `place` is what findings name. What `is_growing` may end within a line.
    pub fn read_lines(
        &mut self,
        place: &str,
        is_growing: bool,
        reader: impl BufRead,
        mut run_of: impl FnMut(&[u8]) -> RunId,
    ) {
        let mut lines = Lines::new(reader);
        let place = place.escape_debug().to_string();
        let mut number = 0_u64;
        let torn = loop {
            number += 1;
            match lines.next() {
                Ok(Line::Whole(line)) => {
                    if let Err(problem) = self.take_line(&run_of(line), None, line) {
                        let problem = problem.to_string();
                        let problem = problem.escape_debug();
                        self.summary
                            .find(format!("{place}:{number}: failed to {problem}"));
                    }
                }
                Ok(Line::TooLong) => {
                    self.summary
                        .find(format!("{place}:{number}: the line is too long"));
                }
                Ok(Line::Torn(bytes)) => break Some(format!("{bytes} bytes have no newline")),
                Ok(Line::End) => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        match torn {
            Some(_) if is_growing => self.summary.torn += 1,
            Some(problem) => self
                .summary
                .find(format!("{place}:{number}: the file is torn: {problem}")),
            None => {}
        }
    }
}

/// The runs of a file that is not named by them, such as what came on standard output. Numbers that begin
/// anew are those of another run.
struct Unnamed {
    name: String,
    last: HashMap<ExchangeName, (u64, u64)>,
}

impl Unnamed {
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            last: HashMap::new(),
        }
    }

    fn run_of(&mut self, line: &[u8]) -> RunId {
        let number = match serde_json::from_slice::<Head>(line) {
            Ok(head) => {
                let (last, number) = self.last.entry(head.exchange).or_insert((0, 1));
                if head.sequence == 1 && *last > 1 {
                    *number += 1;
                }
                *last = head.sequence;
                *number
            }
            Err(_) => 1,
        };
        RunId::named(&format!("{}#{number}", self.name))
    }
}

#[cfg(test)]
mod tests;

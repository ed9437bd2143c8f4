//! Files, read back.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use feeds::ExchangeName;

use super::lines::{Line, Lines};
use super::{Head, Source, Summary, Tail};
use crate::files::{Compression, name};
use crate::run::RunId;

/// How deep below a folder files are looked for.
const DEPTH: usize = 16;

/// Reads the files below a folder, or one file, and checks them. It blocks.
///
/// A file that is still being written may end within a line. Any other that does is a finding.
///
/// # Errors
/// If a folder or a file cannot be read.
pub fn read_files(path: &Path) -> io::Result<Summary> {
    let mut files = Vec::new();
    if fs::metadata(path)?.is_dir() {
        find(path, DEPTH, &mut files)?;
    } else {
        files.push(path.to_owned());
    }
    let mut sorted = Vec::new();
    for path in files {
        sorted.push((name::run(&path), first_sequence(&path), path));
    }
    sorted.sort();
    let mut tail = Tail::new(Source::Files);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    tail.began_s = since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
    for (run, _, path) in sorted {
        tail.read_file(run, &path)?;
    }
    Ok(tail.finish())
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && depth > 0 {
            find(&path, depth - 1, files)?;
        } else if kind.is_file() && Compression::of(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    match Compression::of(path) {
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

/// The sequence of the first event: files of a run and a partition are in its order.
fn first_sequence(path: &Path) -> Option<u64> {
    let mut lines = Lines::new(open(path).ok()?);
    match lines.next().ok()? {
        Line::Whole(line) => {
            let head: Head = serde_json::from_slice(line).ok()?;
            Some(head.sequence)
        }
        _ => None,
    }
}

impl Tail {
    fn read_file(&mut self, run: Option<RunId>, path: &Path) -> io::Result<()> {
        let reader = open(path)?;
        let is_growing = name::is_part(path).is_some();
        let place = path.display().to_string();
        match run {
            Some(run) => {
                self.read_lines(&place, is_growing, reader, |_| run.clone());
                if is_growing {
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
                    if let Err(problem) = self.take_line(&run_of(line), line) {
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

//! The files that a configuration is, and those that it names.
//!
//! All of them are read here, each once, and within one time limit for all: a pipe without a writer
//! or a mount that hangs must not block the load of a configuration.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long the reading of all files of a configuration may take.
// For all of them together: with a limit per file, the time would grow with their number.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a file may take at least, however long those before it took.
// Without it, one file that hangs would make every file after it fail as well.
const LEAST: Duration = Duration::from_millis(100);

/// The largest file, in bytes.
// A path may lead to something without an end, such as `/dev/zero`.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The files that are read together.
pub(crate) struct Files {
    limit: Duration,
    started: Instant,
    outcomes: RefCell<HashMap<PathBuf, Outcome>>,
}

type Outcome = Result<Arc<[u8]>, Unread>;

impl Default for Files {
    fn default() -> Self {
        Self::within(LIMIT)
    }
}

impl Files {
    fn within(limit: Duration) -> Self {
        Self {
            limit,
            started: Instant::now(),
            outcomes: RefCell::default(),
        }
    }

    /// The content of a file.
    pub(crate) fn read(&self, path: &Path) -> Outcome {
        if let Some(outcome) = self.outcomes.borrow().get(path) {
            return outcome.clone();
        }
        let left = self.limit.saturating_sub(self.started.elapsed());
        let outcome = self.wait_for(path, left.max(LEAST));
        // Failures are kept as well: a file that hangs is waited for once. A pipe could not even be
        // read a second time.
        let mut outcomes = self.outcomes.borrow_mut();
        outcomes.insert(path.to_owned(), outcome.clone());
        outcome
    }

    /// Reads on a separate thread, which is left behind if it is not done in time.
    // `std::fs` has no timeouts: opening a pipe waits for a writer, and nothing can interrupt it.
    fn wait_for(&self, path: &Path, limit: Duration) -> Outcome {
        let (sender, steps) = mpsc::channel();
        let owned = path.to_owned();
        let failed = |error: &dyn fmt::Display, seen| Unread {
            reason: error.to_string().into(),
            seen,
        };
        thread::Builder::new()
            .name("configuration file".to_owned())
            .spawn(move || read(&owned, &sender))
            .map_err(|error| failed(&error, Seen::default()))?;
        let deadline = Instant::now() + limit;
        let mut seen = Seen::default();
        loop {
            match steps.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Step::Seen(found)) => seen = found,
                Ok(Step::Read(Ok(content))) => return Ok(content.into()),
                Ok(Step::Read(Err(error))) => return Err(failed(&error, seen)),
                Err(_) => {
                    let seconds = self.limit.as_secs();
                    let elapsed = format!("it does not answer ({seconds} s)");
                    return Err(failed(&elapsed, seen));
                }
            }
        }
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    reason: Arc<str>,
    seen: Seen,
}

impl Unread {
    /// What was found where the file should be.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not be read: {}", self.reason)
    }
}

/// Whether the file and its folder exist.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) file: bool,
    pub(crate) folder: bool,
}

/// The progress of the thread that reads a file.
enum Step {
    Seen(Seen),
    Read(io::Result<Vec<u8>>),
}

fn read(path: &Path, steps: &Sender<Step>) {
    // Sent first: if the file hangs, the error still has this. Sends fail only if the time is over.
    let _ = steps.send(Step::Seen(Seen {
        file: path.exists(),
        folder: path.parent().is_some_and(Path::is_dir),
    }));
    let _ = steps.send(Step::Read(content(path)));
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let file = File::open(path)?;
    // One byte more than allowed distinguishes a file of exactly the limit from a longer one.
    file.take(MOST_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it has more than 16 MiB"));
    }
    Ok(content)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// A pipe in the file system, which is gone when this is.
    struct Pipe(PathBuf);

    impl Pipe {
        fn new(name: &str) -> Self {
            let name = format!("proxy-config-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            Self(path)
        }
    }

    impl Drop for Pipe {
        fn drop(&mut self) {
            fs::remove_file(&self.0).unwrap();
        }
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_given_up_and_others_are_read_all_the_same() {
        let (one, other) = (Pipe::new("one"), Pipe::new("other"));
        let files = Files::within(Duration::ZERO);
        for pipe in [&one, &other, &one] {
            let unread = files.read(&pipe.0).unwrap_err();
            assert_eq!(
                unread.to_string(),
                "could not be read: it does not answer (0 s)"
            );
            assert!(unread.seen().file && unread.seen().folder);
        }
        let manifest = Path::new("Cargo.toml");
        assert_eq!(*files.read(manifest).unwrap(), *fs::read(manifest).unwrap());
    }

    #[test]
    fn what_can_be_written_to_a_pipe_once_is_read_once() {
        let pipe = Pipe::new("once");
        let path = pipe.0.clone();
        let writer = thread::spawn(move || fs::write(path, "s3cret"));
        let files = Files::default();
        for _ in 0..2 {
            assert_eq!(&*files.read(&pipe.0).unwrap(), b"s3cret");
        }
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn a_file_without_an_end_is_given_up() {
        let unread = Files::default().read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(
            unread.to_string(),
            "could not be read: it has more than 16 MiB"
        );
    }
}

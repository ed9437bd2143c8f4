//! Files that somebody may be writing.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// For how long a file must have been left alone.
const QUIET: Duration = Duration::from_millis(250);

/// How often to look whether it was. A file that is written all the time is read as it is.
const LOOKS: usize = 20;

/// The formats whose texts do not show by themselves that something is missing at their end.
const OPEN_ENDED: [&str; 3] = ["yaml", "yml", "toml"];

/// Waits until nobody seems to write the file at `path`, and tells whether all of it seems to be
/// there: its last line has an end. What is no file, and what cannot be looked at, is left to who
/// reads it.
pub(super) fn is_complete(path: &Path) -> bool {
    for _ in 0..LOOKS {
        match age(path) {
            Ok(Some(age)) if age < QUIET => thread::sleep(QUIET.saturating_sub(age)),
            _ => break,
        }
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    let is_open_ended = extension.is_some_and(|extension| OPEN_ENDED.contains(&extension));
    !is_open_ended
        || last_byte(path)
            .ok()
            .flatten()
            .is_none_or(|byte| byte == b'\n')
}

/// The time since the file was written last.
fn age(path: &Path) -> io::Result<Option<Duration>> {
    let file = fs::metadata(path)?;
    // A time to come is one of another clock.
    Ok(file.modified()?.elapsed().ok().filter(|_| file.is_file()))
}

/// The last byte of a file that has any.
fn last_byte(path: &Path) -> io::Result<Option<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    let [last] = last;
    Ok(Some(last))
}

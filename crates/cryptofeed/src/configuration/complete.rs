//! Files that may still be written.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long a file must have been unchanged.
const QUIET: Duration = Duration::from_millis(250);

/// How often to check that. A file that changes all the time is read as it is.
const LOOKS: usize = 20;

/// The formats in which a truncated file can be valid.
// Half a YAML file is a shorter configuration, perhaps one without proxies. JSON needs its last
// brace.
const OPEN_ENDED: [&str; 3] = ["yaml", "yml", "toml"];

/// Waits until the file at `path` is no longer written, and returns whether it seems to be
/// complete: its last line ends with a newline. If there is no such file, or it cannot be
/// inspected, the reader reports that.
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

/// The time since the last write to the file.
fn age(path: &Path) -> io::Result<Option<Duration>> {
    let file = fs::metadata(path)?;
    // A time in the future comes from another clock, such as that of a file server.
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

//! Files that a process has left in the middle.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::encoder::Encoder;
use super::name::{self, Compression};
use super::part::{Lock, finish, is_still_there, lock};
use super::walk::walk;

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recovered {
    /// It has its final name; so many bytes of a torn line were cut.
    Complete { cut: u64 },
    /// It had no whole line, and is removed.
    Empty,
    /// Another process writes it.
    InUse,
}

/// Completes what was left below `folder`, and tells it.
pub(super) fn recover(folder: &Path) -> io::Result<()> {
    let walk = walk(folder)?;
    for (path, error) in walk.unread {
        let (file, problem) = (path.display(), error.to_string());
        tracing::warn!(%file, problem, "files of earlier runs that may be there are left as they are");
    }
    let parts = walk.files.into_iter();
    for part in parts.filter(|it| name::run(it).is_some()) {
        let Some(path) = name::is_part(&part) else {
            continue;
        };
        let file = path.display();
        match recover_file(&part, &path) {
            Ok(Recovered::Complete { cut: 0 }) => {
                tracing::info!(%file, "a file of an earlier run is complete now");
            }
            Ok(Recovered::Complete { cut }) => {
                tracing::warn!(%file, bytes = cut, "a file of an earlier run ended within a line, which was cut");
            }
            Ok(Recovered::Empty) => {
                tracing::warn!(%file, "a file of an earlier run had no whole line, and was removed");
            }
            Ok(Recovered::InUse) => {
                tracing::info!(%file, "a file is being written by another process");
            }
            Err(error) => {
                let problem = error.to_string();
                tracing::error!(%file, problem, "a file of an earlier run could not be completed");
            }
        }
    }
    Ok(())
}

fn recover_file(part: &Path, path: &Path) -> io::Result<Recovered> {
    let mut file = OpenOptions::new().read(true).write(true).open(part)?;
    if lock(&file) == Lock::Taken || !is_still_there(&file, part) {
        return Ok(Recovered::InUse);
    }
    let (whole, cut) = match Compression::of(part) {
        Some(Compression::Zstd) => copy(&file, part)?,
        _ => cut_plain(&mut file)?,
    };
    if whole == 0 {
        fs::remove_file(part)?;
        return Ok(Recovered::Empty);
    }
    match Compression::of(part) {
        Some(Compression::Zstd) => {
            let copy = name::with_suffix(part, name::COPY);
            finish(&File::open(&copy)?, &copy, path)?;
            fs::remove_file(part)?;
        }
        _ => finish(&file, part, path)?,
    }
    Ok(Recovered::Complete { cut })
}

/// Cuts what follows the last newline. Returns how many bytes are left, and how many were cut.
fn cut_plain(file: &mut File) -> io::Result<(u64, u64)> {
    const CHUNK: u64 = 64 * 1024;
    let length = file.metadata()?.len();
    let mut end = length;
    let whole = loop {
        let start = end.saturating_sub(CHUNK);
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            break start + at as u64 + 1;
        }
        if start == 0 {
            break 0;
        }
        end = start;
    };
    file.set_len(whole)?;
    Ok((whole, length - whole))
}

/// Copies the whole lines of a compressed file, which has no end, to one that has. Returns how many bytes of
/// lines there are, and how many were cut.
fn copy(file: &File, part: &Path) -> io::Result<(u64, u64)> {
    let mut copy = File::create(name::with_suffix(part, name::COPY))?;
    let mut lines = BufReader::new(decoder(file)?);
    let mut encoder = Encoder::new(Compression::Zstd)?;
    let (mut whole, mut cut) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        // Its end is missing, so that it ends with an error.
        let read = lines.read_until(b'\n', &mut line);
        match line.strip_suffix(b"\n") {
            Some(text) => encoder.push(text)?,
            None => {
                cut += line.len() as u64;
                break;
            }
        }
        whole += line.len() as u64;
        if encoder.bytes().len() >= 64 * 1024 {
            write(&mut copy, &mut encoder)?;
        }
        if read.is_err() {
            break;
        }
    }
    encoder.finish()?;
    write(&mut copy, &mut encoder)?;
    copy.sync_all()?;
    if whole == 0 {
        fs::remove_file(name::with_suffix(part, name::COPY))?;
    }
    Ok((whole, cut))
}

fn write(copy: &mut File, encoder: &mut Encoder) -> io::Result<()> {
    io::Write::write_all(copy, encoder.bytes())?;
    encoder.bytes().clear();
    Ok(())
}

#[cfg(feature = "zstd")]
fn decoder(file: &File) -> io::Result<impl Read> {
    zstd::stream::read::Decoder::new(file)
}

#[cfg(not(feature = "zstd"))]
fn decoder(_: &File) -> io::Result<io::Empty> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this program is built without the feature `zstd`",
    ))
}

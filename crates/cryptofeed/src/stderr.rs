//! Text for standard error. Nothing ever waits for its reader.

use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use indicatif::MultiProgress;
use parking_lot::{Condvar, Mutex};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

/// How many bytes may wait. As many more may be in the hands of the thread that writes.
const ROOM: usize = 1024 * 1024;

/// How long the end of the command waits for a reader.
// A terminal can be stopped with Ctrl-S, and a pipe can be full. The command ends all the same.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long to wait before a full output that does not block is tried again.
const FULL_FOR: Duration = Duration::from_millis(10);

static QUEUE: LazyLock<Queue> = LazyLock::new(Queue::default);
static PROGRESS: OnceLock<MultiProgress> = OnceLock::new();
static IS_JSON: AtomicBool = AtomicBool::new(false);

//     print, log line --> Queue --> a thread --> standard error
//                          |            |
//                      full: lost   failed: lost   then, when it has caught up: "log lines lost"
//
// Written by a thread of its own, because a blocked write cannot be interrupted. Not
// `tracing-appender`: it bounds lines and not bytes, and a guard that cannot deliver the last ones says
// so with `println!`, in the middle of the data and waiting for its reader.
/// What waits to be written.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    has_changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
    has_writer: bool,
    /// Lines that found no room, or could not be written.
    lost: usize,
}

/// Writes `text`, a number of whole lines, behind all that was written before. Beside a log in JSON it is
/// an object that has nothing but a message.
pub(crate) fn print(text: &str) {
    if IS_JSON.load(Ordering::Relaxed) {
        let line = json!({ "message": text.trim_end() });
        QUEUE.push(format!("{line}\n").as_bytes());
    } else {
        QUEUE.push(text.as_bytes());
    }
}

/// Writes objects from now on.
pub(crate) fn write_json() {
    IS_JSON.store(true, Ordering::Relaxed);
}

/// Waits until all is written, but not longer than a reader may take. If standard error is closed, the
/// exit code is the only report.
pub(crate) fn finish() {
    let mut state = QUEUE.state.lock();
    let is_busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
    QUEUE
        .has_changed
        .wait_while_for(&mut state, is_busy, PATIENCE);
}

/// Writes from now on above the bars of `progress`.
pub(crate) fn write_above(progress: &MultiProgress) {
    let _ = PROGRESS.set(progress.clone());
}

/// Makes writers of log lines, each of which is one write.
pub(crate) struct LogLines;

impl MakeWriter<'_> for LogLines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        QUEUE.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn push(&self, lines: &[u8]) {
        let mut state = self.state.lock();
        if state.waiting.len() + lines.len() > ROOM {
            state.lost += count(lines);
            return;
        }
        state.waiting.extend_from_slice(lines);
        if !mem::replace(&mut state.has_writer, true) {
            thread::spawn(|| QUEUE.write_on());
        }
        self.has_changed.notify_all();
    }

    fn write_on(&self) {
        let mut taken = Vec::new();
        let mut state = self.state.lock();
        loop {
            self.has_changed
                .wait_while(&mut state, |state| state.waiting.is_empty());
            mem::swap(&mut taken, &mut state.waiting);
            state.is_writing = true;
            drop(state);
            let lost = count(match PROGRESS.get() {
                Some(progress) => progress.suspend(|| unwritten(&taken)),
                None => unwritten(&taken),
            });
            taken.clear();
            state = self.state.lock();
            state.lost += lost;
            // Told by a line like any other, and not behind one that failed, or it would be told for
            // ever that it cannot be told.
            let is_caught_up = lost == 0 && state.waiting.is_empty();
            if is_caught_up && state.lost > 0 {
                let lines = mem::take(&mut state.lost);
                drop(state);
                tracing::warn!(lines, "log lines lost: standard error was not read in time");
                state = self.state.lock();
            }
            state.is_writing = false;
            self.has_changed.notify_all();
        }
    }
}

/// Writes `text` as far as possible, and returns the rest.
fn unwritten(mut text: &[u8]) -> &[u8] {
    while !text.is_empty() {
        match write_some(io::stderr(), text) {
            Ok(0) | Err(_) => break,
            Ok(written) => text = text.get(written..).unwrap_or_default(),
        }
    }
    text
}

/// Writes some of `text`, and returns how much. Waits if `output` takes nothing now: who shares it, such
/// as a shell or Node.js, may have told it not to block.
pub(crate) fn write_some(mut output: impl Write, text: &[u8]) -> io::Result<usize> {
    loop {
        match output.write(text) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(FULL_FOR),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn count(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted() {
        let queue = Queue::default();
        // Nobody writes.
        queue.state.lock().has_writer = true;
        let line = format!("{}\n", "x".repeat(ROOM / 4 - 1));
        for _ in 0..7 {
            queue.push(line.as_bytes());
        }
        let state = queue.state.lock();
        assert_eq!((state.waiting.len(), state.lost), (ROOM, 3));
    }
}

//! The final message of a command, on standard error.

use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a reader of standard error may take.
// A terminal can be stopped with Ctrl-S, and a pipe can be full. The command ends all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes `text`, but waits at most a second for the reader. If standard error is closed, the exit
/// code is the only report.
pub(crate) fn print(text: String) {
    // On a thread, because a blocked write cannot be interrupted.
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = done.send(());
    });
    let _ = is_done.recv_timeout(PATIENCE);
}

//! Last words, on standard error.

use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a reader of standard error may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes `text`, unless nobody takes it for a second. Where standard error is closed, the exit code
/// alone has to tell.
pub(crate) fn print(text: String) {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = done.send(());
    });
    let _ = is_done.recv_timeout(PATIENCE);
}

//! A command while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A command that is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    log: Arc<Log>,
    logging: Option<JoinHandle<()>>,
}

/// What has come on standard error so far.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    has_grown: Condvar,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        let mut running = Self::start_unread(command);
        running.read();
        running
    }

    /// Does not read standard output until [`read`](Self::read).
    pub(crate) fn start_unread(command: Command) -> Self {
        Self::start_on(Stdio::piped(), command)
    }

    /// Its standard output is `stdout`.
    pub(crate) fn start_on(stdout: impl Into<Stdio>, mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        let mut running = Self::spawn(stdout, command);
        let stderr = BufReader::new(running.child.stderr.take().unwrap());
        let log = Arc::clone(&running.log);
        running.logging = Some(thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut text = log.text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                log.has_grown.notify_all();
            }
        }));
        running
    }

    /// Leaves its standard error to somebody else.
    pub(crate) fn start_unheard(command: Command) -> Self {
        let mut running = Self::spawn(Stdio::piped(), command);
        running.read();
        running
    }

    fn spawn(stdout: impl Into<Stdio>, mut command: Command) -> Self {
        Self {
            child: command.stdout(stdout).spawn().unwrap(),
            lines: mpsc::channel().1,
            log: Arc::default(),
            logging: None,
        }
    }

    /// Reads standard output from now on.
    pub(crate) fn read(&mut self) {
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        self.lines = lines;
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// Whether standard output ends without another line.
    pub(crate) fn is_silent(&self) -> bool {
        self.lines.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected)
    }

    /// Every line that nobody has taken, until standard output ends.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// Passes over every line that has come so far.
    pub(crate) fn skip(&self) {
        self.lines.try_iter().for_each(drop);
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads JSON Lines up to the first that `is_wanted`, and returns that one.
    pub(crate) fn find(&self, mut is_wanted: impl FnMut(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let line = serde_json::from_str(&self.line()).unwrap();
            if is_wanted(&line) {
                return line;
            }
        }
        panic!("the line did not come");
    }

    /// Waits until standard error has `part` so many times, and returns all that it has then.
    pub(crate) fn logged(&self, part: &str, times: usize) -> String {
        let text = self.log.text.lock().unwrap();
        let lacks = |text: &mut String| text.matches(part).count() < times;
        let grown = self.log.has_grown.wait_timeout_while(text, PATIENCE, lacks);
        let (text, outcome) = grown.unwrap();
        assert!(!outcome.timed_out(), "{part:?} does not come: {text}");
        text.clone()
    }

    /// The most memory that it has had in use, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Closes standard output on this side, which nobody has read.
    pub(crate) fn close_unread(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Reads no further; soon after, standard output is closed on this side.
    pub(crate) fn hang_up(&mut self) {
        self.lines = mpsc::channel().1;
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        send("-TERM", &self.child);
    }

    /// Sends SIGSTOP: it does nothing more, and nobody is told.
    pub(crate) fn stop(&self) {
        send("-STOP", &self.child);
    }

    /// Sends SIGCONT.
    pub(crate) fn go_on(&self) {
        send("-CONT", &self.child);
    }

    /// Sends SIGHUP.
    pub(crate) fn reload(&self) {
        send("-HUP", &self.child);
    }

    /// Waits for the end, and returns the exit code, what is left on standard output that nobody has read,
    /// and standard error.
    pub(crate) fn finish_unread(mut self) -> (Option<i32>, String, String) {
        let mut stdout = self.child.stdout.take().unwrap();
        let code = wait(&mut self.child);
        let mut left = String::new();
        stdout.read_to_string(&mut left).unwrap();
        let (_, log) = self.finish();
        (code, left, log)
    }

    /// Waits for the end, and returns the exit code and standard error.
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let code = wait(&mut self.child);
        if let Some(logging) = self.logging.take() {
            logging.join().unwrap();
        }
        let text = self.log.text.lock().unwrap().clone();
        (code, text)
    }
}

/// A pipe that takes nothing any longer, since nobody reads it. It ends when this is dropped.
pub(crate) struct FullPipe(Child);

impl FullPipe {
    /// How much a pipe holds: 16 pages, on Linux.
    const CAPACITY: usize = 64 * 1024;

    pub(crate) fn new() -> (Self, Stdio) {
        let mut reader = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = reader.stdin.take().unwrap();
        pipe.write_all(&[b'x'; Self::CAPACITY]).unwrap();
        (Self(reader), pipe.into())
    }
}

impl Drop for FullPipe {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command whose standard output nobody reads, as long as it runs. It is killed when this is dropped.
pub(crate) struct Stalled {
    child: Child,
    log: Option<JoinHandle<String>>,
}

impl Stalled {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self {
            child,
            log: Some(log),
        }
    }

    /// Leaves its standard error to somebody else.
    pub(crate) fn start_unheard(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        Self { child, log: None }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        send("-TERM", &self.child);
    }

    /// Waits for the end, and returns the exit code, standard output and standard error.
    pub(crate) fn finish(mut self) -> (Option<i32>, String, String) {
        let code = wait(&mut self.child);
        let mut left = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut left).unwrap();
        }
        let log = self.log.take().map(|log| log.join().unwrap());
        (code, left, log.unwrap_or_default())
    }
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
    assert!(sent.success());
}

fn wait(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < end, "it does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

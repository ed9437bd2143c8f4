//! Everything that any crate logs, at the finest level.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_log::LogTracer;

/// What was logged since the capture began, on this thread.
#[derive(Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    /// Captures until the guard is dropped. The test's runtime must be single-threaded.
    ///
    /// The SOCKS5 server of the mock proxies is left out: it prints what it is told, and is no part
    /// of what is tested.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        // Some crates use `log`. It fails only where another test has done it already.
        let _ = LogTracer::builder().ignore_crate("fast_socks5").init();
        // While a capture is the only subscriber, an event that another thread reaches first is
        // taken as wanted by nobody, here too. With one for all threads it never is the only one.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        let capture = Self::default();
        let writer = capture.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (capture, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// The lines of one level.
    pub(crate) fn lines(&self, level: &str) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| line.contains(&format!(" {level} ")))
            .map(str::to_owned)
            .collect()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

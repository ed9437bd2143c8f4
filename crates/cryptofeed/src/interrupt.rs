//! Being asked to stop, or to read the configuration again.

use std::env;
use std::io;

use tokio::runtime::Runtime;

use crate::failure::Failure;

/// All that a command listens to that runs until it is told to stop.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) interrupt: Interrupt,
    pub(crate) hangup: Hangup,
}

impl Signals {
    /// Begins to listen, within a runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: Interrupt::listen()?,
            hangup: Hangup::listen()?,
        })
    }

    /// Begins to listen if the command line may be that of `run`, which is not parsed yet.
    pub(crate) fn for_run(runtime: &Runtime) -> Result<Option<Self>, Failure> {
        let _entered = runtime.enter();
        let is_run = env::args_os().any(|argument| argument == "run");
        is_run.then(Self::listen).transpose()
    }
}

/// Listens for SIGINT and SIGTERM from when it is made.
#[derive(Debug)]
pub(crate) struct Interrupt {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Interrupt {
    /// Begins to listen: from now on, the signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Self::new().map_err(|error| Failure::runtime("listen for signals", error))
    }

    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            ],
        })
    }

    /// Returns when one of the signals has arrived.
    #[cfg(unix)]
    pub(crate) async fn received(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Returns when Ctrl-C was pressed.
    #[cfg(not(unix))]
    pub(crate) async fn received(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Listens for SIGHUP from when it is made. Where there is no such signal, none ever comes.
#[derive(Debug)]
pub(crate) struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    /// Begins to listen: from now on, the signal no longer ends the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Self::new().map_err(|error| Failure::runtime("listen for signals", error))
    }

    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup())?;
        Ok(Self { signal })
    }

    /// Returns when the signal has arrived.
    #[cfg(unix)]
    pub(crate) async fn received(&mut self) {
        self.signal.recv().await;
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Never returns.
    #[cfg(not(unix))]
    pub(crate) async fn received(&mut self) {
        std::future::pending().await
    }
}

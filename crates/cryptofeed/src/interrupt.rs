//! Signals to stop, or to read the configuration again.

use std::env;
use std::io;

use tokio::runtime::Runtime;

use crate::failure::Failure;

/// The signals of a command that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) interrupt: Interrupt,
    pub(crate) hangup: Hangup,
}

impl Signals {
    /// Starts to listen, within a runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: Interrupt::listen()?,
            hangup: Hangup::listen()?,
        })
    }

    /// Starts to listen if the command line may be that of `run`. It is not parsed yet.
    pub(crate) fn for_run(runtime: &Runtime) -> Result<Option<Self>, Failure> {
        // Not for every command: one that never looks at the signals could not be stopped by them.
        let _entered = runtime.enter();
        let is_run = env::args_os().any(|argument| argument == "run");
        is_run.then(Self::listen).transpose()
    }
}

/// Listens for SIGINT and SIGTERM as soon as it is made.
#[derive(Debug)]
pub(crate) struct Interrupt {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Interrupt {
    /// Starts to listen: from now on, the signals no longer end the process by themselves.
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

    /// Returns when one of the signals arrives.
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

    /// Returns when Ctrl-C is pressed.
    #[cfg(not(unix))]
    pub(crate) async fn received(&mut self) {
        // Without a handler, the signal ends the process by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Listens for SIGHUP as soon as it is made. On systems without the signal, it never arrives.
#[derive(Debug)]
pub(crate) struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    /// Starts to listen: from now on, the signal no longer ends the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Self::new().map_err(|error| Failure::runtime("listen for signals", error))
    }

    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup())?;
        Ok(Self { signal })
    }

    /// Returns when the signal arrives.
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

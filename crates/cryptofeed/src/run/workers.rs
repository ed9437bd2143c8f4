//! Where feeds run, where their status is told, and where a fleet is kept up.

use tokio::runtime::{Builder, Handle, Runtime};

use crate::failure::Failure;

/// A runtime for the feeds alone, or for their status.
///
/// A feed that is flooded keeps a thread busy for long, and with it whatever it should have polled:
/// signals, timers and the reader of the output have the runtime of the command.
#[derive(Debug)]
pub(super) struct Workers(Option<Runtime>);

impl Workers {
    pub(super) fn start() -> Result<Self, Failure> {
        let runtime = Runtime::new();
        let runtime = runtime.map_err(|error| Failure::runtime("start the runtime", error))?;
        Ok(Self(Some(runtime)))
    }

    /// A runtime of one thread, which has that name.
    pub(super) fn start_one(name: &str) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Failure::runtime("start the runtime", error))?;
        Ok(Self(Some(runtime)))
    }

    /// The runtime, to spawn on.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Runs `start`, whose tasks run on this runtime.
    pub(super) fn run<T>(&self, start: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(Runtime::enter);
        start()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Without waiting for it, which is not possible within another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

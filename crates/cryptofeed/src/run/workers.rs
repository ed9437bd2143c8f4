//! Where feeds run.

use tokio::runtime::Runtime;

use crate::failure::Failure;

/// A runtime for the feeds alone.
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

//! Dialers that watch.

use async_trait::async_trait;
use parking_lot::Mutex;
use transport::{Connection, DialError, Dialer, Target};

/// Passes every dial on to another dialer and remembers the target.
#[derive(Debug)]
pub struct RecordingDialer<D> {
    inner: D,
    targets: Mutex<Vec<Target>>,
}

impl<D> RecordingDialer<D> {
    /// Watches `inner`.
    #[must_use]
    pub fn new(inner: D) -> Self {
        Self {
            inner,
            targets: Mutex::default(),
        }
    }

    /// Every target so far, failed dials included, oldest first.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        self.targets.lock().clone()
    }
}

#[async_trait]
impl<D: Dialer> Dialer for RecordingDialer<D> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        self.targets.lock()
            // Before the dial, so that one that hangs or fails is seen as well.
            .push(target.clone());
        self.inner.dial(target).await
    }
}

/// Panics when it is used: it stands where no connection may ever be made.
#[derive(Debug, Clone, Copy, Default)]
pub struct PanickingDialer;

#[async_trait]
impl Dialer for PanickingDialer {
    #[expect(clippy::panic, reason = "this is what the dialer is for")]
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        panic!("nothing may be dialed here, but {target} was");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Debug)]
    struct Pipe;

    #[async_trait]
    impl Dialer for Pipe {
        async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
            Ok(Connection::new(tokio::io::duplex(16).0))
        }
    }

    #[tokio::test]
    async fn a_recording_dialer_remembers_each_target_in_order() {
        let dialer = Arc::new(RecordingDialer::new(Pipe));
        for port in [1, 2] {
            let target = Target::parse("exchange.test", port).unwrap();
            dialer.dial(&target).await.unwrap();
        }
        let targets: Vec<_> = dialer.targets().iter().map(Target::to_string).collect();
        assert_eq!(targets, ["exchange.test:1", "exchange.test:2"]);
    }

    #[tokio::test]
    #[should_panic(expected = "nothing may be dialed here, but exchange.test:443 was")]
    async fn a_panicking_dialer_says_what_it_was_asked() {
        let target = Target::parse("exchange.test", 443).unwrap();
        let _ = PanickingDialer.dial(&target).await;
    }
}

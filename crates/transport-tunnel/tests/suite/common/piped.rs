//! A peer in this process.

use async_trait::async_trait;
use tokio::io::DuplexStream;
use transport::{Connection, DialError, Dialer, Target};

/// Dials an in-memory pipe, whose other end a task with `serve` gets.
#[derive(Debug, Clone)]
pub(crate) struct Piped<F> {
    serve: F,
}

impl<F, Served> Piped<F>
where
    F: Fn(DuplexStream) -> Served + Send + Sync,
    Served: Future<Output = ()> + Send + 'static,
{
    pub(crate) fn new(serve: F) -> Self {
        Self { serve }
    }
}

#[async_trait]
impl<F, Served> Dialer for Piped<F>
where
    F: Fn(DuplexStream) -> Served + Send + Sync,
    Served: Future<Output = ()> + Send + 'static,
{
    async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn((self.serve)(theirs));
        Ok(Connection::new(ours))
    }
}

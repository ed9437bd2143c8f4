//! A connection that is written to during one poll.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use transport::Connection;

//     tungstenite                    the connection
//     write, flush                   poll_write, poll_flush with the context of this poll
//     Err(WouldBlock)                Pending, and the task will be woken
//
// tokio-tungstenite does the same with two wakers that it keeps and registers for every message,
// which took a fifth of the time of a short one.
/// A connection as tungstenite writes to one, for the time of one poll: what is not ready would
/// block.
pub(crate) struct Polled<'a, 'cx> {
    connection: &'a mut Connection,
    context: &'a mut Context<'cx>,
    has_written: bool,
}

impl<'a, 'cx> Polled<'a, 'cx> {
    pub(crate) fn new(connection: &'a mut Connection, context: &'a mut Context<'cx>) -> Self {
        Self {
            connection,
            context,
            has_written: false,
        }
    }

    /// Whether the connection has taken something.
    pub(crate) fn has_written(&self) -> bool {
        self.has_written
    }
}

impl Write for Polled<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = Pin::new(&mut *self.connection).poll_write(self.context, buf);
        self.has_written |= matches!(written, Poll::Ready(Ok(len)) if len > 0);
        ready_or_blocked(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        ready_or_blocked(Pin::new(&mut *self.connection).poll_flush(self.context))
    }
}

impl Read for Polled<'_, '_> {
    /// Reading is the reader's.
    fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

fn ready_or_blocked<T>(outcome: Poll<io::Result<T>>) -> io::Result<T> {
    match outcome {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

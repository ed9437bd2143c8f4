//! Streams that are asked for again.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use crate::exchange::Stream;
use crate::symbol::Symbol;

/// The first delay.
const FIRST: Duration = Duration::from_secs(60);

/// How often it doubles: up to an hour.
// An exchange that declines a stream will do so again, and counts what it is asked.
const DOUBLINGS: u32 = 6;

/// Streams of a connection that were declined, or whose requests were not answered.
#[derive(Debug, Default)]
pub(super) struct Retries {
    dues: FuturesUnordered<BoxFuture<'static, Vec<Stream>>>,
    tries: HashMap<Symbol, u32>,
}

impl Retries {
    /// Has each symbol of `streams` asked for again, apart from the others. Returns the longest delay
    /// until then.
    pub(super) fn push(&mut self, streams: &[Stream]) -> Duration {
        let symbol_of = |stream: &Stream| stream.instrument.symbol().clone();
        let mut longest = Duration::ZERO;
        for group in streams.chunk_by(|one, next| symbol_of(one) == symbol_of(next)) {
            let Some(symbol) = group.first().map(symbol_of) else {
                continue;
            };
            let tries = self.tries.entry(symbol).or_default();
            let delay = FIRST * 2_u32.pow((*tries).min(DOUBLINGS));
            *tries += 1;
            longest = longest.max(delay);
            let group = group.to_vec();
            let due = async move {
                sleep(delay).await;
                group
            };
            self.dues.push(due.boxed());
        }
        longest
    }

    /// The streams of a symbol whose time has come; `None` if there are none to wait for. Dropping the
    /// future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Vec<Stream>> {
        self.dues.next().await
    }

    /// Another connection asks for everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

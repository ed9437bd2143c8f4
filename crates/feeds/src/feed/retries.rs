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
    dues: FuturesUnordered<BoxFuture<'static, u64>>,
    /// What is due, by its number.
    waiting: HashMap<u64, Vec<Stream>>,
    count: u64,
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
            self.count += 1;
            let number = self.count;
            self.waiting.insert(number, group.to_vec());
            let due = async move {
                sleep(delay).await;
                number
            };
            self.dues.push(due.boxed());
        }
        longest
    }

    /// The streams of a symbol whose time has come; `None` if there are none to wait for. Dropping the
    /// future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Vec<Stream>> {
        loop {
            let number = self.dues.next().await?;
            if let Some(streams) = self.waiting.remove(&number) {
                return Some(streams);
            }
        }
    }

    /// `stream` is not wanted any longer. If it is later, it is asked for then.
    pub(super) fn forget(&mut self, stream: &Stream) {
        self.waiting.retain(|_, streams| {
            streams.retain(|it| it != stream);
            !streams.is_empty()
        });
        self.tries.remove(stream.instrument.symbol());
    }

    /// Another connection asks for everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

//! What is still to be said on a connection.

use std::collections::VecDeque;

use tokio::time::{Instant, sleep_until};
use transport::{Message, Window};

use crate::exchange::{Limits, Stream, StreamRequest};

/// Requests that wait for their turn, at the pace that the exchange allows on one connection.
#[derive(Debug)]
pub(super) struct RequestQueue {
    messages: Option<WindowUse>,
    operations: Option<WindowUse>,
    waiting: VecDeque<StreamRequest>,
}

impl RequestQueue {
    pub(super) fn new(limits: &Limits) -> Self {
        // The transport pings, and answers pings, by itself, and the exchange counts both.
        let others = 1 + u32::from(limits.ping_interval.is_some());
        let without_others = |window: Window| Window {
            units: window.units.saturating_sub(others).max(1),
            ..window
        };
        Self {
            messages: limits.messages.map(without_others).map(WindowUse::new),
            operations: limits.operations.map(WindowUse::new),
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, request: StreamRequest) {
        self.waiting.push_back(request);
    }

    /// A request whose reply nobody waits for, and which may be declined without a consequence.
    pub(super) fn push_unanswered(&mut self, request: StreamRequest) {
        self.push(StreamRequest {
            id: None,
            ..request
        });
    }

    /// A request for nothing, which keeps the connection open, before all others. It takes the place of
    /// one that waits: of many, only the latest is of use, as with pongs (RFC 6455, section 5.5.3).
    pub(super) fn push_sign_of_life(&mut self, message: Message) {
        let is_one = |first: &StreamRequest| first.id.is_none() && first.streams.is_empty();
        if self.waiting.front().is_some_and(is_one) {
            self.waiting.pop_front();
        }
        self.waiting.push_front(StreamRequest {
            id: None,
            message,
            streams: Vec::new(),
        });
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The streams about which requests wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Stream> {
        self.waiting.iter().flat_map(|request| &request.streams)
    }

    /// The next request, when its turn has come.
    pub(super) async fn next(&mut self) -> StreamRequest {
        loop {
            let now = Instant::now();
            match self.turn_of_next(now) {
                Some(turn) if turn > now => sleep_until(turn).await,
                Some(_) => {
                    if let Some(request) = self.take_next(now) {
                        return request;
                    }
                }
                None => return std::future::pending().await,
            }
        }
    }

    /// Takes as many requests as may be sent at once.
    pub(super) fn take_ready(&mut self) -> Vec<StreamRequest> {
        let now = Instant::now();
        let is_ready = |queue: &mut Self| queue.turn_of_next(now).is_some_and(|turn| turn <= now);
        let next = || is_ready(self).then(|| self.take_next(now)).flatten();
        std::iter::from_fn(next).collect()
    }

    /// What has been taken so far is sent only now.
    pub(super) fn note_sent_now(&mut self) {
        let now = Instant::now();
        for used in self.messages.iter_mut().chain(&mut self.operations) {
            used.postpone_to(now);
        }
    }

    fn turn_of_next(&mut self, now: Instant) -> Option<Instant> {
        let next = self.waiting.front()?;
        let operations = operations(next);
        let turns = [
            self.messages.as_mut().map(|used| used.turn(1, now)),
            self.operations
                .as_mut()
                .map(|used| used.turn(operations, now)),
        ];
        Some(turns.into_iter().flatten().max().unwrap_or(now))
    }

    fn take_next(&mut self, now: Instant) -> Option<StreamRequest> {
        let next = self.waiting.pop_front()?;
        if let Some(used) = &mut self.messages {
            used.note(1, now);
        }
        if let Some(used) = &mut self.operations {
            used.note(operations(&next), now);
        }
        Some(next)
    }
}

fn operations(request: &StreamRequest) -> u32 {
    u32::try_from(request.streams.len()).unwrap_or(u32::MAX)
}

/// What has been used of a window.
#[derive(Debug)]
struct WindowUse {
    window: Window,
    used: VecDeque<(Instant, u32)>,
}

impl WindowUse {
    fn new(window: Window) -> Self {
        Self {
            window,
            used: VecDeque::new(),
        }
    }

    /// When so many units more may be used. More than there are in a window may be used when nothing
    /// else has been.
    fn turn(&mut self, units: u32, now: Instant) -> Instant {
        let Window {
            per, units: limit, ..
        } = self.window;
        while self.used.front().is_some_and(|(at, _)| *at + per <= now) {
            self.used.pop_front();
        }
        let mut sum: u64 = self.used.iter().map(|(_, used)| u64::from(*used)).sum();
        let mut turn = now;
        for (at, used) in &self.used {
            if sum + u64::from(units) <= u64::from(limit) {
                break;
            }
            sum -= u64::from(*used);
            turn = *at + per;
        }
        turn
    }

    fn note(&mut self, units: u32, now: Instant) {
        self.used.push_back((now, units));
    }

    fn postpone_to(&mut self, now: Instant) {
        for (at, _) in &mut self.used {
            *at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::channel::Channel;
    use crate::exchange::{Binance, Exchange};
    use crate::instruments::Instrument;

    const fn window(units: u32, seconds: u64) -> Window {
        Window::new("test", units, Duration::from_secs(seconds))
    }

    fn request(streams: usize) -> StreamRequest {
        let stream = Stream {
            instrument: Instrument::new("A-B".parse().unwrap(), "AB"),
            channel: Channel::Trades,
        };
        StreamRequest {
            id: None,
            message: Message::text("subscribe"),
            streams: vec![stream; streams],
        }
    }

    /// After how many seconds each request is sent.
    async fn sent(limits: &Limits, requests: &[usize]) -> Vec<u64> {
        let mut queue = RequestQueue::new(limits);
        for streams in requests {
            queue.push(request(*streams));
        }
        let start = Instant::now();
        let mut sent = vec![0; queue.take_ready().len()];
        while sent.len() < requests.len() {
            queue.next().await;
            sent.push(start.elapsed().as_secs());
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_sent_as_fast_as_the_exchange_allows() {
        let binance = Binance::default();
        let limits = Limits {
            messages: Some(window(4, 10)),
            operations: None,
            ..*binance.limits()
        };
        assert_eq!(sent(&limits, &[1; 5]).await, [0, 0, 10, 10, 20]);
        let limits = Limits {
            messages: None,
            operations: Some(window(10, 60)),
            ..limits
        };
        assert_eq!(sent(&limits, &[4, 6, 1, 20, 1]).await, [0, 0, 60, 120, 180]);
        let unlimited = Limits {
            operations: None,
            ..limits
        };
        assert_eq!(sent(&unlimited, &[100; 3]).await, [0; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_dial_does_not_count() {
        let limits = Limits {
            messages: Some(window(2, 10)),
            ..*Binance::default().limits()
        };
        let mut queue = RequestQueue::new(&limits);
        queue.push(request(1));
        queue.push(request(1));
        assert_eq!(queue.take_ready().len(), 1);
        tokio::time::sleep(Duration::from_secs(30)).await;
        queue.note_sent_now();
        assert!(queue.take_ready().is_empty());
    }
}

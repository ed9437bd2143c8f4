//! What is wanted, what is trading, and what is streamed of it.

mod handle;
mod listing;
mod patterns;
mod properties;
mod share;
mod status;

use std::time::Duration;

use feeds::{Channel, Feed, FeedEventKind, FeedHandle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use transport::WsRequest;

use crate::fake::{Answer, Dial, Rig, Spoken, Step, ok, queue_of, say};
use crate::tape::Tape;

const HOUR: Duration = Duration::from_secs(3600);

/// A feed that runs, and what it says.
struct Market {
    rig: Rig,
    handle: FeedHandle,
    events: feeds::Events,
    spoken: Spoken,
    running: JoinHandle<Result<(), feeds::Unavailable>>,
    start: Instant,
}

impl Market {
    fn start(lists: &[&str], dials: Vec<Dial>, names: &[&str], channels: &[Channel]) -> Self {
        let lists: Vec<_> = lists.iter().map(|list| ok(*list)).collect();
        Self::of(Tape::default(), lists, dials, names, channels)
    }

    fn of(
        exchange: Tape,
        lists: Vec<Answer>,
        dials: Vec<Dial>,
        names: &[&str],
        channels: &[Channel],
    ) -> Self {
        let rig = Rig::new(lists, dials).with_silence_limit(HOUR * 24);
        let spoken = rig.listen();
        let feed: Feed = rig.feed(exchange, names, channels);
        let handle = feed.handle();
        let (queue, events) = queue_of(64);
        Self {
            running: tokio::spawn(feed.run(queue)),
            rig,
            handle,
            events,
            spoken,
            start: Instant::now(),
        }
    }

    /// The events until nothing more comes for `seconds`.
    async fn told_within(&mut self, seconds: u64) -> Vec<String> {
        let mut told = Vec::new();
        let end = Instant::now() + Duration::from_secs(seconds);
        while let Ok(Some(event)) = timeout(end - Instant::now(), self.events.recv()).await {
            crate::schema::check(&event);
            told.push(in_short(&event.kind));
        }
        told
    }

    /// What has been said, and the second in which it was.
    fn said(&self) -> Vec<String> {
        let spoken = self.spoken.lock().unwrap();
        let said = spoken.iter().map(|(at, message)| {
            let second = (*at - self.start).as_secs();
            format!("{second}: {}", message.as_text().unwrap())
        });
        said.collect()
    }

    /// What each connection was opened for.
    fn dialed(&self) -> Vec<String> {
        let dials = self.rig.ws.dials.lock().unwrap();
        let first = |request: &WsRequest| request.first_messages[0].as_text().unwrap().to_owned();
        dials.iter().map(|(_, request)| first(request)).collect()
    }

    /// The seconds in which the list was asked for.
    fn asked_for_lists(&self) -> Vec<u64> {
        let times = self.rig.request_times().into_iter();
        times.map(|at| (at - self.start).as_secs()).collect()
    }
}

fn in_short(kind: &FeedEventKind) -> String {
    let names = |names: &[feeds::Symbol]| {
        let names = names.iter().map(ToString::to_string);
        names.collect::<Vec<_>>().join(",")
    };
    match kind {
        FeedEventKind::Connected { symbols, .. } => format!("connected {symbols}"),
        FeedEventKind::Disconnected { reason, .. } => format!("disconnected {reason}"),
        FeedEventKind::NotTrading { symbol, nearest } => {
            format!("not_trading {symbol} [{}]", names(nearest))
        }
        FeedEventKind::Trading { symbol } => format!("trading {symbol}"),
        FeedEventKind::Unsubscribed { symbol, channels } => {
            let channels: Vec<_> = channels.iter().map(ToString::to_string).collect();
            format!("unsubscribed {symbol} {}", channels.join(","))
        }
        FeedEventKind::NoMatch { pattern } => format!("no_match {pattern}"),
        FeedEventKind::ListFailed { reason, .. } => format!("list_failed {reason}"),
        FeedEventKind::Trade(trade) => {
            format!("trade {} {}", trade.symbol, trade.id.as_ref().unwrap())
        }
        FeedEventKind::L2Snapshot(it) => format!("snapshot {}", it.symbol),
        FeedEventKind::L2Delta(it) => format!("delta {}", it.symbol),
        FeedEventKind::BookInvalid { symbol, reason } => format!("invalid {symbol} {reason:?}"),
        other => format!("{other:?}"),
    }
}

fn open(lines: &[&str]) -> Dial {
    Dial::Open(lines.iter().map(|line| say(*line)).collect())
}

/// A connection that says something each so many seconds.
fn open_later(lines: &[(u64, &str)]) -> Dial {
    let steps = lines
        .iter()
        .flat_map(|(seconds, line)| [Step::Wait(*seconds), say(*line)]);
    Dial::Open(steps.collect())
}

fn patterns(text: &str) -> Vec<feeds::SymbolPattern> {
    let words = text.split_whitespace();
    words.map(|word| word.parse().unwrap()).collect()
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

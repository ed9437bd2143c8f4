//! What a session does about streams that are silent.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, Sleep, sleep};

use super::connection::Connection;
use super::event_sender::{EventSender, Stopped};
use super::liveness::{Liveness, Silent};
use super::pulse::Pulse;
use super::session::{Session, resubscribe};
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Activity, BestPrices, ExchangeMessage, Renewal, Stream, Ticker, TradeId};
use crate::level::Level;
use crate::symbol::Symbol;

/// What the exchange says of all symbols, if it could be learned.
type Told = Option<Arc<HashMap<Symbol, Activity>>>;

/// Watches over the streams of a session.
pub(super) struct Watch {
    pub(super) liveness: Liveness,
    pulse: Arc<Pulse>,
    events: EventSender,
    /// The exchange is being asked.
    asking: Option<BoxFuture<'static, Told>>,
    /// When to look at the streams.
    timer: Pin<Box<Sleep>>,
    timer_ns: Option<i64>,
}

/// What is due.
pub(super) enum Due {
    Look,
    Told(Told),
}

impl Watch {
    pub(super) fn new(pulse: Arc<Pulse>, events: EventSender, streams: &[Stream]) -> Self {
        let covered = streams.iter().filter(|it| pulse.covers(it.channel));
        Self {
            liveness: Liveness::new(covered.cloned()),
            pulse,
            events,
            asking: None,
            timer: Box::pin(sleep(Duration::ZERO)),
            timer_ns: None,
        }
    }

    /// Watches over `stream`, too.
    pub(super) fn add(&mut self, stream: &Stream) {
        if self.pulse.covers(stream.channel) {
            self.liveness.add(stream.clone());
        }
    }

    /// A connection begins, on which the streams in `asked` have been asked for.
    pub(super) fn begin_connection<'a>(&mut self, asked: impl IntoIterator<Item = &'a Stream>) {
        let now_ns = self.events.now_ns();
        self.end_connection();
        self.timer_ns = None;
        self.liveness.begin_connection(now_ns);
        self.asked(asked);
    }

    /// The connection has ended. Whatever it wants to know is not waited for: others may want it, too.
    pub(super) fn end_connection(&mut self) {
        self.asking = None;
    }

    /// Streams have been asked for.
    pub(super) fn asked<'a>(&mut self, streams: impl IntoIterator<Item = &'a Stream>) {
        let now_ns = self.events.now_ns();
        for stream in streams {
            self.liveness
                .asked(stream.instrument.symbol(), stream.channel, now_ns);
        }
    }

    /// What is due next, when its time has come. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Due {
        self.set_timer();
        poll_fn(|cx| {
            if let Some(asking) = &mut self.asking
                && let Poll::Ready(told) = asking.poll_unpin(cx)
            {
                self.asking = None;
                return Poll::Ready(Due::Told(told));
            }
            match self.timer_ns {
                Some(_) => self.timer.poll_unpin(cx).map(|()| Due::Look),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn set_timer(&mut self) {
        let next_ns = self.liveness.next_look_ns();
        if next_ns == self.timer_ns {
            return;
        }
        self.timer_ns = next_ns;
        if let Some(next_ns) = next_ns {
            let left = u64::try_from(next_ns.saturating_sub(self.events.now_ns()));
            let left = Duration::from_nanos(left.unwrap_or_default());
            self.timer.as_mut().reset(Instant::now() + left);
        }
    }

    /// Looks at the streams, and has the exchange asked about those that are suspected.
    fn look(&mut self) -> Vec<Silent> {
        let silent = self.liveness.look(self.events.now_ns());
        self.ask();
        silent
    }

    fn ask(&mut self) {
        if self.asking.is_some() {
            return;
        }
        let channels = self.liveness.suspected();
        if !channels.is_empty() {
            let pulse = Arc::clone(&self.pulse);
            self.asking = Some(async move { pulse.take(&channels).await }.boxed());
        }
    }
}

impl Session {
    /// Takes note that a stream speaks, and tells so if it was stale.
    pub(super) fn note_word(&mut self, said: &ExchangeMessage, received_ns: i64) {
        let (symbol, channel, said) = match said {
            ExchangeMessage::Trade(trade) => {
                let said = Activity {
                    trade_id: match trade.id {
                        Some(TradeId::Number(id)) => Some(id),
                        _ => None,
                    },
                    trade_price: Some(trade.price),
                    best: None,
                };
                (&trade.symbol, Channel::Trades, said)
            }
            ExchangeMessage::Ticker(ticker) => {
                let said = Activity {
                    best: Some(best_of(ticker)),
                    ..Activity::default()
                };
                (&ticker.symbol, Channel::Ticker, said)
            }
            // What it says is in the book.
            ExchangeMessage::Book(change) => (&change.symbol, Channel::L2Book, Activity::default()),
            _ => return,
        };
        if self
            .watch
            .liveness
            .spoke(symbol, channel, said, received_ns)
        {
            let symbol = symbol.clone();
            let live = FeedEventKind::Live { symbol, channel };
            self.events.gather(live, received_ns);
        }
    }

    /// Does what is due for streams that are silent.
    pub(super) async fn take_watch(
        &mut self,
        due: Due,
        connection: &mut Connection,
    ) -> Result<(), Stopped> {
        match due {
            Due::Look => {
                let silent = self.watch.look();
                self.renew_stale(silent, connection).await
            }
            Due::Told(told) => {
                if let Some(told) = told {
                    let said = |stream: &Stream| match stream.channel {
                        Channel::L2Book => self.books.best(stream.instrument.symbol()),
                        _ => None,
                    };
                    let now_ns = self.events.now_ns();
                    if self.watch.liveness.compare(&told, said, now_ns) {
                        self.successor.hasten(connection.age());
                    }
                    self.note_last_trades(&told);
                }
                self.watch.ask();
                self.events.hand_over_due().await
            }
        }
    }

    /// Tells of streams that have become stale, and subscribes to them again. Where that was in vain, it
    /// replaces the connection.
    async fn renew_stale(
        &mut self,
        silent: Vec<Silent>,
        connection: &mut Connection,
    ) -> Result<(), Stopped> {
        let mut streams = Vec::new();
        for Silent {
            stream,
            since_ns,
            is_lost,
        } in silent
        {
            if is_lost {
                self.successor.hasten(connection.age());
            }
            let symbol = stream.instrument.symbol().clone();
            let stale = FeedEventKind::Stale {
                symbol: symbol.clone(),
                channel: stream.channel,
                since_ns,
            };
            self.events.send_now(stale).await?;
            // A book whose snapshot comes in the stream subscribes again by itself, being void.
            let is_renewed = match stream.channel {
                Channel::L2Book => {
                    self.books.silenced(&symbol).await?;
                    let renewal = self.exchange.rules().books.renewal;
                    matches!(renewal, Renewal::Request { .. })
                }
                _ => true,
            };
            if is_renewed {
                streams.push(stream);
            }
        }
        resubscribe(&*self.exchange, &streams, connection);
        if let Some(second) = self.second.get() {
            resubscribe(&*self.exchange, &streams, &mut second.connection);
        }
        Ok(())
    }
}

fn best_of(ticker: &Ticker) -> BestPrices {
    // An empty side may be a price of zero.
    let price = |level: Option<Level>| {
        let level = level.filter(|level| !level.price.is_zero());
        level.map(|level| level.price)
    };
    BestPrices {
        bid: price(ticker.bid),
        ask: price(ticker.ask),
    }
}

//! What is changed in a session while it goes on.

use std::collections::{HashMap, HashSet};

use super::connection::Connection;
use super::event_sender::Stopped;
use super::resumption::Mark;
use super::session::Session;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Exchange, ExchangeMessage, Stream};
use crate::symbol::Symbol;

/// What has been unsubscribed from, and whether that is settled.
pub(super) type Left = HashMap<(Symbol, Channel), bool>;

/// A change of what a session streams.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// No longer these.
    pub(super) remove: Vec<Stream>,
    /// What to tell then.
    pub(super) told: Vec<FeedEventKind>,
    /// These, too.
    pub(super) add: Vec<Stream>,
    /// The last trades of these that are known from elsewhere.
    pub(super) marks: Vec<(Symbol, Mark)>,
}

//     an order comes                   what is done
//     while a connection is open       it is asked for on the connection, and on one that takes over
//     while one is opened              as soon as it is open
//     between two connections          the next one is opened for it
//     and nothing is left to stream    the session ends
impl Session {
    /// Carries out `order`, on `connection` if there is one. The session ends if nothing is left.
    pub(super) async fn change(
        &mut self,
        order: Order,
        connection: Option<&mut Connection>,
    ) -> Result<(), Stopped> {
        let Order {
            remove,
            told,
            add,
            marks,
        } = order;
        let is_open = connection.is_some();
        self.successor.note_return(&add);
        let second = self.second.get().map(|it| &mut it.connection);
        let successor = self.successor.connection();
        for connection in connection.into_iter().chain(successor).chain(second) {
            ask(&*self.exchange, &remove, &add, connection);
        }
        let removed: HashSet<_> = remove.iter().map(key).collect();
        self.streams
            .retain(|stream| !removed.contains(&key(stream)));
        for stream in &remove {
            let symbol = stream.instrument.symbol();
            self.watch.liveness.remove(symbol, stream.channel);
            self.retries.forget(stream);
            if let Some(merge) = &mut self.merge {
                merge.forget(symbol, stream.channel);
            }
            match stream.channel {
                Channel::L2Book => {
                    self.standby.forget(symbol);
                    self.books.remove(symbol).await?;
                }
                Channel::Trades => {
                    let lost = self
                        .backfill
                        .give_up(symbol, "it is not subscribed to any longer");
                    self.tell_found(lost, self.events.now_ns());
                    self.events.hand_over_due().await?;
                    self.trades.forget(symbol);
                    self.resumption.forget(symbol);
                }
                Channel::Ticker => {}
            }
        }
        self.without_time.retain(|stream| !removed.contains(stream));
        if is_open {
            self.left
                .extend(removed.into_iter().map(|key| (key, false)));
        }
        for event in told {
            self.events.send_now(event).await?;
        }
        for stream in &add {
            if self.left.get(&key(stream)) == Some(&true) {
                self.left.remove(&key(stream));
            }
            self.instruments.replace(stream.instrument.clone());
            self.watch.add(stream);
            if stream.channel == Channel::L2Book {
                self.books.add(&stream.instrument, is_open);
            }
        }
        self.streams.extend(add);
        if self.streams.is_empty() {
            self.events.close();
            return Err(Stopped);
        }
        self.resume(marks).await
    }

    /// Those of `streams` that are wanted.
    pub(super) fn wanted(&self, mut streams: Vec<Stream>) -> Vec<Stream> {
        streams.retain(|stream| self.streams.contains(stream));
        streams
    }

    /// Notes what may come on `connection` although it is not wanted any longer.
    pub(super) fn note_left(&mut self, connection: &Connection) {
        let current: HashSet<_> = self.streams.iter().map(key).collect();
        let asked = connection.asked.iter();
        let left = asked.filter(|stream| !current.contains(&key(stream)));
        let left = left.map(|stream| (key(stream), is_settled(stream, connection)));
        self.left = left.collect();
        let known = self.streams.iter().chain(&connection.asked);
        self.instruments = known.map(|it| it.instrument.clone()).collect();
    }

    /// How many symbols are streamed.
    pub(super) fn symbols(&self) -> usize {
        let symbols = self.streams.iter().map(|it| it.instrument.symbol());
        symbols.collect::<HashSet<_>>().len()
    }

    /// Requests about `streams` have been sent or answered. What was left is settled when none of them
    /// waits or awaits its reply: until then, what comes is of the subscription before.
    pub(super) fn note_settled(&mut self, streams: &[Stream], connection: &Connection) {
        if self.left.is_empty() {
            return;
        }
        for stream in streams.iter().filter(|it| is_settled(it, connection)) {
            if self.streams.contains(stream) {
                self.left.remove(&key(stream));
            } else if let Some(is_settled) = self.left.get_mut(&key(stream)) {
                *is_settled = true;
            }
        }
    }

    /// Whether `said` is about something that has been unsubscribed from. It may come until the exchange
    /// has done so, and is no longer wanted.
    pub(super) fn is_left(&self, said: &ExchangeMessage) -> bool {
        if self.left.is_empty() {
            return false;
        }
        said.stream()
            .is_some_and(|(symbol, channel)| self.left.contains_key(&(symbol.clone(), channel)))
    }
}

/// Asks on `connection`, which has just been opened, for what has been changed meanwhile.
pub(super) fn catch_up(exchange: &dyn Exchange, streams: &[Stream], connection: &mut Connection) {
    let missing = |wanted: &[Stream], known: &[Stream]| -> Vec<Stream> {
        let known: HashSet<_> = known.iter().map(key).collect();
        let is_missing = |stream: &&Stream| !known.contains(&key(stream));
        wanted.iter().filter(is_missing).cloned().collect()
    };
    let remove = missing(&connection.asked, streams);
    let add = missing(streams, &connection.asked);
    ask(exchange, &remove, &add, connection);
}

fn ask(exchange: &dyn Exchange, remove: &[Stream], add: &[Stream], connection: &mut Connection) {
    let known: HashSet<_> = connection.asked.iter().map(key).collect();
    let new = add.iter().filter(|stream| !known.contains(&key(stream)));
    connection.asked.extend(new.cloned());
    let Connection { ids, queue, .. } = connection;
    // First room, then what takes it up.
    if !remove.is_empty() {
        let requests = exchange.unsubscribe(remove, ids);
        requests.into_iter().for_each(|it| queue.push(it));
    }
    if !add.is_empty() {
        let requests = exchange.subscribe(add, ids);
        requests.into_iter().for_each(|it| queue.push(it));
    }
}

/// Whether the exchange has done everything about `stream` that it has been asked for.
pub(super) fn is_settled(stream: &Stream, connection: &Connection) -> bool {
    let Connection {
        queue, requests, ..
    } = connection;
    !queue.waiting().any(|it| it == stream) && !requests.is_open(stream)
}

pub(super) fn key(stream: &Stream) -> (Symbol, Channel) {
    (stream.instrument.symbol().clone(), stream.channel)
}

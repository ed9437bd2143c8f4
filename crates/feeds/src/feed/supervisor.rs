//! What is wanted, beside what is trading.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::connections::Connections;
use super::event_sender::{EventSender, Stopped};
use super::failure::Failure;
use super::handle::Shared;
use super::listing::{Listing, Missing};
use super::resumption::Mark;
use super::settling::Settling;
use super::wanted::Wanted;
use crate::event::FeedEventKind;
use crate::instruments::{Instrument, Instruments};
use crate::pattern::SymbolPattern;
use crate::symbol::Symbol;

//     wanted    in the list           streamed    what follows
//     yes       yes                   no          it is added; Trading, if it was missing before
//     yes       no                    no          NotTrading, once
//     yes       no, twice, and silent yes         BookInvalid, NotTrading; it is removed
//     yes       under another name,   yes         BookInvalid, Unsubscribed; it is removed, and added
//               twice, and silent
//     no                              yes         BookInvalid, Unsubscribed; it is removed
//
// One list may be wrong, and streams know better than any list: what still delivers stays. A list of less
// than half as many as the one before is not believed: exchanges empty theirs during maintenance.
/// Has sessions stream what is wanted and trading.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    events: EventSender,
    listing: Listing,
    connections: Connections,
    settling: Settling,
    /// The latest list.
    list: Option<Instruments>,
    /// What is wanted, and has been told as not trading.
    missing: HashSet<Symbol>,
    /// The patterns that have been told as without a match.
    unmatched: HashSet<SymbolPattern>,
    /// The last trades that are known from elsewhere, of what is wanted and not streamed yet.
    marks: HashMap<Symbol, Mark>,
    /// What is streamed and not in the latest list, and when its last market data was by then.
    absent: HashMap<Symbol, Option<i64>>,
}

impl Supervisor {
    pub(super) fn new(
        shared: Arc<Shared>,
        events: EventSender,
        listing: Listing,
        connections: Connections,
    ) -> Self {
        Self {
            shared,
            events,
            listing,
            connections,
            settling: Settling::default(),
            list: None,
            missing: HashSet::new(),
            unmatched: HashSet::new(),
            marks: HashMap::new(),
            absent: HashMap::new(),
        }
    }

    /// Goes on until the subscriber has gone or the feed shall end.
    pub(super) async fn run(mut self) {
        let events = self.events.clone();
        tokio::select! {
            _stopped = self.supervise() => {}
            () = events.closed() => {}
        }
    }

    async fn supervise(&mut self) -> Result<(), Stopped> {
        loop {
            tokio::select! {
                // What is asked for first, or a list would be looked at twice.
                biased;
                () = self.shared.changed.notified() => {
                    if self.shared.is_ending() {
                        return self.remove_all().await;
                    }
                    self.change().await?;
                }
                () = self.shared.limited.notified() => self.settling.note(Instant::now()),
                () = self.settling.over() => self.change().await?,
                outcome = self.listing.next() => match outcome {
                    Ok(list) => self.take(list).await?,
                    Err(failure) => self.tell_failure(&failure).await?,
                },
            }
        }
    }

    /// Has what is asked for streamed, and the list loaded soon if it lacks something.
    async fn change(&mut self) -> Result<(), Stopped> {
        if self.compare(None).await? != Missing::Nothing {
            self.listing.hurry();
        }
        Ok(())
    }

    /// Takes a list.
    async fn take(&mut self, list: Instruments) -> Result<(), Stopped> {
        if let Some(before) = &self.list
            && list.len() < before.len().div_ceil(2)
        {
            let (count, before) = (list.len(), before.len());
            let reason = format!("{count} are listed, after {before}; that is not believed");
            return self.tell_failure(&Failure::new(reason)).await;
        }
        let is_doubtful = self.check_streamed(&list);
        let before = self.list.replace(list);
        let missing = self.compare(before.as_ref()).await?;
        self.listing.succeeded(match is_doubtful {
            true => Missing::Streamed,
            false => missing,
        });
        Ok(())
    }

    /// Removes what is streamed, missing in `list` as in the one before, and silent since. Returns whether
    /// something is missing for the first time.
    fn check_streamed(&mut self, list: &Instruments) -> bool {
        let board = self.shared.board.lock();
        // Under another name, it is another stream.
        let absent = self.connections.instruments();
        let absent = absent.filter(|it| list.by_symbol(it.symbol()) != Some(it));
        let absent = absent.map(Instrument::symbol);
        let absent = absent.map(|symbol| (symbol.clone(), board.last_event_ns(symbol)));
        let absent: HashMap<_, _> = absent.collect();
        drop(board);
        let before = std::mem::replace(&mut self.absent, absent);
        let is_gone = |symbol: &Symbol, last: &mut Option<i64>| before.get(symbol) == Some(last);
        let gone: HashMap<_, _> = self.absent.extract_if(is_gone).collect();
        let is_renamed = |symbol: &Symbol| list.by_symbol(symbol).is_some();
        let leaving = gone.keys().map(|symbol| {
            let event = match is_renamed(symbol) {
                true => self.unsubscribed(symbol),
                false => not_trading(symbol, list),
            };
            (symbol.clone(), Some(event))
        });
        let leaving = leaving.collect();
        self.connections.remove(leaving);
        for symbol in gone.into_keys().filter(|it| !is_renamed(it)) {
            self.shared
                .board
                .lock()
                .miss(&symbol, &list.nearest(&symbol));
            self.missing.insert(symbol);
        }
        self.absent
            .keys()
            .any(|symbol| !before.contains_key(symbol))
    }

    /// Compares what is wanted with the latest list, and has the difference streamed or no longer. Tells
    /// what is missing. With the list `before`, what is not in it counts as listed newly.
    async fn compare(&mut self, before: Option<&Instruments>) -> Result<Missing, Stopped> {
        self.settling.clear();
        let Some(list) = &self.list else {
            return Ok(Missing::Nothing);
        };
        // Before what is wanted is looked at, which comes before them.
        self.marks.extend(self.shared.take_marks());
        let wanted = self.shared.wanted();
        self.marks.retain(|symbol, _| wanted.has(symbol));
        let unwanted = self.connections.symbols().filter(|it| !wanted.has(it));
        let unwanted = unwanted.map(|it| (it.clone(), Some(self.unsubscribed(it))));
        let unwanted = unwanted.collect();
        self.connections.remove(unwanted);
        self.connections.set_channels(&wanted.channels);
        let given_up: Vec<_> = self.missing.extract_if(|it| !wanted.has(it)).collect();
        for symbol in given_up {
            self.shared.board.lock().remove(&symbol);
            self.events.send_now(self.unsubscribed(&symbol)).await?;
        }
        let mut new = wanted.select(list);
        new.retain(|it| !self.connections.has(it.symbol()));
        for instrument in &new {
            let symbol = instrument.symbol();
            let is_new = before.is_some_and(|it| it.by_symbol(symbol).is_none());
            if self.missing.remove(symbol) || is_new {
                let symbol = symbol.clone();
                self.events
                    .send_now(FeedEventKind::Trading { symbol })
                    .await?;
            }
        }
        self.connections.add(&new);
        let is_streamed = |symbol: &Symbol, _: &mut Mark| self.connections.has(symbol);
        let marks: Vec<_> = self.marks.extract_if(is_streamed).collect();
        for (symbol, mark) in marks {
            self.connections.resume(symbol, mark);
        }
        self.connections.order();
        let mut missing = wanted.symbols();
        missing.retain(|it| list.by_symbol(it).is_none() && !self.connections.has(it));
        missing.retain(|it| self.missing.insert((*it).clone()));
        // All of them, before the first is told: who asks for the status then sees the whole.
        {
            let mut board = self.shared.board.lock();
            board.is_listed = true;
            for symbol in &missing {
                board.miss(symbol, &list.nearest(symbol));
            }
        }
        let mut is_news = !missing.is_empty();
        for symbol in missing {
            self.events.send_now(not_trading(symbol, list)).await?;
        }
        is_news |= self.match_patterns(&wanted).await?;
        Ok(match self.missing.is_empty() && self.unmatched.is_empty() {
            true if self.absent.is_empty() => Missing::Nothing,
            _ if is_news => Missing::Newly,
            _ => Missing::Still,
        })
    }

    /// Tells which patterns have nothing. Returns whether there is one that had something before, or is
    /// new.
    async fn match_patterns(&mut self, wanted: &Wanted) -> Result<bool, Stopped> {
        let has_match = |pattern: &SymbolPattern| {
            let mut listed = self.list.iter().flat_map(Instruments::iter);
            listed.any(|it| pattern.matches(it.symbol()))
        };
        let unmatched = wanted.patterns().filter(|pattern| !has_match(pattern));
        let unmatched: HashSet<_> = unmatched.cloned().collect();
        let before = std::mem::replace(&mut self.unmatched, unmatched);
        self.shared.board.lock().set_unmatched(&self.unmatched);
        let mut is_news = false;
        for pattern in self.unmatched.difference(&before) {
            is_news = true;
            let pattern = pattern.clone();
            self.events
                .send_now(FeedEventKind::NoMatch { pattern })
                .await?;
        }
        Ok(is_news)
    }

    /// The list could not be loaded, or cannot be used.
    async fn tell_failure(&mut self, failure: &Failure) -> Result<(), Stopped> {
        let (retry_in, attempt) = self.listing.failed(failure);
        self.events.send_blocked(failure).await?;
        let reason = &failure.reason;
        let event = match self.list {
            // Nothing is streamed yet.
            None => FeedEventKind::Disconnected {
                reason: format!("no list of instruments: {reason}"),
                retry_in,
                attempt,
                planned: false,
            },
            Some(_) => FeedEventKind::ListFailed {
                reason: reason.clone(),
                retry_in,
            },
        };
        self.events.send_now(event).await
    }

    async fn remove_all(&mut self) -> Result<(), Stopped> {
        let all = self.connections.symbols();
        let all = all.map(|it| (it.clone(), Some(self.unsubscribed(it))));
        let all = all.collect();
        self.connections.remove(all);
        self.connections.order();
        for symbol in &self.missing {
            self.events.send_now(self.unsubscribed(symbol)).await?;
        }
        Ok(())
    }

    fn unsubscribed(&self, symbol: &Symbol) -> FeedEventKind {
        FeedEventKind::Unsubscribed {
            symbol: symbol.clone(),
            channels: self.connections.channels().iter().copied().collect(),
        }
    }
}

fn not_trading(symbol: &Symbol, list: &Instruments) -> FeedEventKind {
    FeedEventKind::NotTrading {
        symbol: symbol.clone(),
        nearest: list.nearest(symbol),
    }
}

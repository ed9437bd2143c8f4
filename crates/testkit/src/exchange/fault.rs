//! Exchanges that misbehave.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use parking_lot::{Mutex, MutexGuard};

use super::rest_message::Answer;
use super::update::Update;

/// What a [`MockExchange`](crate::MockExchange) does wrong.
///
/// Faults add up; one that is given again replaces what is left of the one before. What happens at once
/// and symbols that were halted or listed stay as they are when faults [end](crate::MockExchange::resume).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The next so many book changes are not sent, to whichever connection they were due, so
    /// that a client sees a gap in their ids.
    DropDepth(u32),
    /// The next so many book changes are sent twice.
    DuplicateDepth(u32),
    /// The next so many REST requests, whatever their path, are answered with this. A 418 or 429
    /// has the `Retry-After` of the exchange, if it has one.
    RestStatus {
        /// The status; one that HTTP cannot express is sent as 500.
        status: u16,
        /// The body.
        body: String,
        /// How many requests.
        count: u32,
    },
    /// The next so many WebSocket handshakes are answered with this.
    UpgradeStatus {
        /// The status; one that HTTP cannot express, and success, is sent as 500.
        status: u16,
        /// The body.
        body: String,
        /// How many handshakes.
        count: u32,
    },
    /// Every address is banned for so long, whatever it did.
    Ban {
        /// How long, by the clock of the exchange.
        length: Duration,
    },
    /// No events are sent, but pings and answers are. The events are lost.
    Mute,
    /// No events are sent of streams whose name has this text in it: a symbol or a channel as the
    /// exchange writes it.
    MuteStreams {
        /// The text.
        containing: String,
    },
    /// No events are sent of one symbol.
    MuteSymbol {
        /// Base and quote, as in [`MockExchange::pairs`](crate::MockExchange::pairs).
        pair: String,
    },
    /// The next so many trades are not sent, to whichever connection they were due; REST tells them.
    DropTrades(u32),
    /// The next so many messages, of whichever connection, end in the middle, in a frame that is whole.
    Break(u32),
    /// Changes and trades are numbered anew, from half of where they were, on all connections and by
    /// REST. The trades before are forgotten.
    RestartIds,
    /// A symbol is traded no more: it is listed as closed, and its streams fall silent without a word.
    Halt {
        /// Base and quote, as in [`MockExchange::pairs`](crate::MockExchange::pairs).
        pair: String,
    },
    /// A symbol is traded again, or is new: a base that the exchange does not know gets the quote that
    /// further symbols have.
    List {
        /// Base and quote, or the base of a new one.
        pair: String,
    },
    /// Every WebSocket connection is closed at once, with a close frame of this code (RFC 6455,
    /// section 7.4).
    CloseFrame {
        /// The code.
        code: u16,
    },
}

/// A response that takes the place of the right one.
#[derive(Debug, Clone)]
pub(super) struct Substitute {
    pub(super) status: StatusCode,
    body: String,
    left: u32,
}

/// How often to send a book change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    None,
    One,
    Two,
}

/// The faults that are yet to show.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    drops: u32,
    duplicates: u32,
    rest: Option<Substitute>,
    upgrade: Option<Substitute>,
    muted: bool,
    muted_streams: Option<String>,
    muted_symbol: Option<String>,
    trades: u32,
    breaks: u32,
}

impl Faults {
    pub(super) fn drop_depth(&self, count: u32) {
        self.pending().drops = count;
    }

    pub(super) fn duplicate_depth(&self, count: u32) {
        self.pending().duplicates = count;
    }

    pub(super) fn substitute_rest(&self, status: u16, body: String, count: u32) {
        self.pending().rest = Some(Substitute::new(status, body, count));
    }

    pub(super) fn substitute_upgrade(&self, status: u16, body: String, count: u32) {
        let mut substitute = Substitute::new(status, body, count);
        if substitute.status.is_success() {
            substitute.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        self.pending().upgrade = Some(substitute);
    }

    pub(super) fn mute(&self) {
        self.pending().muted = true;
    }

    pub(super) fn unmute(&self) {
        self.pending().muted = false;
    }

    pub(super) fn mute_streams(&self, containing: String) {
        self.pending().muted_streams = Some(containing);
    }

    pub(super) fn mute_symbol(&self, pair: String) {
        self.pending().muted_symbol = Some(pair);
    }

    pub(super) fn unmute_symbol(&self) {
        self.pending().muted_symbol = None;
    }

    pub(super) fn drop_trades(&self, count: u32) {
        self.pending().trades = count;
    }

    pub(super) fn break_messages(&self, count: u32) {
        self.pending().breaks = count;
    }

    pub(super) fn clear(&self) {
        *self.pending() = Pending::default();
    }

    pub(super) fn is_muted(&self) -> bool {
        self.pending().muted
    }

    /// Whether nothing is sent that belongs to this stream.
    pub(super) fn mutes(&self, stream: &str) -> bool {
        let pending = self.pending();
        let text = pending.muted_streams.as_ref();
        pending.muted || text.is_some_and(|text| stream.contains(text))
    }

    /// What a connection hears of an update: `None` if that is nothing.
    pub(super) fn heard<'a>(&self, update: &'a Update) -> Option<Cow<'a, Update>> {
        let mut pending = self.pending();
        let muted = pending.muted_symbol.as_ref();
        if muted.is_some_and(|pair| *pair == update.instrument.pair()) {
            return None;
        }
        if pending.trades == 0 || update.trades().next().is_none() {
            return Some(Cow::Borrowed(update));
        }
        let mut heard = update.clone();
        for step in &mut heard.steps {
            if pending.trades > 0 && step.trade.take().is_some() {
                pending.trades -= 1;
            }
        }
        Some(Cow::Owned(heard))
    }

    /// The message that is due now, or the first half of it.
    pub(super) fn broken(&self, text: &mut String) {
        let mut pending = self.pending();
        if pending.breaks > 0 {
            pending.breaks -= 1;
            let half = (0..=text.len() / 2)
                .rev()
                .find(|at| text.is_char_boundary(*at));
            text.truncate(half.unwrap_or_default());
        }
    }

    /// What to do with the book change that is due now.
    pub(super) fn take_depth(&self) -> Copies {
        // Whatever is dropped is dropped before anything is doubled; one event is never both.
        let mut pending = self.pending();
        if pending.drops > 0 {
            pending.drops -= 1;
            Copies::None
        } else if pending.duplicates > 0 {
            pending.duplicates -= 1;
            Copies::Two
        } else {
            Copies::One
        }
    }

    /// What to answer the REST request at hand, if not the right thing.
    pub(super) fn take_rest(&self) -> Option<Substitute> {
        Substitute::take(&mut self.pending().rest)
    }

    /// What to answer the WebSocket handshake at hand, if not the right thing.
    pub(super) fn take_upgrade(&self) -> Option<Substitute> {
        Substitute::take(&mut self.pending().upgrade)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock()
    }
}

impl Substitute {
    fn new(status: u16, body: String, count: u32) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body,
            left: count,
        }
    }

    fn take(slot: &mut Option<Self>) -> Option<Self> {
        // Counted by request and not by connection: a client may keep one alive for all of them.
        let substitute = slot.as_mut().filter(|substitute| substitute.left > 0)?;
        substitute.left -= 1;
        Some(substitute.clone())
    }

    pub(super) fn into_answer(self) -> Answer {
        let content_type = match self.body.trim_start().chars().next() {
            Some('{' | '[') => "application/json",
            Some('<') => "text/html",
            _ => "text/plain",
        };
        Answer::new(self.status, content_type, self.body)
    }
}

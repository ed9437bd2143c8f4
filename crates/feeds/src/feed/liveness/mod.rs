//! Which streams of a connection are alive, and which are silent although they should not be.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::channel::{Channel, EachChannel};
use crate::exchange::{Activity, Stream};
use crate::symbol::{Symbol, SymbolMap};

/// The shortest silence that is suspicious.
const LEAST_SILENCE: i64 = 30 * SECOND;

/// How many times its usual interval a stream must be silent to be suspicious.
const TIMES_USUAL: f64 = 10.0;

/// Over how long the usual interval is taken: a pause of that length counts as much as all before it.
const MEMORY: f64 = 600e9;

/// How long a stream has to say what the exchange has said already, after the exchange said so.
const GRACE: i64 = 5 * SECOND;

/// By how much a grace may be over when that is seen. Later, nobody was listening meanwhile.
const LATE: i64 = SECOND;

/// How long a stream must be live for it to be forgotten that it was stale.
const HEALED: i64 = 600 * SECOND;

/// How long a connection is kept, after one was replaced in vain for the sake of a stream. It doubles each
/// time, up to an hour.
const LEAST_PAUSE: i64 = 300 * SECOND;
const LONGEST_PAUSE: i64 = 3600 * SECOND;

const SECOND: i64 = 1_000_000_000;

//     a stream is       and what happens                                  is then
//     not asked for     it is                                             trusted
//     trusted           it is silent for ten times its usual interval,    suspected
//                       and for 30 seconds
//     suspected         the exchange says nothing that it does not know   trusted
//     suspected         the exchange says something else                  behind
//     behind            5 seconds later                                   trusted and stale
//     any               it speaks                                         trusted and not stale
//
// One that is stale has been told, and has been subscribed to again; if it is suspected, and still
// behind, the connection is replaced. So it is if the stream has spoken and is stale anew soon after:
// exchanges begin a subscription with what they know, and that may be all. Stale it stays over the
// connections, until it speaks.
//
// Times are nanoseconds by a clock that does not step back on a connection.
/// Watches over the streams of one connection at a time. Who has to be asked, and what is done, is the
/// owner's: nothing here waits.
#[derive(Debug)]
pub(super) struct Liveness {
    streams: Vec<Watched>,
    /// Where the streams of a symbol are.
    places: SymbolMap<EachChannel<Option<usize>>>,
    /// When to look at which stream: at most one time for each, which may be too early.
    times: BinaryHeap<Reverse<(i64, usize)>>,
    /// Whether one may be suspected.
    has_suspects: bool,
}

#[derive(Debug)]
struct Watched {
    stream: Stream,
    state: State,
    /// Whether it has been told to be silent while it should not be.
    is_stale: bool,
    /// Whether there is a time to look at it.
    is_timed: bool,
    /// When it spoke last, or was asked for.
    since_ns: i64,
    has_spoken: bool,
    /// What it said last.
    said: Activity,
    /// How long its pauses are on average, as somebody meets them who comes at any time: a burst of
    /// messages does not make it talkative.
    usual_ns: f64,
    /// What the exchange said when it was asked first after the stream spoke last, and when that was. Or it
    /// is from before, and of no use.
    told: Option<(Activity, i64)>,
    /// When the exchange was asked.
    checked_ns: i64,
    /// When it was stale for the last time.
    healing_since_ns: Option<i64>,
    /// From when on the connection may be replaced, and how long the next one is kept at least.
    replaceable_ns: i64,
    pause: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unasked,
    Trusted,
    Suspected,
    /// Since then.
    Behind(i64),
}

/// A stream that is silent although the exchange has moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silent {
    pub(super) stream: Stream,
    /// When it spoke last, or was asked for.
    pub(super) since_ns: i64,
    /// Whether the connection shall be replaced.
    pub(super) is_lost: bool,
}

#[expect(
    clippy::indexing_slicing,
    reason = "a place is that of a stream, and streams stay where they are"
)]
impl Liveness {
    /// Watches over `streams`, of which none is asked for.
    pub(super) fn new(streams: impl IntoIterator<Item = Stream>) -> Self {
        let mut liveness = Self {
            streams: Vec::new(),
            places: SymbolMap::default(),
            times: BinaryHeap::new(),
            has_suspects: false,
        };
        streams.into_iter().for_each(|it| liveness.add(it));
        liveness
    }

    /// Watches over `stream`, too, which is not asked for.
    pub(super) fn add(&mut self, stream: Stream) {
        let symbol = stream.instrument.symbol();
        let of_symbol = self.places.get_or_insert_with(symbol, EachChannel::default);
        let place = of_symbol.get_mut(stream.channel);
        if place.is_none() {
            *place = Some(self.streams.len());
            self.streams.push(Watched::new(stream));
        }
    }

    /// Forgets what is known of a stream, which is not asked for any longer.
    pub(super) fn remove(&mut self, symbol: &Symbol, channel: Channel) {
        // Streams stay where they are, and one that is not asked for is none to look at.
        if let Some(place) = self.place(symbol, channel) {
            let watched = &mut self.streams[place];
            let is_timed = watched.is_timed;
            *watched = Watched::new(watched.stream.clone());
            watched.is_timed = is_timed;
        }
    }

    /// A connection begins, on which no stream is asked for.
    pub(super) fn begin_connection(&mut self, now_ns: i64) {
        self.times.clear();
        for watched in &mut self.streams {
            watched.state = State::Unasked;
            watched.is_timed = false;
            watched.has_spoken = false;
            watched.said = Activity::default();
            watched.told = None;
            watched.replaceable_ns = now_ns.saturating_add(watched.pause);
        }
    }

    /// A stream has been asked for.
    pub(super) fn asked(&mut self, symbol: &Symbol, channel: Channel, now_ns: i64) {
        if let Some(place) = self.place(symbol, channel) {
            let watched = &mut self.streams[place];
            // One that is asked for again has been silent for longer.
            if watched.state == State::Unasked {
                watched.state = State::Trusted;
                watched.since_ns = now_ns;
                watched.checked_ns = now_ns;
                self.look_later(place, now_ns);
            }
        }
    }

    /// The exchange has declined the streams of a symbol, or that of one channel.
    pub(super) fn refused(&mut self, symbol: &Symbol, channel: Option<Channel>) {
        for of in Channel::ALL {
            if channel.is_none_or(|channel| channel == of)
                && let Some(place) = self.place(symbol, of)
            {
                self.streams[place].state = State::Unasked;
            }
        }
    }

    /// A stream says something. Returns whether it was told to be stale, and is not any longer.
    pub(super) fn spoke(
        &mut self,
        symbol: &Symbol,
        channel: Channel,
        said: Activity,
        now_ns: i64,
    ) -> bool {
        let Some(place) = self.place(symbol, channel) else {
            return false;
        };
        let watched = &mut self.streams[place];
        let interval_ns = now_ns.saturating_sub(watched.since_ns);
        // Messages in a row have one time, and nothing is learned of no pause.
        if watched.has_spoken && !watched.is_stale && interval_ns > 0 {
            watched.learn(interval_ns);
        }
        watched.since_ns = now_ns;
        watched.has_spoken = true;
        watched.said = said;
        if watched.state != State::Trusted || watched.is_stale {
            return self.recover(place, now_ns);
        }
        false
    }

    // Not inlined: it is rare, and `spoke` is for every message.
    #[inline(never)]
    fn recover(&mut self, place: usize, now_ns: i64) -> bool {
        let watched = &mut self.streams[place];
        let was_stale = std::mem::replace(&mut watched.is_stale, false);
        watched.state = State::Trusted;
        if was_stale {
            watched.healing_since_ns = Some(now_ns);
        }
        self.look_later(place, now_ns);
        was_stale
    }

    /// When to call [`look`](Self::look) next.
    pub(super) fn next_look_ns(&self) -> Option<i64> {
        self.times.peek().map(|Reverse((time_ns, _))| *time_ns)
    }

    /// Looks at the streams whose time has come. Returns those that have become stale.
    pub(super) fn look(&mut self, now_ns: i64) -> Vec<Silent> {
        let mut silent = Vec::new();
        while let Some(Reverse((time_ns, place))) = self.times.peek().copied()
            && time_ns <= now_ns
        {
            self.times.pop();
            let watched = &mut self.streams[place];
            watched.is_timed = false;
            match watched.state {
                State::Unasked | State::Suspected => {}
                State::Trusted if watched.time_ns() <= now_ns => {
                    watched.state = State::Suspected;
                    self.has_suspects = true;
                }
                State::Behind(since_ns) if now_ns - since_ns > GRACE + LATE => {
                    watched.state = State::Behind(now_ns);
                    self.look_later(place, now_ns);
                }
                State::Behind(since_ns) if now_ns - since_ns >= GRACE => {
                    silent.push(watched.fall_silent(now_ns));
                    self.look_later(place, now_ns);
                }
                State::Trusted | State::Behind(_) => self.look_later(place, now_ns),
            }
        }
        silent
    }

    /// The channels of the streams about which the exchange has to be asked.
    pub(super) fn suspected(&mut self) -> Vec<Channel> {
        if !self.has_suspects {
            return Vec::new();
        }
        let is_suspected = |channel: &Channel| {
            let mut streams = self.streams.iter();
            streams.any(|it| it.stream.channel == *channel && it.state == State::Suspected)
        };
        let channels: Vec<_> = Channel::ALL.into_iter().filter(is_suspected).collect();
        self.has_suspects = !channels.is_empty();
        channels
    }

    /// Compares the streams that are suspected with what the exchange says of them by now. What a stream
    /// said last, `said` knows better, where it returns something. Returns whether the connection shall be
    /// replaced.
    pub(super) fn compare(
        &mut self,
        told: &HashMap<Symbol, Activity>,
        said: impl Fn(&Stream) -> Option<Activity>,
        now_ns: i64,
    ) -> bool {
        let mut is_lost = false;
        for place in 0..self.streams.len() {
            let watched = &mut self.streams[place];
            if watched.state != State::Suspected {
                continue;
            }
            watched.checked_ns = now_ns;
            // Kept, since a book that is stale is void and tells nothing.
            watched.said = said(&watched.stream).unwrap_or(watched.said);
            let told = told.get(watched.stream.instrument.symbol());
            let is_behind = told.is_some_and(|told| watched.is_behind(told, now_ns));
            watched.state = match is_behind {
                true if !watched.is_stale => State::Behind(now_ns),
                true => {
                    is_lost |= watched.replaces(now_ns);
                    State::Trusted
                }
                false => State::Trusted,
            };
            self.look_later(place, now_ns);
        }
        is_lost
    }

    fn place(&self, symbol: &Symbol, channel: Channel) -> Option<usize> {
        *self.places.get(symbol)?.get(channel)
    }

    fn look_later(&mut self, place: usize, now_ns: i64) {
        let watched = &mut self.streams[place];
        if !std::mem::replace(&mut watched.is_timed, true) {
            // Not later, since the right time may come earlier by what it says until then.
            let time_ns = watched.time_ns().min(now_ns.saturating_add(LEAST_SILENCE));
            self.times.push(Reverse((time_ns, place)));
        }
    }
}

impl Watched {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            state: State::Unasked,
            is_stale: false,
            is_timed: false,
            since_ns: 0,
            has_spoken: false,
            said: Activity::default(),
            usual_ns: 0.0,
            told: None,
            checked_ns: 0,
            healing_since_ns: None,
            replaceable_ns: 0,
            pause: 0,
        }
    }

    /// Takes note of a pause of that length.
    fn learn(&mut self, interval_ns: i64) {
        #[expect(clippy::cast_precision_loss, reason = "exact for a hundred days")]
        let interval = interval_ns as f64;
        self.usual_ns += (interval - self.usual_ns) * (interval / (interval + MEMORY));
    }

    /// When to look at it.
    fn time_ns(&self) -> i64 {
        if let State::Behind(since_ns) = self.state {
            return since_ns.saturating_add(GRACE);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        let usual = (self.usual_ns * TIMES_USUAL) as i64;
        let (limit, not_before_ns) = match self.is_stale {
            true => (LEAST_SILENCE, self.replaceable_ns),
            false => (usual.max(LEAST_SILENCE), i64::MIN),
        };
        let from_ns = self.since_ns.max(self.checked_ns);
        from_ns.saturating_add(limit).max(not_before_ns)
    }

    /// Whether `told` by the exchange is news to the stream, or to the exchange itself.
    fn is_behind(&mut self, told: &Activity, now_ns: i64) -> bool {
        self.told = self.told.filter(|(_, told_ns)| self.since_ns < *told_ns);
        let (before, _) = *self.told.get_or_insert((*told, now_ns));
        let is_news = |known: &Activity| told.is_news(known, self.stream.channel) == Some(true);
        is_news(&self.said) || is_news(&before)
    }

    /// It is stale from now on.
    fn fall_silent(&mut self, now_ns: i64) -> Silent {
        self.state = State::Trusted;
        self.is_stale = true;
        self.checked_ns = now_ns;
        let is_again = self
            .healing_since_ns
            .is_some_and(|since_ns| now_ns - since_ns < HEALED);
        if !is_again {
            (self.pause, self.replaceable_ns) = (0, now_ns);
        }
        Silent {
            stream: self.stream.clone(),
            since_ns: self.since_ns,
            is_lost: is_again && self.replaces(now_ns),
        }
    }

    /// Whether the connection may be replaced for its sake, which it is then.
    fn replaces(&mut self, now_ns: i64) -> bool {
        if now_ns < self.replaceable_ns {
            return false;
        }
        self.pause = (self.pause * 2).clamp(LEAST_PAUSE, LONGEST_PAUSE);
        self.replaceable_ns = now_ns.saturating_add(self.pause);
        true
    }
}

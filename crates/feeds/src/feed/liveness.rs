//! Which streams of a connection are alive, and which are silent although they should not be.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::channel::Channel;
use crate::exchange::{Activity, Stream};
use crate::symbol::Symbol;

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
    places: HashMap<Symbol, [Option<usize>; Channel::ALL.len()]>,
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
            places: HashMap::new(),
            times: BinaryHeap::new(),
            has_suspects: false,
        };
        streams.into_iter().for_each(|it| liveness.add(it));
        liveness
    }

    /// Watches over `stream`, too, which is not asked for.
    pub(super) fn add(&mut self, stream: Stream) {
        let of_symbol = self.places.entry(stream.instrument.symbol().clone());
        let place = &mut of_symbol.or_default()[stream.channel as usize];
        if place.is_none() {
            *place = Some(self.streams.len());
            self.streams.push(Watched::new(stream));
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
        if watched.has_spoken && !watched.is_stale {
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
        self.places.get(symbol)?[channel as usize]
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::exchange::BestPrices;
    use crate::instruments::Instrument;

    fn stream(symbol: &str, channel: Channel) -> Stream {
        Stream {
            instrument: Instrument::new(symbol.parse().unwrap(), symbol),
            channel,
        }
    }

    fn traded(id: u64) -> Activity {
        Activity {
            trade_id: Some(id),
            ..Activity::default()
        }
    }

    /// One stream of trades, which has been asked for at 0.
    struct One {
        liveness: Liveness,
        symbol: Symbol,
    }

    impl One {
        fn new() -> Self {
            let stream = stream("A-B", Channel::Trades);
            let symbol = stream.instrument.symbol().clone();
            let mut liveness = Liveness::new([stream]);
            liveness.begin_connection(0);
            liveness.asked(&symbol, Channel::Trades, 0);
            Self { liveness, symbol }
        }

        fn spoke(&mut self, id: u64, second: i64) -> bool {
            let (symbol, at_ns) = (self.symbol.clone(), second * SECOND);
            self.liveness
                .spoke(&symbol, Channel::Trades, traded(id), at_ns)
        }

        /// Since which second it is newly stale.
        fn look(&mut self, second: i64) -> Option<i64> {
            let silent = self.liveness.look(second * SECOND);
            silent.first().map(|it| it.since_ns / SECOND)
        }

        /// Whether the connection shall be replaced.
        fn told(&mut self, id: u64, second: i64) -> bool {
            let told = HashMap::from([(self.symbol.clone(), traded(id))]);
            self.liveness.compare(&told, |_| None, second * SECOND)
        }

        fn is_suspected(&mut self) -> bool {
            !self.liveness.suspected().is_empty()
        }

        fn next_look(&self) -> i64 {
            let next_ns = self.liveness.next_look_ns().unwrap();
            (next_ns + SECOND - 1) / SECOND
        }
    }

    #[test]
    fn ten_times_the_usual_interval_is_suspicious_and_never_less_than_half_a_minute() {
        let limit = |interval: i64, bursts: u64| {
            let mut one = One::new();
            let mut now = 0;
            for _ in 0..3600 / interval {
                now += interval;
                for id in 0..bursts {
                    one.spoke(id, now);
                }
            }
            while !one.is_suspected() {
                let next = one.next_look();
                one.look(next);
                now = next.max(now);
            }
            now - 3600 / interval * interval
        };
        assert_eq!(limit(1, 1), 30);
        assert_eq!(limit(3, 1), 30);
        // Of an hour with a memory of ten minutes.
        assert!((95..=100).contains(&limit(10, 1)), "{}", limit(10, 1));
        assert!((550..=600).contains(&limit(60, 1)), "{}", limit(60, 1));
        // A burst does not count for more than one message.
        assert_eq!(limit(60, 50), limit(60, 1));
    }

    #[test]
    fn who_did_not_listen_in_time_listens_for_as_long_again() {
        let mut one = One::new();
        one.spoke(7, 1);
        assert_eq!(one.look(31), None);
        assert!(!one.told(9, 31));
        assert_eq!(one.look(50), None);
        assert_eq!(one.look(55), Some(1));
    }

    #[test]
    fn a_pause_of_a_fault_is_not_usual() {
        let mut one = One::new();
        for second in 1..100 {
            one.spoke(7, second);
        }
        one.look(129);
        one.told(9, 129);
        assert_eq!(one.look(134), Some(99));
        one.look(164);
        assert!(one.spoke(9, 5000));
        assert_eq!(one.next_look(), 5030);
    }

    // OKX begins a subscription with the last trade, and Kraken with the best prices.
    #[test]
    fn a_stream_that_speaks_only_when_it_is_subscribed_to_is_lost() {
        let mut one = One::new();
        let mut told = Vec::new();
        one.spoke(7, 0);
        while told.len() < 6 {
            let now = one.next_look();
            let silent = one.liveness.look(now * SECOND);
            if let [silent] = &silent[..] {
                told.push((now, silent.is_lost));
                one.spoke(7, now);
            } else if one.is_suspected() {
                one.told(9, now);
            }
        }
        let lost: Vec<_> = told.iter().map(|(_, is_lost)| *is_lost).collect();
        assert_eq!(lost, [false, true, false, false, false, false]);
        one.look(told[5].0 + 1000);
        one.told(9, told[5].0 + 1000);
        let silent = one.liveness.look((told[5].0 + 1005) * SECOND);
        assert!(!silent[0].is_lost, "it was live for long");
    }

    #[test]
    fn what_is_not_asked_for_is_not_watched() {
        let mut one = One::new();
        one.liveness.refused(&one.symbol, None);
        one.look(100);
        assert!(!one.is_suspected() && one.liveness.next_look_ns().is_none());
        one.liveness
            .asked(&one.symbol, Channel::Trades, 100 * SECOND);
        assert_eq!(one.next_look(), 130);
        one.liveness.begin_connection(120 * SECOND);
        assert_eq!(one.liveness.next_look_ns(), None);
    }

    #[test]
    fn a_stream_that_no_connection_brings_back_leaves_each_for_longer() {
        let mut one = One::new();
        let (mut now, mut lost) = (0, Vec::new());
        one.spoke(7, now);
        while lost.len() < 7 {
            now = one.next_look().max(now);
            one.look(now);
            let id = u64::try_from(now).unwrap();
            if one.is_suspected() && one.told(id, now) {
                lost.push(now);
                one.liveness.begin_connection(now * SECOND);
                one.liveness
                    .asked(&one.symbol, Channel::Trades, now * SECOND);
            }
        }
        let pauses: Vec<_> = lost.windows(2).map(|two| (two[1] - two[0]) / 60).collect();
        assert_eq!(lost[0], 65);
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }

    /// What happens to one of three streams, so many seconds after what happened before.
    #[derive(Debug, Clone)]
    enum Happening {
        Spoke(usize),
        /// The exchange has moved on.
        Moved(usize),
        /// What the exchange says arrives, if somebody has asked.
        Told,
        Nothing,
        Reconnected,
    }

    fn happening() -> impl Strategy<Value = (i64, Happening)> {
        let what = prop::sample::select(vec![
            Happening::Spoke(0),
            Happening::Spoke(1),
            Happening::Spoke(2),
            Happening::Moved(0),
            Happening::Moved(2),
            Happening::Told,
            Happening::Told,
            Happening::Nothing,
            Happening::Nothing,
            Happening::Reconnected,
        ]);
        (0..40i64, what)
    }

    proptest! {
        // The first stream is stale only if the exchange has moved on since it spoke, and it has been silent
        // for long; stale and live alternate; the second, in which nothing moves, is never stale.
        #[test]
        fn nothing_is_stale_without_a_reason_and_live_follows_it_once(
            happenings in vec(happening(), 0..200),
            first_id in any::<u32>(),
        ) {
            let channels = [Channel::Trades, Channel::Ticker, Channel::L2Book];
            let streams = channels.map(|channel| stream("A-B", channel));
            let symbol = streams[0].instrument.symbol().clone();
            let mut liveness = Liveness::new(streams.clone());
            let mut now_ns = 0;
            // What the exchange has, and what each stream has said of it.
            let mut exchange = Activity {
                trade_id: Some(first_id.into()),
                trade_price: None,
                best: Some(BestPrices::default()),
            };
            let mut book = exchange;
            let mut last_ns = [0; 3];
            let mut moved_ns = [None; 3];
            let mut is_stale = [false; 3];
            let connect = |liveness: &mut Liveness, now_ns| {
                liveness.begin_connection(now_ns);
                for channel in channels {
                    liveness.asked(&symbol, channel, now_ns);
                }
            };
            connect(&mut liveness, now_ns);
            for (seconds, happening) in happenings {
                let until_ns = now_ns + seconds * SECOND;
                // As a session does, in time.
                while let Some(next_ns) = liveness.next_look_ns().filter(|it| *it <= until_ns) {
                    now_ns = now_ns.max(next_ns);
                    for silent in liveness.look(now_ns) {
                        let index = silent.stream.channel as usize;
                        prop_assert_eq!(silent.since_ns, last_ns[index]);
                        prop_assert!(now_ns - last_ns[index] >= LEAST_SILENCE + GRACE);
                        prop_assert!(moved_ns[index].is_some_and(|at| at >= last_ns[index]));
                        prop_assert!(!std::mem::replace(&mut is_stale[index], true));
                    }
                }
                now_ns = until_ns;
                match happening {
                    Happening::Spoke(index) => {
                        book = if index == 2 { exchange } else { book };
                        let said = if index == 2 { Activity::default() } else { exchange };
                        let is_live = liveness.spoke(&symbol, channels[index], said, now_ns);
                        prop_assert_eq!(is_live, std::mem::take(&mut is_stale[index]));
                        (last_ns[index], moved_ns[index]) = (now_ns, None);
                    }
                    Happening::Moved(0) => {
                        exchange.trade_id = exchange.trade_id.map(|id| id + 1);
                        moved_ns[0] = Some(now_ns);
                    }
                    Happening::Moved(_) => {
                        exchange.best = Some(BestPrices {
                            bid: Some(now_ns.into()),
                            ask: None,
                        });
                        (moved_ns[1], moved_ns[2]) = (Some(now_ns), Some(now_ns));
                    }
                    Happening::Told if !liveness.suspected().is_empty() => {
                        let told = HashMap::from([(symbol.clone(), exchange)]);
                        let said = |stream: &Stream| {
                            (stream.channel == Channel::L2Book).then_some(book)
                        };
                        if liveness.compare(&told, said, now_ns) {
                            prop_assert!(is_stale.contains(&true));
                        }
                        prop_assert!(liveness.suspected().is_empty());
                    }
                    Happening::Told | Happening::Nothing => {}
                    Happening::Reconnected => {
                        connect(&mut liveness, now_ns);
                        book = exchange;
                        for index in 0..3 {
                            (last_ns[index], moved_ns[index]) = (now_ns, None);
                        }
                    }
                }
                prop_assert!(liveness.times.len() <= 3);
            }
        }
    }
}

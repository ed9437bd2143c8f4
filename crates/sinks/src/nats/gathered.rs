//! Trades that one collector has from a stream, as one, and another from the history, one by one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::Stream;
use feeds::{ExchangeName, TradeId};
use time::OffsetDateTime;

use super::reading::Problem;
use super::stored_ids::{StoredIds, read_ids};
use super::subject::{message_id, stored_trade};
use crate::record::{Identity, Record};

/// For how long what was read of a stream is believed.
const FRESH: Duration = Duration::from_millis(50);

/// For how long it is kept, so that only what is new is read the next time.
const KEPT: Duration = Duration::from_secs(60);

/// How long before a trade, by the exchange's clock, it may be stored by the server's.
const CLOCKS: Duration = Duration::from_secs(30);

//     the stream:     5 to 7         one message, whose id is that of 7, with a count of 3
//     the history:    5    6    7    three messages
/// What a stream has of the trades of exchanges that gather several as one. The server recognises what it has
/// by the id of the message, which is another one then.
///
/// It matters when two collectors store the same. That is possible for one whose lease is over, such as a
/// process that was stopped for longer, for one that has just got its shard, and for whoever fetches what it
/// misses. Nobody else is looked after, and nobody of an exchange of which no trade has come that stands for
/// several.
#[derive(Debug, Default)]
pub(super) struct Gathered(HashMap<ExchangeName, Seen>);

/// What was read of an exchange that gathers trades.
#[derive(Debug, Default)]
struct Seen {
    numbers: StoredIds,
    /// From when on, in nanoseconds since 1970, and when that was.
    read: Option<(i64, Instant)>,
    /// The number of the message to read on from.
    next: u64,
}

/// What is known of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not stored in another form.
    New,
    /// All of it is stored.
    Stored,
    /// A part of it is stored.
    Part,
    /// The stream is to be looked at first.
    Unknown,
}

impl Gathered {
    /// Takes note of the exchanges that gather trades.
    pub(super) fn note<'a>(&mut self, records: impl Iterator<Item = &'a Record>) {
        for record in records {
            if let Identity::Trade { count: 2.., .. } = record.identity
                && !self.0.contains_key(record.exchange.as_str())
            {
                self.0.insert(record.exchange.clone(), Seen::default());
            }
        }
    }

    /// What is known of `record` when it is stored now.
    pub(super) fn judge(&self, record: &Record, now: impl Fn() -> Instant) -> Verdict {
        if !self.is_in_doubt(record, &now) {
            return Verdict::New;
        }
        let Some(seen) = self.0.get(record.exchange.as_str()) else {
            return Verdict::Unknown;
        };
        let is_fresh = seen.read.is_some_and(|(since_ns, read_at)| {
            since_ns <= possible_since(record) && now().duration_since(read_at) < FRESH
        });
        if !is_fresh {
            return Verdict::Unknown;
        }
        seen.judge(&message_id(record))
    }

    /// Reads what is stored of what `records` tell and another may have stored.
    pub(super) async fn look<'a>(
        &mut self,
        stream: &Stream,
        records: impl Iterator<Item = &'a Record>,
    ) -> Result<(), Problem> {
        for (exchange, since_ns) in self.wanted(records, Instant::now()) {
            let seen = self.0.entry(exchange.clone()).or_default();
            seen.read(stream, &exchange, since_ns).await?;
        }
        Ok(())
    }

    /// Of which exchanges to read what is stored, and since when.
    fn wanted<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
        now: Instant,
    ) -> HashMap<ExchangeName, i64> {
        let mut wanted: HashMap<ExchangeName, i64> = HashMap::new();
        for record in records {
            if self.is_in_doubt(record, || now) {
                let since_ns = possible_since(record);
                let oldest = wanted.entry(record.exchange.clone()).or_insert(since_ns);
                *oldest = since_ns.min(*oldest);
            }
        }
        wanted
    }

    /// Whether a trade may be stored in another form.
    fn is_in_doubt(&self, record: &Record, now: impl Fn() -> Instant) -> bool {
        // As nearly always.
        if self.0.is_empty() {
            return false;
        }
        let Identity::Trade {
            id: TradeId::Number(_),
            count,
            is_fetched,
            ..
        } = record.identity
        else {
            return false;
        };
        let Some(claim) = &record.claim else {
            return false;
        };
        // Who has lost the shard may be storing just now what is fetched.
        let is_fetched = is_fetched && count <= 1;
        self.0.contains_key(record.exchange.as_str()) && (is_fetched || !claim.is_sure(now()))
    }
}

impl Seen {
    async fn read(
        &mut self,
        stream: &Stream,
        exchange: &ExchangeName,
        since_ns: i64,
    ) -> Result<(), Problem> {
        let (since_ns, deliver_policy) = self.begin(since_ns, Instant::now())?;
        read_ids(stream, exchange, deliver_policy, |number, id| {
            self.take(number + 1, id.unwrap_or_default());
        })
        .await?;
        self.read = Some((since_ns, Instant::now()));
        Ok(())
    }

    /// Since when everything is known after the next reading, and where that begins.
    fn begin(&mut self, since_ns: i64, now: Instant) -> Result<(i64, DeliverPolicy), Problem> {
        if let Some((known_since_ns, read_at)) = self.read
            && self.next > 0
            && known_since_ns <= since_ns
            && now.duration_since(read_at) < KEPT
        {
            let start_sequence = self.next;
            let policy = DeliverPolicy::ByStartSequence { start_sequence };
            return Ok((known_since_ns, policy));
        }
        *self = Self::default();
        let start_time = OffsetDateTime::from_unix_timestamp_nanos(since_ns.into())?;
        Ok((since_ns, DeliverPolicy::ByStartTime { start_time }))
    }

    fn judge(&self, message_id: &str) -> Verdict {
        let Some((symbol, ids)) = stored_trade(message_id) else {
            return Verdict::New;
        };
        match self.numbers.of(symbol) {
            Some(numbers) if numbers.contains(&ids) => Verdict::Stored,
            Some(numbers) if !numbers.common(&ids).is_empty() => Verdict::Part,
            _ => Verdict::New,
        }
    }

    /// Takes the id of a message, behind which `next` is.
    fn take(&mut self, next: u64, message_id: &str) {
        self.next = next;
        if let Some((symbol, ids)) = stored_trade(message_id) {
            self.numbers.insert(symbol, ids);
        }
    }
}

/// Since when a trade may be stored, by the server's clock: nanoseconds since 1970. It may have waited in a
/// socket before it was received.
fn possible_since(record: &Record) -> i64 {
    let happened_ns = match record.identity {
        Identity::Trade {
            time_ms: Some(time_ms),
            ..
        } => time_ms.saturating_mul(1_000_000),
        _ => i64::MAX,
    };
    let clocks_ns = i64::try_from(CLOCKS.as_nanos()).unwrap_or(i64::MAX);
    happened_ns
        .min(record.received_ns)
        .saturating_sub(clocks_ns)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use feeds::Symbol;

    use super::*;
    use crate::claim::Claim;
    use crate::fence::Fence;
    use crate::run::RunId;

    const TIME_MS: i64 = 1_723_161_255_342;

    fn record(claim: Option<Claim>, last: u64, count: u32, is_fetched: bool) -> Record {
        Record {
            run: RunId::named("r"),
            claim,
            sequence: 1,
            exchange: "okx".into(),
            connection: None,
            name: "trade",
            channel: None,
            symbol: Some(Symbol::parse("A.X-USDT").unwrap()),
            received_ns: (TIME_MS + 90_000) * 1_000_000,
            identity: Identity::Trade {
                id: TradeId::Number(last),
                count,
                is_fetched,
                time_ms: Some(TIME_MS),
            },
            line: bytes::Bytes::new(),
        }
    }

    fn claim(is_sure: bool) -> Option<Claim> {
        let fence = Fence::new("prod", 1, 7).unwrap();
        Some(Claim::new(fence, move |_| is_sure))
    }

    /// The stream has been read just now, and these trades are there.
    fn read(ids: impl IntoIterator<Item = (u64, u32)>, now: Instant) -> Gathered {
        let mut seen = Seen::default();
        for (next, (last, count)) in (1..).zip(ids) {
            seen.take(next, &format!("okx.trades.A%2EX-USDT.{last}.{count}.9"));
        }
        seen.take(1 << 20, "r.okx.1");
        seen.read = Some((i64::MIN, now));
        Gathered(HashMap::from([("okx".into(), seen)]))
    }

    #[test]
    fn what_is_stored_in_another_form_is_stored_once_and_nothing_is_lost() {
        let mut random = fastrand::Rng::with_seed(11);
        let now = Instant::now();
        for _ in 0..500 {
            let mut there = BTreeSet::new();
            let ids: Vec<_> = (0..random.u32(..12))
                .map(|_| {
                    let (last, count) = (random.u64(10..60), random.u32(1..5));
                    there.extend(last + 1 - u64::from(count)..=last);
                    (last, count)
                })
                .collect();
            let gathered = read(ids, now);
            let (last, count) = (random.u64(10..60), random.u32(1..8));
            let told = last + 1 - u64::from(count)..=last;
            let again = told.filter(|id| there.contains(id)).count();
            let expected = match again {
                0 => Verdict::New,
                again if again == count as usize => Verdict::Stored,
                _ => Verdict::Part,
            };
            let is_fetched = count == 1;
            let record = record(claim(false), last, count, is_fetched);
            assert_eq!(gathered.judge(&record, || now), expected, "{again} {count}");
        }
    }

    #[test]
    fn only_who_may_not_be_alone_looks_and_only_for_what_may_have_another_form() {
        let now = Instant::now();
        for (claim, count, is_fetched, expected) in [
            (claim(true), 3, false, Verdict::New),
            (claim(true), 1, false, Verdict::New),
            // Not in a fleet.
            (None, 3, false, Verdict::New),
            (claim(false), 3, false, Verdict::Stored),
            // A stream may begin with the last trade by itself.
            (claim(false), 1, false, Verdict::Stored),
            // Who has lost the shard may be storing it just now.
            (claim(true), 1, true, Verdict::Stored),
        ] {
            let gathered = read([(9, 5)], now);
            let case = format!("{claim:?} {count} {is_fetched}");
            let record = record(claim, 9, count, is_fetched);
            assert_eq!(gathered.judge(&record, || now), expected, "{case}");
        }
        let mut alone = Gathered::default();
        let fetched = record(claim(true), 9, 1, true);
        assert_eq!(alone.judge(&fetched, || now), Verdict::New);
        let late = record(claim(false), 9, 1, false);
        assert_eq!(alone.judge(&late, || now), Verdict::New);
        alone.note([&fetched, &late].into_iter());
        assert_eq!(alone.judge(&fetched, || now), Verdict::New);
        // The exchange is one that gathers trades.
        alone.note([&record(claim(true), 8, 2, false)].into_iter());
        assert_eq!(alone.judge(&fetched, || now), Verdict::Unknown);
        assert_eq!(alone.judge(&late, || now), Verdict::Unknown);
    }

    #[test]
    fn a_lease_that_is_over_while_the_trade_waits_is_over_when_it_is_stored() {
        let is_over = Arc::new(AtomicBool::new(false));
        let lease = Arc::clone(&is_over);
        let fence = Fence::new("prod", 1, 7).unwrap();
        let claim = Claim::new(fence, move |_| !lease.load(Ordering::Relaxed));
        let waiting = record(Some(claim), 9, 3, false);
        let (mut gathered, now) = (Gathered::default(), Instant::now());
        gathered.note([&waiting].into_iter());
        assert_eq!(gathered.judge(&waiting, || now), Verdict::New);
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(gathered.judge(&waiting, || now), Verdict::Unknown);
        // Since half a minute before it happened, not since it was received.
        let since_ns = (TIME_MS - 30_000) * 1_000_000;
        let wanted = HashMap::from([("okx".into(), since_ns)]);
        assert_eq!(gathered.wanted([&waiting].into_iter(), now), wanted);
    }

    #[test]
    fn what_was_read_is_believed_for_a_moment_and_read_on_from_for_a_minute() {
        let now = Instant::now();
        let mut gathered = read([(9, 5)], now);
        let told = record(claim(false), 9, 3, false);
        assert_eq!(gathered.judge(&told, || now), Verdict::Stored);
        assert_eq!(gathered.judge(&told, || now + FRESH), Verdict::Unknown);

        let seen = gathered.0.get_mut("okx").unwrap();
        let since_ns = possible_since(&told);
        let (since, policy) = seen.begin(since_ns, now + FRESH).unwrap();
        let on = DeliverPolicy::ByStartSequence {
            start_sequence: 1 << 20,
        };
        assert_eq!((since, policy), (i64::MIN, on));
        let (since, policy) = seen.begin(since_ns, now + KEPT).unwrap();
        assert!(matches!(policy, DeliverPolicy::ByStartTime { .. }));
        assert_eq!(
            (since, seen.judge("okx.trades.A%2EX-USDT.9.1")),
            (since_ns, Verdict::New)
        );

        // It is about what happened before that.
        seen.read = Some((since_ns + 1, now));
        seen.next = 5;
        let (_, policy) = seen.begin(since_ns, now).unwrap();
        assert!(matches!(policy, DeliverPolicy::ByStartTime { .. }));
    }
}

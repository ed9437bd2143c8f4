//! Trades that another collector may have stored long ago.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::Stream;
use feeds::ExchangeName;
use time::OffsetDateTime;

use super::reading::Problem;
use super::stored_ids::{StoredIds, read_ids};
use super::subject::{message_id, stored_trade};
use crate::record::{Identity, Record};

//     received          half of the window        the window
//     |-----------------|-------------------------|-------------->  published
//      the server knows it, if another has stored it                 the server has forgotten it
//                        it is looked for in the stream
/// What a stream has of the exchanges of which trades are late: the server recognises what it has already
/// for a while only.
#[derive(Debug)]
pub(super) struct Late {
    /// For how long the server recognises a message.
    window: Duration,
    stored: HashMap<ExchangeName, Stored>,
}

#[derive(Debug, Default)]
struct Stored {
    /// When it was read: nanoseconds since 1970.
    until_ns: i64,
    numbers: StoredIds,
    texts: HashSet<Box<str>>,
}

impl Late {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window,
            stored: HashMap::new(),
        }
    }

    /// Reads what is stored of the exchanges of late trades among `records`, which are in the order of their
    /// receipt. Forgets it when none is late any longer.
    pub(super) async fn look<'a>(
        &mut self,
        stream: &Stream,
        records: impl Iterator<Item = &'a Record>,
        now_ns: i64,
    ) -> Result<(), Problem> {
        let late = records.take_while(|record| self.is_late(record, now_ns));
        let mut oldest: HashMap<ExchangeName, i64> = HashMap::new();
        let mut is_any = false;
        for record in late {
            is_any = true;
            let is_trade = matches!(record.identity, Identity::Trade { .. });
            if is_trade && !self.has_read(record) {
                let since = oldest.entry(record.exchange.clone());
                since.or_insert(record.received_ns);
            }
        }
        if !is_any {
            self.stored.clear();
        }
        for (exchange, received_ns) in oldest {
            // Another collector may have received it before, and the server's clock may be another.
            let received = OffsetDateTime::from_unix_timestamp_nanos(received_ns.into())?;
            let start_time = received - self.window;
            let stored = self.stored.entry(exchange.clone()).or_default();
            let since = DeliverPolicy::ByStartTime { start_time };
            read_ids(stream, &exchange, since, |_, id| {
                if let Some(id) = id {
                    stored.insert(id);
                }
            })
            .await?;
            stored.until_ns = now_ns;
        }
        Ok(())
    }

    /// Whether it was late already when the stream was read, so that another has stored it before or never
    /// will.
    fn has_read(&self, record: &Record) -> bool {
        let stored = self.stored.get(record.exchange.as_str());
        stored.is_some_and(|stored| self.is_late(record, stored.until_ns))
    }

    /// Whether a late trade is stored.
    pub(super) fn has(&self, record: &Record) -> bool {
        let Identity::Trade { .. } = record.identity else {
            return false;
        };
        let stored = self.stored.get(record.exchange.as_str());
        stored.is_some_and(|stored| stored.has(&message_id(record)))
    }

    fn is_late(&self, record: &Record, now_ns: i64) -> bool {
        let age = now_ns.saturating_sub(record.received_ns);
        u64::try_from(age).is_ok_and(|ns| Duration::from_nanos(ns) > self.window / 2)
    }
}

impl Stored {
    fn insert(&mut self, message_id: &str) {
        match stored_trade(message_id) {
            Some((symbol, ids)) => self.numbers.insert(symbol, ids),
            None => {
                self.texts.insert(message_id.into());
            }
        }
    }

    fn has(&self, message_id: &str) -> bool {
        match stored_trade(message_id) {
            Some((symbol, ids)) => {
                let numbers = self.numbers.of(symbol);
                numbers.is_some_and(|it| it.contains(&ids))
            }
            None => self.texts.contains(message_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_is_there_if_all_of_it_is() {
        let mut stored = Stored::default();
        for id in [
            "okx.trades.BTC-USDT.5.1.1723161255342",
            "okx.trades.BTC-USDT.8.3.1723161255342",
            "okx.trades.ETH-USDT.x%20y.1",
        ] {
            stored.insert(id);
        }
        stored.insert("okx.trades.BTC-USDT.20.1");
        assert!(stored.has("okx.trades.BTC-USDT.20.1"));
        // The exchange's time may differ below what ids tell.
        for id in [
            "okx.trades.BTC-USDT.5.1",
            "okx.trades.BTC-USDT.7.2.1",
            "okx.trades.ETH-USDT.x%20y.1",
        ] {
            assert!(stored.has(id), "{id}");
        }
        for id in [
            "okx.trades.BTC-USDT.9.1.1723161255342",
            "okx.trades.BTC-USDT.9.2.1723161255342",
            "okx.trades.ETH-USDT.5.1.1723161255342",
            "okx.trades.ETH-USDT.x%20y.2",
        ] {
            assert!(!stored.has(id), "{id}");
        }
    }
}

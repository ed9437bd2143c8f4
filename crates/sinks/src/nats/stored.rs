//! The trades that are stored.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use feeds::{ExchangeName, FeedEvent, FeedEventKind, Symbol, Trade, TradeId};
use futures_util::{StreamExt, TryStreamExt, stream};
use time::OffsetDateTime;

use super::connection::PATIENCE;
use super::reading::{Problem, read};
use super::stream::NatsStream;
use super::subject::{gaps_of, trades_of};
use crate::ids::Ids;
use crate::sink::SinkError;

/// How many questions are on their way at once.
const AT_ONCE: usize = 64;

/// A trade that is stored longer than this after it was received was stored late.
const LATE: Duration = Duration::from_secs(5);

/// How long before one that was fetched or stored late a newer one is looked for.
const BEFORE: Duration = Duration::from_secs(600);

/// The trades that a stream has.
#[derive(Debug, Clone)]
pub struct StoredTrades {
    stream: Stream,
}

/// How far the trades of a symbol are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// The newest one.
    pub trade: Trade,
    /// The trade behind which some are missing that a collector has told of not long ago, and that nobody has
    /// stored since: it may have died before it had fetched them.
    pub before_missing: Option<Trade>,
}

impl StoredTrades {
    /// Those of `stream`, which is created if it is not there.
    ///
    /// # Errors
    /// [`SinkError`] if the server does not answer, or refuses it.
    pub async fn open(client: Client, stream: &NatsStream) -> Result<Self, SinkError> {
        let mut context = jetstream::new(client);
        context.set_timeout(PATIENCE);
        let stream = stream.ensure(&context).await?;
        Ok(Self { stream })
    }

    /// The newest trade that is stored of each of `symbols`, where there is one. 64 are asked for at once.
    ///
    /// It is that with the highest id, where ids are numbers: the last that was stored may have been fetched
    /// behind a newer one.
    ///
    /// # Errors
    /// [`SinkError`] if the server does not answer, or what is stored is no trade.
    pub async fn newest(
        &self,
        exchange: &ExchangeName,
        symbols: impl IntoIterator<Item = Symbol>,
    ) -> Result<HashMap<Symbol, Newest>, SinkError> {
        let questions = symbols.into_iter().map(|symbol| async move {
            let found = self.newest_of(exchange, &symbol).await;
            let newest = found.map_err(|error| {
                let doing = format!("find what is stored of {exchange} {symbol}");
                SinkError::new(doing, error)
            })?;
            Ok(newest.map(|newest| (symbol, newest)))
        });
        let answers = stream::iter(questions).buffer_unordered(AT_ONCE);
        let found = answers.try_filter_map(|answer| async { Ok(answer) });
        found.try_collect().await
    }

    async fn newest_of(
        &self,
        exchange: &ExchangeName,
        symbol: &Symbol,
    ) -> Result<Option<Newest>, Problem> {
        let subject = trades_of(exchange, symbol);
        let Some(message) = self.last(&subject).await? else {
            return Ok(None);
        };
        let gaps = gaps_of(exchange, symbol);
        let (trade, before_missing) = tokio::try_join!(
            self.highest(&subject, &message),
            self.before_missing(&gaps, &subject, message.time)
        )?;
        Ok(Some(Newest {
            trade,
            before_missing,
        }))
    }

    async fn last(&self, subject: &str) -> Result<Option<StreamMessage>, Problem> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            found => Ok(Some(found?)),
        }
    }

    /// The trade with the highest id, of which `message` is the last.
    async fn highest(&self, subject: &str, message: &StreamMessage) -> Result<Trade, Problem> {
        let (received_ns, last) = trade(&message.payload)?;
        let after = message.time.unix_timestamp_nanos() - i128::from(received_ns);
        let after = Duration::from_nanos(u64::try_from(after).unwrap_or(0));
        if !last.backfilled && after < LATE {
            return Ok(last);
        }
        let mut newest = last;
        let config = since(subject, message.time - after - BEFORE);
        read(&self.stream, config, |message| {
            let (_, trade) = trade(&message.payload)?;
            if number(&trade) > number(&newest) {
                newest = trade;
            }
            Ok(())
        })
        .await?;
        Ok(newest)
    }

    /// The trade before the first that was told to be missing and is so still. Whoever fetches what is behind it
    /// stores again what is there, so it is only looked for as long as the server recognises that.
    async fn before_missing(
        &self,
        gaps: &str,
        trades: &str,
        last_at: OffsetDateTime,
    ) -> Result<Option<Trade>, Problem> {
        let window = self.stream.cached_info().config.duplicate_window;
        let told_since = OffsetDateTime::now_utc().max(last_at) - window / 2;
        match self.last(gaps).await? {
            Some(gap) if told_since <= gap.time => {}
            _ => return Ok(None),
        }
        let mut missing = Ids::default();
        read(&self.stream, since(gaps, told_since), |message| {
            let event: FeedEvent = serde_json::from_slice(&message.payload)?;
            if let FeedEventKind::TradeGap { from, to, .. } = event.kind
                && from <= to
            {
                missing.insert(from..=to);
            }
            Ok(())
        })
        .await?;
        let told = missing.ranges().map(|range| (range, None));
        let mut told: Vec<(RangeInclusive<u64>, Option<Trade>)> = told.collect();
        read(
            &self.stream,
            since(trades, told_since - BEFORE),
            |message| {
                let (_, trade) = trade(&message.payload)?;
                let Some(last) = number(&trade) else {
                    return Ok(());
                };
                for (range, before) in &mut told {
                    let known = before.as_ref().and_then(number);
                    if last < *range.start() && known < Some(last) {
                        *before = Some(trade.clone());
                    }
                }
                let more = u64::from(trade.count.saturating_sub(1));
                missing.remove(last.saturating_sub(more)..=last);
                Ok(())
            },
        )
        .await?;
        let mut told = told.into_iter();
        let first = told.find(|(range, _)| !missing.common(range).is_empty());
        Ok(first.and_then(|(_, before)| before))
    }
}

/// The messages of `subject` that were stored since `start_time`.
fn since(subject: &str, start_time: OffsetDateTime) -> OrderedConfig {
    OrderedConfig {
        filter_subject: subject.to_owned(),
        deliver_policy: DeliverPolicy::ByStartTime { start_time },
        ..OrderedConfig::default()
    }
}

/// When a trade was received, and the trade.
fn trade(line: &[u8]) -> Result<(i64, Trade), Problem> {
    let event: FeedEvent = serde_json::from_slice(line)?;
    match event.kind {
        FeedEventKind::Trade(trade) => Ok((event.received_ns, trade)),
        other => Err(format!("expected a trade, not {}", other.name()).into()),
    }
}

fn number(trade: &Trade) -> Option<u64> {
    match trade.id {
        Some(TradeId::Number(id)) => Some(id),
        _ => None,
    }
}

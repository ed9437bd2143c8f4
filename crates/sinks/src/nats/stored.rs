//! The trades that are stored.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use feeds::{ExchangeName, FeedEvent, FeedEventKind, Symbol, Trade, TradeId};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::connection::PATIENCE;
use super::reading::{Problem, read};
use super::stream::NatsStream;
use super::subject::trades_of;
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
    ) -> Result<HashMap<Symbol, Trade>, SinkError> {
        let questions = symbols.into_iter().map(|symbol| async move {
            let subject = trades_of(exchange, &symbol);
            let found = self.newest_of(&subject).await;
            let newest = found.map_err(|error| {
                SinkError::new(format!("find the last message of {subject}"), error)
            })?;
            Ok(newest.map(|trade| (symbol, trade)))
        });
        let answers = stream::iter(questions).buffer_unordered(AT_ONCE);
        let found = answers.try_filter_map(|answer| async { Ok(answer) });
        found.try_collect().await
    }

    async fn newest_of(&self, subject: &str) -> Result<Option<Trade>, Problem> {
        let found = self.stream.get_last_raw_message_by_subject(subject).await;
        let message = match found {
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(None);
            }
            found => found?,
        };
        let (received_ns, last) = trade(&message.payload)?;
        let after = message.time.unix_timestamp_nanos() - i128::from(received_ns);
        let after = Duration::from_nanos(u64::try_from(after).unwrap_or(0));
        if !last.backfilled && after < LATE {
            return Ok(Some(last));
        }
        let config = OrderedConfig {
            filter_subject: subject.to_owned(),
            deliver_policy: DeliverPolicy::ByStartTime {
                start_time: message.time - after - BEFORE,
            },
            ..OrderedConfig::default()
        };
        let mut newest = last;
        read(&self.stream, config, |message| {
            let (_, trade) = trade(&message.payload)?;
            if number(&trade) > number(&newest) {
                newest = trade;
            }
            Ok(())
        })
        .await?;
        Ok(Some(newest))
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

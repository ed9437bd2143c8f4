//! Which trades of an exchange a stream has, by the ids of its messages.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use async_nats::header::{HeaderValue, NATS_MESSAGE_ID};
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use feeds::ExchangeName;

use super::reading::{Problem, read};
use super::subject::all_trades_of;
use crate::ids::Ids;

/// The trades whose ids are numbers, by the symbol as it is in the [ids of messages](super::subject::message_id).
#[derive(Debug, Default)]
pub(super) struct StoredIds(HashMap<Box<str>, Ids>);

impl StoredIds {
    pub(super) fn insert(&mut self, symbol: &str, ids: RangeInclusive<u64>) {
        if let Some(stored) = self.0.get_mut(symbol) {
            stored.insert(ids);
        } else {
            self.0.entry(symbol.into()).or_default().insert(ids);
        }
    }

    pub(super) fn of(&self, symbol: &str) -> Option<&Ids> {
        self.0.get(symbol)
    }
}

/// Reads the messages about trades of `exchange` that `deliver_policy` chooses. `take` has the number of each in the
/// stream, and its id, if it has one.
pub(super) async fn read_ids(
    stream: &Stream,
    exchange: &ExchangeName,
    deliver_policy: DeliverPolicy,
    mut take: impl FnMut(u64, Option<&str>),
) -> Result<(), Problem> {
    let config = OrderedConfig {
        filter_subject: all_trades_of(exchange),
        deliver_policy,
        headers_only: true,
        ..OrderedConfig::default()
    };
    read(stream, config, |message| {
        let number = message.info()?.stream_sequence;
        let headers = message.headers.as_ref();
        let id = headers.and_then(|it| it.get(NATS_MESSAGE_ID));
        take(number, id.map(HeaderValue::as_str));
        Ok(())
    })
    .await
}

//! What Kraken is told over the WebSocket.

use crate::channel::Channel;
use serde_json::{Map, Value, json};
use transport::Message;

use super::{KrakenDepth, LIMITS};
use crate::exchange::batch::batches;
use crate::exchange::message::Stream;
use crate::exchange::{RequestIds, StreamRequest};

/// What to do with streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Subscribe,
    Unsubscribe,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// Requests about `streams`: each is about one channel, which a refusal does not name.
pub(super) fn of(
    method: Method,
    depth: KrakenDepth,
    streams: &[Stream],
    ids: &mut RequestIds,
) -> Vec<StreamRequest> {
    let mut requests = Vec::new();
    for channel in Channel::ALL {
        let of_channel = streams.iter().filter(|stream| stream.channel == channel);
        let of_channel: Vec<Stream> = of_channel.cloned().collect();
        // A message may have any length.
        for streams in batches(&of_channel, &LIMITS, |_| 0) {
            let id = ids.next_id();
            let params = params(method, depth, channel, streams);
            let request = json!({"method": method.as_str(), "params": params, "req_id": id});
            requests.push(StreamRequest {
                id: Some(id),
                message: Message::text(request.to_string()),
                streams: streams.to_vec(),
            });
        }
    }
    requests
}

//     {"method":"subscribe","req_id":1,
//      "params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":1000,"snapshot":true}}
//     {"method":"unsubscribe","req_id":2,
//      "params":{"channel":"book","symbol":["BTC/USD"],"depth":1000}}
//
// What is unsubscribed from is named by the same parameters, apart from the snapshot.
fn params(
    method: Method,
    depth: KrakenDepth,
    channel: Channel,
    streams: &[Stream],
) -> Map<String, Value> {
    let symbols = streams
        .iter()
        .map(|stream| stream.instrument.exchange_symbol());
    let mut params = Map::new();
    let mut set = |name: &str, value: Value| params.insert(name.to_owned(), value);
    set("channel", name(channel).into());
    set("symbol", symbols.collect());
    let snapshot = match channel {
        // The last 50 trades, which are not news; those in a hole are asked for by REST.
        Channel::Trades => false,
        Channel::Ticker => {
            // Kraken's default is `trades`: bid and ask would be those of the last trade.
            set("event_trigger", "bbo".into());
            true
        }
        Channel::L2Book => {
            set("depth", depth.levels().into());
            true
        }
    };
    if method == Method::Subscribe {
        set("snapshot", snapshot.into());
    }
    params
}

fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Trades => "trade",
        Channel::Ticker => "ticker",
        Channel::L2Book => "book",
    }
}

/// The channel that Kraken calls `name`.
pub(super) fn channel(name: &str) -> Option<Channel> {
    Channel::ALL
        .into_iter()
        .find(|channel| self::name(*channel) == name)
}

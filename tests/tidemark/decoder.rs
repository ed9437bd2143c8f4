//! What Tidemark says on a connection.

use std::collections::HashMap;

use feeds::codec::{Clock, Exact, MILLIS, Text, levels, parse};
use feeds::exchange::{BookChange, BookContent, Ids, Refusal, Reply, Time, Trade};
use feeds::{
    Decoder, ExchangeMessage, Frame, Instruments, Level, Malformed, Side, Symbol, TradeId,
};
use serde::Deserialize;

/// Reads the messages of one connection: what the numbers of streams mean, and how many messages
/// there were, is known on that connection alone.
#[derive(Debug, Default)]
pub(super) struct TidemarkDecoder {
    /// Whose a stream is, by its number.
    streams: HashMap<u32, Symbol>,
    /// The number of the last message with data.
    last: u64,
}

impl Decoder for TidemarkDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        instruments: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        let text = frame.text()?;
        let said: Said<'_> = parse(text)?;
        match (said.n, said.id) {
            (Some(n), _) => {
                // What is missing may have been of any stream.
                if n != self.last + 1 {
                    messages.push(ExchangeMessage::Missed);
                }
                self.last = n;
                messages.push(self.data(said)?);
            }
            (None, Some(id)) => messages.push(self.reply(id, said, instruments)?),
            (None, None) => return Err(Malformed::new("neither data nor a reply")),
        }
        Ok(())
    }
}

impl TidemarkDecoder {
    fn reply(
        &mut self,
        id: u64,
        said: Said<'_>,
        instruments: &Instruments,
    ) -> Result<ExchangeMessage, Malformed> {
        let reply = Reply {
            request: Some(id),
            ..Reply::default()
        };
        if let Some(error) = said.error {
            return Ok(ExchangeMessage::Refused(Refusal {
                reply,
                code: None,
                message: error.0.into_owned(),
            }));
        }
        match (said.shut, said.stream) {
            (Some(shut), _) => {
                self.streams.remove(&shut);
            }
            (None, Some(stream)) => {
                let symbol = said.code.and_then(|code| instruments.symbol_of(&code));
                let symbol = symbol.ok_or_else(|| Malformed::new("a stream of nothing known"))?;
                self.streams.insert(stream, symbol.clone());
            }
            (None, None) => return Err(Malformed::new("a reply without what it is about")),
        }
        Ok(ExchangeMessage::Acknowledged(reply))
    }

    fn data(&self, said: Said<'_>) -> Result<ExchangeMessage, Malformed> {
        let stream = said.stream.unwrap_or_default();
        let Some(symbol) = self.streams.get(&stream).cloned() else {
            return Ok(ExchangeMessage::Unknown {
                kind: format!("stream {stream}"),
            });
        };
        match said {
            Said {
                book: Some(book), ..
            } => Ok(book.message(symbol, BookContent::Snapshot)),
            Said {
                change: Some(change),
                ..
            } => Ok(change.message(symbol, BookContent::Change)),
            Said {
                deal: Some(deal), ..
            } => Ok(deal.message(symbol)),
            _ => Err(Malformed::new("data of no kind")),
        }
    }
}

//     {"id":1,"stream":7,"code":"btcusd"}
//     {"id":2,"shut":7}
//     {"id":3,"error":"no product xyzusd"}
//     {"n":1,"stream":7,"book":{"bids":[["61837.5","1.2"]],"asks":[["61838.0","0.4"]]}}
//     {"n":2,"stream":7,"change":{"bids":[["61837.5","0"]],"asks":[]}}
//     {"n":3,"stream":8,"deal":{"id":"x8f2","side":"buy","price":"61838.0","size":"0.1","at":1790000000000}}
/// A message, told apart by its keys.
#[derive(Deserialize)]
struct Said<'a> {
    id: Option<u64>,
    shut: Option<u32>,
    #[serde(borrow)]
    error: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
    n: Option<u64>,
    stream: Option<u32>,
    book: Option<Book>,
    change: Option<Book>,
    #[serde(borrow)]
    deal: Option<Deal<'a>>,
}

#[derive(Deserialize)]
struct Book {
    #[serde(deserialize_with = "levels::<0, _>")]
    bids: Vec<Level>,
    #[serde(deserialize_with = "levels::<0, _>")]
    asks: Vec<Level>,
}

impl Book {
    fn message(self, symbol: Symbol, content: BookContent) -> ExchangeMessage {
        ExchangeMessage::Book(BookChange {
            symbol,
            content,
            ids: Ids::default(),
            checksum: None,
            bids: self.bids,
            asks: self.asks,
            time: Time::Absent,
        })
    }
}

#[derive(Deserialize)]
struct Deal<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    /// That of the taker.
    side: Side,
    price: Exact,
    size: Exact,
    at: Clock<MILLIS>,
}

impl Deal<'_> {
    fn message(self, symbol: Symbol) -> ExchangeMessage {
        ExchangeMessage::Trade(Trade {
            symbol,
            id: Some(TradeId::Text((*self.id).into())),
            count: 1,
            side: self.side,
            price: self.price.0,
            amount: self.size.0,
            time: self.at.0,
            is_history: false,
        })
    }
}

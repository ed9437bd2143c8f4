//! The messages of OKX's WebSocket.

use std::time::Duration;

use crate::Malformed;
use crate::instruments::Instruments;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::channel;
use super::rows::{BestRow, BookRow, TickerRow, TradeRow};
use crate::exchange::wire::{Text, each, integer, parse};
use crate::exchange::{BookContent, Decoder, ExchangeMessage, Frame, Refusal, Reply};

/// How long OKX documents that a connection lives after the notice.
const NOTICE: Duration = Duration::from_secs(60);

/// Reads the messages of one connection to OKX.
#[derive(Debug, Default)]
pub(super) struct OkxDecoder;

impl Decoder for OkxDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        instruments: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        //     {"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{...},{...}]}
        //     {"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"..."}
        //     {"event":"error","code":"60018","msg":"...","connId":"...","id":"ob1"}
        //     pong
        let text = frame.text()?;
        if text == "pong" {
            messages.push(ExchangeMessage::Alive);
            return Ok(());
        }
        let before = messages.len();
        // Of anything else, nobody would look at the entries, which may be no JSON at all.
        let is_wanted = |data: &Data<'_>| {
            channel(data.channel).is_some() && instruments.symbol_of(data.inst_id).is_some()
        };
        let usual = Data::as_okx_writes(text).filter(is_wanted);
        if usual.is_some_and(|data| data.read(instruments, messages).is_ok()) {
            return Ok(());
        }
        messages.truncate(before);
        let Envelope {
            event,
            arg,
            action,
            data,
        } = parse(text)?;
        if let Some(event) = event {
            messages.push(control(&event, text, instruments)?);
            return Ok(());
        }
        let Some(Arg { channel, inst_id }) = arg else {
            messages.push(unknown("no event and no arg"));
            return Ok(());
        };
        let Some(inst_id) = inst_id else {
            messages.push(unknown(&channel));
            return Ok(());
        };
        Data {
            channel: &channel,
            inst_id: &inst_id,
            action: action.as_deref(),
            entries: data.ok_or_else(|| Malformed::new("no data"))?.get(),
        }
        .read(instruments, messages)
    }
}

/// A message with data of an instrument.
struct Data<'a> {
    channel: &'a str,
    inst_id: &'a str,
    action: Option<&'a str>,
    /// A list, as JSON.
    entries: &'a str,
}

impl<'a> Data<'a> {
    /// Cuts the envelope off, as OKX writes it. What is cut off need not be looked at twice: serde
    /// would go over `data` once to find its end, and once to read it. Where this goes wrong, what is
    /// taken for the entries cannot be read, and the general reader follows.
    fn as_okx_writes(text: &'a str) -> Option<Self> {
        //     {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{...}]}
        //                                                                             |<--->|
        let (channel, rest) = text
            .strip_prefix(r#"{"arg":{"channel":""#)?
            .split_once(r#"","instId":""#)?;
        let (inst_id, rest) = rest.split_once(r#""},""#)?;
        let (action, rest) = match rest.strip_prefix(r#"action":""#) {
            Some(rest) => {
                let (action, rest) = rest.split_once(r#"",""#)?;
                (Some(action), rest)
            }
            None => (None, rest),
        };
        let entries = rest.strip_prefix(r#"data":"#)?.strip_suffix('}')?;
        // With an escape in it, a name would be another than its letters say.
        let is_verbatim = |text: &str| {
            !text
                .bytes()
                .any(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
        };
        let names = [channel, inst_id, action.unwrap_or_default()];
        names.into_iter().all(is_verbatim).then_some(Self {
            channel,
            inst_id,
            action,
            entries,
        })
    }

    fn read(
        &self,
        instruments: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        if channel(self.channel).is_none() {
            messages.push(unknown(self.channel));
            return Ok(());
        }
        // Entries of `books` and `bbo-tbt` do not say what they are about.
        let Some(symbol) = instruments.symbol_of(self.inst_id) else {
            let kind = format!("{} of {}", self.channel, self.inst_id);
            messages.push(ExchangeMessage::Unknown { kind });
            return Ok(());
        };
        match self.channel {
            "trades" => each(self.entries, |row: TradeRow<'_>| {
                messages.push(ExchangeMessage::Trade(row.trade(symbol.clone())?));
                Ok(())
            }),
            "tickers" => each(self.entries, |row: TickerRow<'_>| {
                messages.push(ExchangeMessage::Ticker(row.ticker(symbol.clone())));
                Ok(())
            }),
            "bbo-tbt" => each(self.entries, |row: BestRow<'_>| {
                messages.push(ExchangeMessage::Ticker(row.ticker(symbol.clone())));
                Ok(())
            }),
            _ => {
                let content = match self.action {
                    Some("snapshot") => BookContent::Snapshot,
                    Some("update") => BookContent::Change,
                    other => return Err(Malformed::new(format!("action {other:?}"))),
                };
                let mut take = |row: BookRow<'_>| {
                    let change = row.change(symbol.clone(), content);
                    messages.push(ExchangeMessage::Book(change));
                    Ok(())
                };
                let only = self
                    .entries
                    .strip_prefix('[')
                    .and_then(|it| it.strip_suffix(']'));
                match only.and_then(BookRow::as_okx_writes) {
                    Some(row) => take(row),
                    None => each(self.entries, take),
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    arg: Option<Arg<'a>>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arg<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow)]
    inst_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Control<'a> {
    #[serde(borrow)]
    arg: Option<Arg<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
}

fn control(
    event: &str,
    text: &str,
    instruments: &Instruments,
) -> Result<ExchangeMessage, Malformed> {
    //     {"id":"1512","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"..."}
    //     {"event":"error","msg":"Subscribe failed, ...","code":"60018","connId":"...","id":"ob1"}
    //     {"event":"notice","msg":"The connection will soon be closed ...","code":"64008","connId":"..."}
    let Control { arg, id, code, msg } = parse(text)?;
    let symbol = arg.as_ref().and_then(|arg| arg.inst_id.as_deref());
    let reply = Reply {
        // Ours are numbers.
        request: id.as_deref().and_then(integer),
        symbol: symbol.and_then(|symbol| instruments.symbol_of(symbol).cloned()),
        channel: arg.as_ref().and_then(|arg| channel(&arg.channel)),
    };
    let message = msg.as_deref().unwrap_or_default().to_owned();
    Ok(match (event, code.as_deref()) {
        ("subscribe" | "unsubscribe", _) => ExchangeMessage::Acknowledged(reply),
        ("error", code) => ExchangeMessage::Refused(Refusal {
            reply,
            code: code.map(str::to_owned),
            message,
        }),
        ("notice", Some("64008")) => ExchangeMessage::ShutdownAnnounced {
            within: Some(NOTICE),
        },
        ("notice", _) => ExchangeMessage::Notice { text: message },
        (other, _) => unknown(other),
    })
}

fn unknown(kind: &str) -> ExchangeMessage {
    ExchangeMessage::Unknown {
        kind: kind.to_owned(),
    }
}

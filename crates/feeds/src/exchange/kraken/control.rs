//! What Kraken says about the connection: its replies, and the state of the exchange.

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use super::requests;
use crate::exchange::Malformed;
use crate::exchange::message::{ExchangeMessage, Refusal, Reply};
use crate::exchange::wire::{Text, parse};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

//     {"version":"2.0.10","system":"online","api_version":"v2","connection_id":...,
//      "upcoming_maintenance":[{"phase":"announced","recommended_action":"continue",
//                               "expected_start_utc":"2026-10-01T07:01:00.000000Z",
//                               "time_to_start_s":105976,
//                               "title":"Kraken Website and API Maintenance",...}],
//      "emergency":[]}
//
// The first message of each connection, and another one whenever something changes. The lists were
// not there in 2024.
#[derive(Deserialize)]
pub(super) struct Status<'a> {
    #[serde(borrow)]
    system: Text<'a>,
    #[serde(borrow, default)]
    upcoming_maintenance: Vec<Maintenance<'a>>,
    // No emergency has been recorded.
    #[serde(borrow)]
    emergency: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Maintenance<'a> {
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    phase: Option<Text<'a>>,
    #[serde(borrow)]
    expected_start_utc: Option<Text<'a>>,
    #[serde(borrow)]
    recommended_action: Option<Text<'a>>,
    time_to_start_s: Option<Number>,
}

impl Maintenance<'_> {
    fn ends_connections(&self) -> bool {
        self.recommended_action
            .as_ref()
            .is_some_and(|action| &**action == "disconnect_and_wait")
    }

    fn within(&self) -> Option<Duration> {
        let seconds = self.time_to_start_s.as_ref()?.as_f64()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Status<'_> {
    //     status                                    the first         a later one
    //     online                                    Alive             Notice
    //     another system, maintenance, emergency    Notice            Notice
    //     disconnect_and_wait                       Notice            ShutdownAnnounced
    //
    // A connection that is opened during the last minute before a maintenance announces nothing by
    // its first status. The next one would do the same, and 150 of them are a ban.
    pub(super) fn message(&self, is_first: bool) -> ExchangeMessage {
        let mut maintenances = self.upcoming_maintenance.iter();
        if !is_first && let Some(end) = maintenances.find(|it| it.ends_connections()) {
            return ExchangeMessage::ShutdownAnnounced {
                within: end.within(),
            };
        }
        let emergency = self.emergency.map(RawValue::get);
        let emergency = emergency.filter(|list| !matches!(*list, "[]" | "null"));
        let is_calm = &*self.system == "online" && self.upcoming_maintenance.is_empty();
        if is_first && is_calm && emergency.is_none() {
            return ExchangeMessage::Alive;
        }
        let mut text = format!("system {}", &*self.system);
        for maintenance in &self.upcoming_maintenance {
            let said = [
                &maintenance.title,
                &maintenance.phase,
                &maintenance.expected_start_utc,
            ];
            for said in said.into_iter().flatten() {
                text.push_str("; ");
                text.push_str(said);
            }
        }
        if let Some(emergency) = emergency {
            let _ = write!(text, "; emergency {emergency}");
        }
        ExchangeMessage::Notice { text }
    }
}

//     {"method":"subscribe","req_id":1,"result":{"channel":"book","depth":10,"snapshot":true,
//      "symbol":"BTC/USD"},"success":true,"time_in":"2026-05-14T15:06:07.846137Z","time_out":...}
//     {"error":"Subscription depth not supported","method":"subscribe","success":false,...}
//     {"method":"pong","req_id":1,"time_in":...,"time_out":...}
//
//     {"error":"Already subscribed","method":"subscribe","success":false,"symbol":"BTC/USD",...}
//
// A refusal names the symbol, if it can, and never the channel. `req_id` is that of the request.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    method: Option<Text<'a>>,
    success: Option<bool>,
    req_id: Option<u64>,
    #[serde(borrow)]
    symbol: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Subscribed<'a>>,
    #[serde(borrow)]
    error: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Subscribed<'a> {
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    symbol: Option<Text<'a>>,
    #[serde(borrow, default)]
    warnings: Vec<Text<'a>>,
}

/// Appends what a reply says.
pub(super) fn reply(
    text: &str,
    instruments: &Instruments,
    messages: &mut Vec<ExchangeMessage>,
) -> Result<(), Malformed> {
    let answer: Answer<'_> = parse(text)?;
    let Some(method) = answer.method.as_deref() else {
        messages.push(unknown("no channel and no method"));
        return Ok(());
    };
    let message = match (method, answer.success) {
        ("pong", None | Some(true)) => ExchangeMessage::Alive,
        (_, Some(true)) => answer.acknowledged(method, instruments),
        _ => answer.refused(method, instruments),
    };
    messages.push(message);
    let warnings = answer.result.iter().flat_map(|result| &result.warnings);
    messages.extend(warnings.map(|warning| ExchangeMessage::Notice {
        text: warning.to_string(),
    }));
    Ok(())
}

impl Answer<'_> {
    fn acknowledged(&self, method: &str, instruments: &Instruments) -> ExchangeMessage {
        let result = self.result.as_ref();
        let channel = result.and_then(|result| result.channel.as_deref());
        let symbol = result.and_then(|result| result.symbol.as_deref());
        // What it names and nobody asked for must not count for the whole request.
        let known_channel = channel.map(requests::channel);
        let known_symbol = symbol.map(|symbol| instruments.symbol_of(symbol));
        match (known_channel, known_symbol) {
            (Some(None), _) => unknown(&format!("{method} {}", channel.unwrap_or_default())),
            (_, Some(None)) => unlisted(method, symbol.unwrap_or_default()),
            (channel, symbol) => ExchangeMessage::Acknowledged(Reply {
                request: self.req_id,
                symbol: symbol.flatten().cloned(),
                channel: channel.flatten(),
            }),
        }
    }

    fn refused(&self, method: &str, instruments: &Instruments) -> ExchangeMessage {
        let Some(error) = self.error.as_deref() else {
            return unknown(method);
        };
        let symbol = self.symbol.as_deref();
        let listed: Option<&Symbol> = symbol.and_then(|symbol| instruments.symbol_of(symbol));
        let is_about_another = symbol.is_some() && listed.is_none();
        let reply = Reply {
            // Without a symbol it would be about all of the request.
            request: self.req_id.filter(|_| !is_about_another),
            symbol: listed.cloned(),
            channel: None,
        };
        // What was asked for is so. To ask again would be answered in the same way for ever.
        if error == ALREADY {
            return ExchangeMessage::Acknowledged(reply);
        }
        ExchangeMessage::Refused(Refusal {
            reply,
            code: None,
            message: error.to_owned(),
        })
    }
}

/// The refusal of a subscription that there is already, as after a reply that was lost.
const ALREADY: &str = "Already subscribed";

pub(super) fn unknown(kind: &str) -> ExchangeMessage {
    ExchangeMessage::Unknown {
        kind: kind.to_owned(),
    }
}

pub(super) fn unlisted(kind: &str, exchange_symbol: &str) -> ExchangeMessage {
    ExchangeMessage::Unknown {
        kind: format!("{kind} of {exchange_symbol}"),
    }
}

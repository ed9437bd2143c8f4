//! What a client says on OKX's WebSocket, and what is wrong with it.

use serde_json::Value;

/// The channels of `/ws/v5/public` that the mock has, in the order in which they speak of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Trades,
    Best,
    Book,
    Ticker,
}

impl Channel {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Best => "bbo-tbt",
            Self::Book => "books",
            Self::Ticker => "tickers",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Trades, Self::Best, Self::Book, Self::Ticker]
            .into_iter()
            .find(|channel| channel.name() == name)
    }
}

/// What to do with the arguments of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Subscribe,
    Unsubscribe,
}

impl Op {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: Option<String>,
    pub(super) op: Op,
    pub(super) args: Vec<Value>,
}

//     {"id":"1512","op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}
impl Request {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let invalid = |id| Failure::new(60012, format!("Invalid request: {text}"), id);
        let request: Value = serde_json::from_str(text).map_err(|_| invalid(None))?;
        let id = match request.get("id") {
            None => None,
            Some(Value::String(id)) if is_id(id) => Some(id.clone()),
            // The text is assumed.
            Some(_) => return Err(Failure::new(60033, "Invalid id".to_owned(), None)),
        };
        let op = match request.get("op").and_then(Value::as_str) {
            Some("subscribe") => Op::Subscribe,
            Some("unsubscribe") => Op::Unsubscribe,
            _ => return Err(invalid(id)),
        };
        match request.get("args").and_then(Value::as_array) {
            Some(args) if !args.is_empty() => Ok(Self {
                args: args.clone(),
                id,
                op,
            }),
            _ => Err(invalid(id)),
        }
    }
}

fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The channel and the instrument of an argument, as far as they can be had without a login.
pub(super) fn parse_arg<'a>(
    arg: &'a Value,
    op: Op,
    id: Option<&str>,
) -> Result<(Channel, &'a str), Failure> {
    let id = id.map(str::to_owned);
    let text = |key| arg.get(key).and_then(Value::as_str).unwrap_or_default();
    let (channel, instrument) = (text("channel"), text("instId"));
    if matches!(channel, "books-l2-tbt" | "books50-l2-tbt") {
        return Err(Failure::new(60011, "Please log in".to_owned(), id));
    }
    match Channel::parse(channel) {
        Some(channel) => Ok((channel, instrument)),
        None => Err(no_such_stream(op, channel, instrument, id.as_deref())),
    }
}

pub(super) fn no_such_stream(op: Op, channel: &str, symbol: &str, id: Option<&str>) -> Failure {
    let failed = match op {
        Op::Subscribe => "Subscribe failed",
        Op::Unsubscribe => "Unsubscribe failed",
    };
    let message = format!(
        "{failed}, wrong URL or channel:{channel},instId:{symbol} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
    );
    Failure::new(60018, message, id.map(str::to_owned))
}

/// An error: it says neither which argument it is about nor, without an id, which request.
#[derive(Debug)]
pub(super) struct Failure {
    code: u16,
    message: String,
    id: Option<String>,
}

impl Failure {
    pub(super) fn new(code: u16, message: String, id: Option<String>) -> Self {
        Self { code, message, id }
    }

    //     {"event":"error","msg":"Subscribe failed, wrong URL or channel:books,instId:NOPE-USDT
    //      doesn't exist. ...","code":"60018","connId":"5e1f2fe5","id":"ob1"}
    pub(super) fn text(&self, connection: &str) -> String {
        let message = Value::from(&*self.message);
        let id = of_request(self.id.as_deref());
        let code = self.code;
        format!(
            r#"{{"event":"error","msg":{message},"code":"{code}","connId":"{connection}"{id}}}"#
        )
    }
}

/// The id of a request as the last key of a reply, or nothing.
pub(super) fn of_request(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(r#","id":"{id}""#))
}

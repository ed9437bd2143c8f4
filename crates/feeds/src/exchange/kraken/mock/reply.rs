//! Replies of Kraken's WebSocket.

use serde_json::{Map, Value, json};
use testkit::mock::{Frame, now};

use super::form;

/// The replies to one request.
pub(super) struct Reply<'a> {
    pub(super) method: &'a str,
    id: Option<&'a Value>,
    /// Microseconds since 1970.
    received: u64,
}

impl<'a> Reply<'a> {
    /// Replies to a request that has just come, with the id that it has.
    pub(super) fn to(method: &'a str, id: Option<&'a Value>) -> Self {
        Self {
            method,
            id,
            received: now(),
        }
    }

    //     {"method":"subscribe","req_id":1,"result":{...},"success":true,"time_in":...}
    pub(super) fn acknowledge(&self, result: &Map<String, Value>) -> Frame {
        self.say(json!({"method": self.method, "result": result, "success": true}))
    }

    //     {"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,
    //      "symbol":"XBT/USD","time_in":...}
    pub(super) fn refuse(&self, error: &str, symbol: Option<&str>) -> Frame {
        let mut refusal = json!({"error": error, "method": self.method, "success": false});
        if let (Some(symbol), Some(keys)) = (symbol, refusal.as_object_mut()) {
            keys.insert("symbol".to_owned(), symbol.into());
        }
        self.say(refusal)
    }

    pub(super) fn pong(&self) -> Frame {
        self.say(json!({"method": "pong"}))
    }

    fn say(&self, mut reply: Value) -> Frame {
        if let Some(keys) = reply.as_object_mut() {
            // It is there only if the request had one.
            if let Some(id) = self.id {
                keys.insert("req_id".to_owned(), id.clone());
            }
            keys.insert("time_in".to_owned(), form::time(self.received).into());
            keys.insert("time_out".to_owned(), form::time(now()).into());
        }
        Frame::control(reply.to_string())
    }
}

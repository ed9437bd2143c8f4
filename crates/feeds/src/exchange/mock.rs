//! What the mocks of the exchanges share.

use serde_json::Value;
use testkit::mock::{Conduct, Frame};

use super::limits::Limits;

impl Limits {
    /// How a mock of the exchange enforces them, as far as `testkit` does. A mock takes away what is
    /// not documented but a choice of the codec.
    #[must_use]
    pub fn conduct(&self) -> Conduct {
        Conduct {
            rollover: self.rollover,
            messages: self.messages,
            message_size: self.request,
            url: self.url,
            dials: self.dials,
            ..Conduct::default()
        }
    }
}

//     {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate",...}}
//     {"data":{...,"e":"depth",...},"stream":"depth.SOL_USDC"}
/// A recorded message in the envelope that Binance and Backpack have in common; `changes` is the type
/// of those that change a book.
pub(super) fn enveloped(text: String, changes: &str) -> Frame {
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let text_at = |pointer| json.pointer(pointer).and_then(Value::as_str);
    Frame {
        stream: text_at("/stream").map(str::to_owned),
        is_depth: text_at("/data/e") == Some(changes),
        text,
    }
}

//! The cheapest request that an exchange answers.

use bytes::Bytes;
use feeds::{Exchange, RequestIds};
use http::Request;
use proxy_config::Transport;
use transport::WsRequest;

#[derive(Debug, Clone)]
pub(super) enum Question {
    Rest(Request<Bytes>),
    Stream(WsRequest),
}

impl Question {
    /// The cheapest request to `exchange`; `None` if its address is not a valid URI.
    pub(super) fn of(exchange: &dyn Exchange, transport: Transport) -> Option<Self> {
        match transport {
            Transport::Http => exchange.ping_request().ok().map(Self::Rest),
            Transport::WebSocket => {
                let idle = exchange.plan(&[], &mut RequestIds::default()).ok()?;
                Some(Self::Stream(idle.socket))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use feeds::{Backpack, Binance};

    use super::*;

    fn uris(exchange: &dyn Exchange) -> [String; 2] {
        Transport::ALL.map(
            |transport| match Question::of(exchange, transport).unwrap() {
                Question::Rest(request) => request.uri().to_string(),
                Question::Stream(request) => {
                    assert!(request.first_messages.is_empty());
                    request.uri().to_string()
                }
            },
        )
    }

    #[test]
    fn a_ping_and_a_stream_without_subscriptions_are_asked_for() {
        assert_eq!(
            uris(&Binance::default()),
            [
                "https://api.binance.com/api/v3/ping",
                "wss://stream.binance.com:9443/stream"
            ]
        );
        assert_eq!(
            uris(&Backpack::default()),
            [
                "https://api.backpack.exchange/api/v1/ping",
                "wss://ws.backpack.exchange/"
            ]
        );
    }

    #[test]
    fn the_path_of_a_mirror_is_kept() {
        let mirror = Binance::new("https://h/binance/", "wss://h/binance").unwrap();
        assert_eq!(
            uris(&mirror),
            ["https://h/binance/api/v3/ping", "wss://h/binance/stream"]
        );
    }
}

//! An exchange with a protocol of its own, as a program outside would write one.

use http::{StatusCode, Uri};
use testkit::mock::{
    Answer, Conduct, ExchangeProtocol, Frame, Instrument, RestRequest, Source, StreamProtocol,
    Update,
};
use testkit::{MockExchange, MockExchangeBuilder};

/// An exchange whose WebSocket at `/ticks` tells which ids each change of the book has, `7-9`, once
/// the client has said anything. It is without pings and limits.
pub(crate) fn exchange() -> MockExchangeBuilder {
    exchange_with(Conduct::default())
}

pub(crate) fn exchange_with(conduct: Conduct) -> MockExchangeBuilder {
    MockExchange::builder(Ticks(conduct))
}

#[derive(Debug)]
struct Ticks(Conduct);

#[derive(Debug, Default)]
struct Connection {
    is_subscribed: bool,
    /// Whether the end of the connection is announced: with the query `announced`.
    is_announced: bool,
}

impl ExchangeProtocol for Ticks {
    fn instruments(&self) -> Vec<Instrument> {
        vec![Instrument::spot(
            "AB".to_owned(),
            ["A", "B"],
            [2, 3],
            10_000,
            50,
        )]
    }

    fn conduct(&self) -> Conduct {
        self.0
    }

    fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        match uri.path() {
            "/ticks" => Ok(Box::new(Connection {
                is_announced: uri.query() == Some("announced"),
                ..Connection::default()
            })),
            _ => Err(Answer::not_found()),
        }
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        match source.market.snapshot(request.path.trim_start_matches('/')) {
            Some(snapshot) => Answer::new(StatusCode::OK, "text/plain", snapshot.id.to_string()),
            None => Answer::not_found(),
        }
    }

    fn recorded(&self, text: String) -> Frame {
        let stream = text.split_once(' ').map(|(stream, _)| stream.to_owned());
        Frame {
            text,
            stream,
            is_depth: false,
        }
    }
}

impl StreamProtocol for Connection {
    fn receive(&mut self, text: &str, _: Source<'_>) -> Vec<Frame> {
        self.is_subscribed = true;
        vec![Frame::control(format!("heard {text}"))]
    }

    fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let delta = update.delta();
        let frame = || Frame {
            text: format!("{}-{}", delta.first_id, delta.last_id),
            stream: Some("ticks".to_owned()),
            is_depth: true,
        };
        self.is_subscribed.then(frame).into_iter().collect()
    }

    fn shutdown_notice(&self) -> Option<String> {
        self.is_announced.then(|| "going away".to_owned())
    }

    fn is_subscribed(&self, stream: Option<&str>) -> bool {
        self.is_subscribed && stream.is_none_or(|stream| stream == "ticks")
    }
}

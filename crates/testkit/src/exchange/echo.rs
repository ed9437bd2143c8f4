//! An exchange without a market.

use http::{Method, StatusCode, Uri};

use super::frame::Frame;
use super::protocol::{ExchangeProtocol, Source, StreamProtocol};
use super::rest_message::{Answer, RestRequest};

/// Says back what it is told.
#[derive(Debug)]
pub(super) struct Echo;

impl ExchangeProtocol for Echo {
    fn open(&self, _: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        Ok(Box::new(Self))
    }

    fn answer(&self, request: &RestRequest, _: Source<'_>) -> Answer {
        match (&request.method, request.path.as_str()) {
            (&Method::GET, "/ping") => Answer::new(StatusCode::OK, "text/plain", "pong"),
            _ => Answer::not_found(),
        }
    }
}

impl StreamProtocol for Echo {
    fn receive(&mut self, text: &str, _: Source<'_>) -> Vec<Frame> {
        vec![Frame::control(text.to_owned())]
    }
}

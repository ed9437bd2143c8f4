//! Nothing is recorded.

use crate::event::FeedEvent;
use crate::exchange::ExchangeMessage;

#[derive(Debug, Default)]
pub(crate) struct Observer;

impl Observer {
    #[expect(clippy::unused_self, reason = "the observer that records needs it")]
    pub(crate) fn observe(&mut self, _: &[FeedEvent], _: impl FnOnce() -> usize) {}
}

#[derive(Debug)]
pub(crate) struct Traffic;

#[expect(clippy::unused_self, reason = "the traffic that is recorded needs it")]
impl Traffic {
    pub(crate) fn new(_: &'static str) -> Self {
        Self
    }

    pub(crate) fn note(&mut self, _: usize, _: &[ExchangeMessage]) {}

    pub(crate) fn flush(&mut self) {}
}

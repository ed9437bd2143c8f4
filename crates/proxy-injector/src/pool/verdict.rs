//! What a check has found.

use std::time::Duration;

use proxy_config::ExchangeId;
use transport::Endpoint;

use super::record::Ban;

/// What a check has found about an exit.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It works, and reaches this target if there was one.
    Passed(Option<Endpoint>),
    /// It is at fault.
    Failed,
    /// It does not reach this target.
    Missed(Endpoint),
    /// It works, and the exchange does not want its address; for so long, if it says so.
    Banned(ExchangeId, Ban, Option<Duration>),
}

impl Verdict {
    /// What an answer of `exchange` with `status` says about the exit's address, if it does.
    pub(crate) fn of_answer(
        exchange: ExchangeId,
        status: u16,
        wait: Option<Duration>,
    ) -> Option<Self> {
        Ban::of(status).map(|ban| Self::Banned(exchange, ban, wait))
    }
}

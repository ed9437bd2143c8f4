//! A failed dial, as it is remembered.

use proxy_config::{ExchangeId, Transport};
use tokio::time::Instant;
use transport::{DialError, DialErrorKind, Phase, chain};

/// The most characters of a message that are kept.
const LONGEST: usize = 512;

/// The last failure of an exit.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) transport: Transport,
    pub(crate) phase: Phase,
    pub(crate) kind: DialErrorKind,
    pub(crate) message: String,
    pub(crate) is_check: bool,
    pub(crate) at: Instant,
}

impl Failure {
    pub(crate) fn new(
        error: &DialError,
        exchange: Option<&ExchangeId>,
        transport: Transport,
        is_check: bool,
    ) -> Self {
        Self {
            exchange: exchange.cloned(),
            transport,
            phase: error.phase(),
            kind: error.kind(),
            message: chain(error).to_string().chars().take(LONGEST).collect(),
            is_check,
            at: Instant::now(),
        }
    }
}

/// `kind` as one word, for programs.
pub(crate) fn word(kind: DialErrorKind) -> &'static str {
    match kind {
        DialErrorKind::Timeout => "timeout",
        DialErrorKind::NameResolution => "name_resolution",
        DialErrorKind::Refused => "refused",
        DialErrorKind::Unreachable => "unreachable",
        DialErrorKind::Closed => "closed",
        DialErrorKind::Authentication => "authentication",
        DialErrorKind::Rejected => "rejected",
        DialErrorKind::Protocol => "protocol",
        DialErrorKind::WrongProtocol => "wrong_protocol",
        DialErrorKind::Certificate => "certificate",
        DialErrorKind::Tls => "tls",
        DialErrorKind::Unsupported => "unsupported",
        DialErrorKind::NoRoute => "no_route",
        DialErrorKind::NoProxy => "no_proxy",
        DialErrorKind::RouteChanged => "route_changed",
        DialErrorKind::OverBudget => "over_budget",
        DialErrorKind::Banned => "banned",
        DialErrorKind::Local => "local",
        DialErrorKind::Io => "io",
        _ => "other",
    }
}

//! A status for tests.

use crate::model::{
    ChannelView, ConnectionView, ExchangeView, OutageView, Output, ProxyFailure, ProxyView,
    Readiness, RouteView, State, Status, SymbolView,
};

/// The second at which [`status`] is taken.
pub(crate) const NOW_S: i64 = 1000;

pub(crate) fn ns(at_s: i64) -> i64 {
    at_s * 1_000_000_000
}

/// One exchange, whose symbols all are in order.
pub(crate) fn status(symbols: &[&str]) -> Status {
    let symbols: Vec<_> = symbols.iter().map(|name| symbol(name)).collect();
    Status {
        v: Status::VERSION,
        program: "test 1.0.0".to_owned(),
        taken_ns: ns(NOW_S),
        started_ns: 0,
        readiness: Readiness::default(),
        output: Output::default(),
        fleet: None,
        exchanges: vec![ExchangeView {
            exchange: "binance".to_owned(),
            is_listed: true,
            last_event_ns: Some(ns(NOW_S)),
            events_per_second: 12.5,
            connections: vec![ConnectionView {
                number: 1,
                opened_ns: ns(10),
                proxies: vec!["proxy.example:1080".to_owned()],
                symbols: symbols.len(),
                group: 1,
                events: 12_375,
                events_per_second: 12.5,
            }],
            outages: vec![],
            symbols,
            unmatched: vec![],
        }],
        routes: vec![RouteView {
            exchange: Some("binance".to_owned()),
            transport: "websocket".to_owned(),
            route: "socks5h://***@proxy.example:1080".to_owned(),
            source: "exchange".to_owned(),
            set_by: None,
        }],
        proxies: vec![],
        budgets: vec![],
        lists: vec![],
        events: vec![],
    }
}

fn symbol(name: &str) -> SymbolView {
    let channel = |channel: &str| ChannelView {
        channel: channel.to_owned(),
        state: State::Live,
        since_ns: None,
        reason: None,
        last_event_ns: Some(ns(NOW_S)),
        events: 0,
        gaps: 0,
    };
    SymbolView {
        symbol: name.to_owned(),
        state: State::Live,
        connection: Some(1),
        group: Some(1),
        nearest: vec![],
        channels: ["trades", "ticker", "l2_book"].map(channel).to_vec(),
    }
}

/// Turns a channel of a symbol, by their places.
pub(crate) fn turn(status: &mut Status, symbol: usize, channel: usize, state: State, since_s: i64) {
    let symbol = &mut status.exchanges[0].symbols[symbol];
    symbol.state = state;
    symbol.channels[channel].state = state;
    symbol.channels[channel].since_ns = Some(ns(since_s));
}

/// The exchange has lost its connection.
pub(crate) fn cut(status: &mut Status, since_s: i64) {
    let exchange = &mut status.exchanges[0];
    let connections = std::mem::take(&mut exchange.connections);
    exchange.outages = vec![OutageView {
        group: Some(1),
        symbols: exchange.symbols.len(),
        since_ns: ns(since_s),
        attempt: 3,
        reason: "the proxy refused".to_owned(),
        proxies: connections[0].proxies.clone(),
    }];
}

/// A proxy through which a dial to the exchange has failed.
pub(crate) fn failed(name: &str, at_s: i64) -> ProxyView {
    ProxyView {
        name: name.to_owned(),
        pool: None,
        breaker: None,
        opens_until_ns: None,
        is_enabled: true,
        leases: None,
        connections: 0,
        succeeded: 0,
        failed: 1,
        latency: None,
        egress: None,
        egress_source: None,
        last_failure: Some(ProxyFailure {
            at_ns: ns(at_s),
            exchange: Some("binance".to_owned()),
            transport: "websocket".to_owned(),
            phase: "proxy handshake".to_owned(),
            kind: "auth".to_owned(),
            message: "407".to_owned(),
        }),
        marks: vec![],
    }
}

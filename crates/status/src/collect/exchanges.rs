//! What a feed knows.

use std::collections::HashMap;

use feeds::{BookStatus, Channel, ChannelStatus, FeedStatus, OutageStatus, SymbolStatus};

use crate::model::{ChannelView, ConnectionView, ExchangeView, OutageView, State, SymbolView};
use crate::notable::word;

/// The view of a feed. Rates are not in it.
pub(crate) fn exchange(status: FeedStatus) -> ExchangeView {
    let outages = status.outages.iter();
    let outages: HashMap<_, _> = outages.map(|it| (it.group, it)).collect();
    let symbols = status.symbols.iter();
    let symbols: Vec<_> = symbols
        .map(|it| symbol(it, it.group.and_then(|_| outages.get(&it.group).copied())))
        .collect();
    let channels = symbols.iter().flat_map(|it| &it.channels);
    let last_event_ns = channels.filter_map(|it| it.last_event_ns).max();
    let connections = status.connections.into_iter().map(|it| ConnectionView {
        number: it.number,
        opened_ns: it.opened_ns,
        proxies: it.proxies,
        symbols: it.symbols,
        group: it.group,
        events: it.events,
        events_per_second: 0.0,
    });
    let outages = status.outages.iter().map(|it| OutageView {
        group: it.group,
        symbols: it.symbols,
        since_ns: it.since_ns,
        attempt: it.attempt,
        reason: it.reason.clone(),
        proxies: it.proxies.clone(),
    });
    ExchangeView {
        exchange: status.exchange.to_string(),
        is_listed: status.is_listed,
        last_event_ns,
        events_per_second: 0.0,
        connections: connections.collect(),
        outages: outages.collect(),
        symbols,
        unmatched: status.unmatched.iter().map(ToString::to_string).collect(),
    }
}

fn symbol(status: &SymbolStatus, outage: Option<&OutageStatus>) -> SymbolView {
    let channels = status.channels.iter();
    let channels: Vec<_> = channels.map(|it| channel(it, status, outage)).collect();
    let state = match status.is_trading {
        true => channels.iter().map(|it| it.state).max(),
        false => Some(State::NotTrading),
    };
    SymbolView {
        symbol: status.symbol.to_string(),
        state: state.unwrap_or(State::Joining),
        connection: status.connection,
        group: status.group,
        nearest: status.nearest.iter().map(ToString::to_string).collect(),
        channels,
    }
}

fn channel(
    status: &ChannelStatus,
    symbol: &SymbolStatus,
    outage: Option<&OutageStatus>,
) -> ChannelView {
    let book = symbol
        .book
        .as_ref()
        .filter(|_| status.channel == Channel::L2Book);
    let (state, since_ns) = match (outage, status.stale_since_ns, book) {
        (Some(outage), ..) => (State::Unconnected, Some(outage.since_ns)),
        (None, Some(since_ns), _) => (State::Stale, Some(since_ns)),
        (None, None, Some(book)) => (of_book(book), symbol.book_since_ns),
        (None, None, None) if status.last_event_ns.is_some() => (State::Live, None),
        (None, None, None) => (State::Joining, None),
    };
    let reason = match book {
        Some(BookStatus::Invalid(reason)) => Some(word(reason)),
        _ => None,
    };
    ChannelView {
        channel: status.channel.to_string(),
        state,
        since_ns,
        reason,
        last_event_ns: status.last_event_ns,
        events: status.events,
        gaps: status.gaps,
    }
}

fn of_book(book: &BookStatus) -> State {
    match book {
        BookStatus::Live => State::Live,
        BookStatus::Joining => State::Joining,
        // Any other state is none in which it is true.
        _ => State::Invalid,
    }
}

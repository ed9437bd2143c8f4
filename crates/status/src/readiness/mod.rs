//! The judgement whether data flows.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{
    ConnectionView, Culprit, ExchangeView, Fault, OutageView, ProxyView, Readiness, RouteView,
    State, Status, SymbolView,
};

/// How many culprits are named.
const NAMED: usize = 100;

/// Whether data flows in `status` for every exchange, where nothing has been wrong for longer than `patience`.
//
//     what is wrong                                          it counts
//     no exchange is known yet                               at once
//     no data of an exchange has come yet                    at once
//     none has come, symbols have no connection,
//     a book is not true, a stream is stale                  after `patience`
//     a symbol is not trading                                never: it is the exchange's to say
pub(crate) fn judge(status: &Status, patience: Duration) -> Readiness {
    let patience = i64::try_from(patience.as_nanos()).unwrap_or(i64::MAX);
    let before_ns = status.taken_ns.saturating_sub(patience);
    let culprits: Vec<_> = status
        .exchanges
        .iter()
        .flat_map(|exchange| Judge::of(exchange, status, before_ns).culprits())
        .collect();
    let more = culprits.len().saturating_sub(NAMED);
    Readiness {
        is_ready: culprits.is_empty() && !status.exchanges.is_empty(),
        more,
        culprits: culprits.into_iter().take(NAMED).collect(),
    }
}

struct Judge<'a> {
    exchange: &'a ExchangeView,
    routes: &'a [RouteView],
    proxies: &'a [ProxyView],
    connections: HashMap<u64, &'a ConnectionView>,
    outages: HashMap<Option<u64>, &'a OutageView>,
    /// What has been wrong since before this is a fault.
    before_ns: i64,
}

impl<'a> Judge<'a> {
    fn of(exchange: &'a ExchangeView, status: &'a Status, before_ns: i64) -> Self {
        let connections = exchange.connections.iter();
        let outages = exchange.outages.iter();
        Self {
            exchange,
            routes: &status.routes,
            proxies: &status.proxies,
            connections: connections.map(|it| (it.number, it)).collect(),
            outages: outages.map(|it| (it.group, it)).collect(),
            before_ns,
        }
    }

    fn culprits(&self) -> Vec<Culprit> {
        let mut culprits: Vec<_> = self.silence().into_iter().collect();
        let outages = self.exchange.outages.iter();
        let lasting = outages.filter(|it| it.since_ns < self.before_ns);
        culprits.extend(lasting.map(|outage| Culprit {
            proxy: self.behind(Some(outage)),
            since_ns: Some(outage.since_ns),
            cause: Some(outage.reason.clone()),
            ..self.culprit(Fault::NoConnection)
        }));
        let symbols = self.exchange.symbols.iter();
        culprits.extend(symbols.flat_map(|symbol| self.of_symbol(symbol)));
        culprits
    }

    /// That nothing comes from the exchange.
    fn silence(&self) -> Option<Culprit> {
        let last_ns = self.exchange.last_event_ns;
        if last_ns.is_some_and(|last_ns| last_ns >= self.before_ns) {
            return None;
        }
        let outage = self.exchange.outages.first();
        let connection = self.exchange.connections.first();
        Some(Culprit {
            proxy: connection
                .map(way)
                .filter(|_| outage.is_none())
                .or_else(|| self.behind(outage)),
            since_ns: last_ns,
            cause: outage.map(|it| it.reason.clone()),
            ..self.culprit(Fault::NoData)
        })
    }

    fn of_symbol(&self, symbol: &SymbolView) -> Vec<Culprit> {
        let outage = self.outages.get(&symbol.group).copied();
        let connection = symbol
            .connection
            .and_then(|it| self.connections.get(&it).copied());
        let channels = symbol.channels.iter().filter_map(|channel| {
            let fault = match channel.state {
                State::Stale => Fault::StaleStream,
                State::Invalid | State::Joining if channel.channel == "l2_book" => {
                    Fault::InvalidBook
                }
                _ => return None,
            };
            channel.since_ns.filter(|it| *it < self.before_ns)?;
            Some(Culprit {
                symbol: Some(symbol.symbol.clone()),
                channel: Some(channel.channel.clone()),
                proxy: connection.map(way).or_else(|| self.behind(outage)),
                since_ns: channel.since_ns,
                cause: outage
                    .map(|it| it.reason.clone())
                    .or_else(|| channel.reason.clone()),
                ..self.culprit(fault)
            })
        });
        channels.collect()
    }

    fn culprit(&self, fault: Fault) -> Culprit {
        Culprit {
            fault,
            exchange: self.exchange.exchange.clone(),
            symbol: None,
            channel: None,
            proxy: None,
            since_ns: None,
            cause: None,
        }
    }

    /// What is behind `outage`: the proxy through which a connection to the exchange failed last, else that
    /// which the last open connection passed, else the route.
    fn behind(&self, outage: Option<&OutageView>) -> Option<String> {
        let exchange = Some(self.exchange.exchange.as_str());
        let failed = self.proxies.iter().filter_map(|proxy| {
            let failure = proxy.last_failure.as_ref()?;
            let is_it = failure.exchange.as_deref() == exchange
                && outage.is_none_or(|it| failure.at_ns >= it.since_ns);
            is_it.then_some((failure.at_ns, &proxy.name))
        });
        let last = outage.and_then(|it| it.proxies.last().cloned());
        let route = || {
            let mut routes = self.routes.iter();
            let of_streams =
                |it: &&RouteView| it.exchange.as_deref() == exchange && it.transport == "websocket";
            Some(routes.find(of_streams)?.route.clone())
        };
        failed
            .max()
            .map(|(_, name)| name.clone())
            .or(last)
            .or_else(route)
    }
}

/// The last proxy of a connection.
fn way(connection: &ConnectionView) -> String {
    let last = connection.proxies.last().cloned();
    last.unwrap_or_else(|| "direct".to_owned())
}

#[cfg(test)]
mod tests;

//! The judgement whether data flows.

mod lasting;

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use self::lasting::Lasting;
use self::lasting::{Episode, Look};
use crate::model::{
    ConnectionView, Culprit, ExchangeView, Fault, OutageView, ProxyView, Readiness, RouteView,
    State, Status, SymbolView,
};

/// How many culprits are named.
const NAMED: usize = 100;

/// How long before an outage a dial may have failed that began it, and that is told a little later.
const JUST_BEFORE_NS: i64 = 1_000_000_000;

/// Whether data flows in `status`, which was taken at `now`, for every exchange, where nothing has been wrong for
/// longer than `patience`, as far as `lasting` knows.
//
//     what is wrong                                          it counts
//     no exchange is known yet, or no fleet is joined yet    at once
//     no data of an exchange has come yet                    at once, until all is in order for the first time;
//                                                            of one that is new by a reload, after `patience`
//     none has come, symbols have no connection,
//     a book is not true, a stream is stale                  after `patience`
//     a symbol is not trading                                never: it is the exchange's to say
//     other collectors of the fleet have all symbols         never
pub(crate) fn judge(
    status: &Status,
    lasting: &mut Lasting,
    now: Instant,
    patience: Duration,
) -> Readiness {
    let mut look = lasting.look(now, status.taken_ns);
    let mut culprits = Vec::new();
    for exchange in &status.exchanges {
        culprits.extend(Judge::of(exchange, status, patience).culprits(&mut look));
    }
    blame_reader(status, &mut culprits);
    let has_joined = status.fleet.is_none_or(|fleet| fleet.has_joined());
    let is_ready = culprits.is_empty() && !status.exchanges.is_empty() && has_joined;
    look.end(is_ready);
    let more = culprits.len().saturating_sub(NAMED);
    culprits.truncate(NAMED);
    Readiness {
        is_ready,
        more,
        culprits,
    }
}

/// Where nothing comes from any exchange while events wait to be read, it is not the way that the data takes.
fn blame_reader(status: &Status, culprits: &mut [Culprit]) {
    let waiting = status.output.waiting;
    let silent = || culprits.iter().filter(|it| it.fault == Fault::NoData);
    if waiting == 0 || silent().count() < status.exchanges.len() {
        return;
    }
    for culprit in culprits {
        if culprit.fault == Fault::NoData {
            culprit.proxy = None;
            culprit.cause = Some(format!("the output is not read: {waiting} events wait"));
        }
    }
}

struct Judge<'a> {
    exchange: &'a ExchangeView,
    routes: &'a [RouteView],
    proxies: &'a [ProxyView],
    connections: HashMap<u64, &'a ConnectionView>,
    outages: HashMap<Option<u64>, &'a OutageView>,
    /// What has been wrong for longer than this is a fault.
    patience: Duration,
    /// Others stream symbols, too.
    is_in_fleet: bool,
}

impl<'a> Judge<'a> {
    fn of(exchange: &'a ExchangeView, status: &'a Status, patience: Duration) -> Self {
        let connections = exchange.connections.iter();
        let outages = exchange.outages.iter();
        Self {
            exchange,
            routes: &status.routes,
            proxies: &status.proxies,
            connections: connections.map(|it| (it.number, it)).collect(),
            outages: outages.map(|it| (it.group, it)).collect(),
            patience,
            is_in_fleet: status.fleet.is_some(),
        }
    }

    fn culprits(&self, look: &mut Look<'_>) -> Vec<Culprit> {
        let mut culprits: Vec<_> = self.silence(look).into_iter().collect();
        let outages = self.exchange.outages.iter();
        let lasting = outages.filter_map(|outage| {
            let culprit = Culprit {
                since_ns: Some(outage.since_ns),
                cause: Some(outage.reason.clone()),
                ..self.culprit(Fault::NoConnection)
            };
            self.lasts(&culprit, look).then(|| Culprit {
                proxy: self.behind(Some(outage)),
                ..culprit
            })
        });
        culprits.extend(lasting);
        for symbol in &self.exchange.symbols {
            culprits.extend(self.of_symbol(symbol, look));
        }
        culprits
    }

    /// That nothing comes from the exchange.
    fn silence(&self, look: &mut Look<'_>) -> Option<Culprit> {
        if self.is_in_fleet && self.exchange.is_listed && self.exchange.symbols.is_empty() {
            return None;
        }
        let last_ns = self.exchange.last_event_ns;
        let culprit = Culprit {
            since_ns: last_ns,
            ..self.culprit(Fault::NoData)
        };
        let lasts = self.lasts(&culprit, look);
        let is_starting = last_ns.is_none() && !look.was_ready();
        if !lasts && !is_starting {
            return None;
        }
        if self.has_nothing_to_stream() {
            let cause = Some("nothing of what is wanted is trading".to_owned());
            return Some(Culprit { cause, ..culprit });
        }
        let outage = self.exchange.outages.first();
        let connection = self.exchange.connections.first();
        Some(Culprit {
            proxy: connection
                .map(way)
                .filter(|_| outage.is_none())
                .or_else(|| self.behind(outage)),
            cause: outage.map(|it| it.reason.clone()),
            ..culprit
        })
    }

    /// Whether the exchange lists nothing that is wanted as trading: no way of data is to blame.
    fn has_nothing_to_stream(&self) -> bool {
        let mut symbols = self.exchange.symbols.iter();
        self.exchange.is_listed && symbols.all(|it| it.state == State::NotTrading)
    }

    fn of_symbol(&self, symbol: &SymbolView, look: &mut Look<'_>) -> Vec<Culprit> {
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
            let since_ns = channel.since_ns?;
            let culprit = Culprit {
                symbol: Some(symbol.symbol.clone()),
                channel: Some(channel.channel.clone()),
                since_ns: Some(since_ns),
                ..self.culprit(fault)
            };
            // A stream is told to be stale only when it has been silent for long.
            let was_silent = fault == Fault::StaleStream && look.wall_age(since_ns) > self.patience;
            (self.lasts(&culprit, look) || was_silent).then(|| Culprit {
                proxy: connection.map(way).or_else(|| self.behind(outage)),
                cause: outage
                    .map(|it| it.reason.clone())
                    .or_else(|| channel.reason.clone()),
                ..culprit
            })
        });
        channels.collect()
    }

    /// Whether it is a fault by now.
    fn lasts(&self, culprit: &Culprit, look: &mut Look<'_>) -> bool {
        let age = look.age(Episode {
            exchange: culprit.exchange.clone(),
            fault: culprit.fault,
            symbol: culprit.symbol.clone(),
            channel: culprit.channel.clone(),
            since_ns: culprit.since_ns,
        });
        age > self.patience
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
                && outage
                    .is_none_or(|it| failure.at_ns >= it.since_ns.saturating_sub(JUST_BEFORE_NS));
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

/// The judgement of a program of the sample that nobody has asked since it began.
#[cfg(test)]
pub(crate) fn judged(status: &Status) -> Readiness {
    let start = Instant::now();
    let age = u64::try_from(status.taken_ns - status.started_ns).unwrap_or_default();
    let now = start + Duration::from_nanos(age);
    judge(status, &mut Lasting::new(start), now, crate::PATIENCE)
}

#[cfg(test)]
mod tests;

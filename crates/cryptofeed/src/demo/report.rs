//! The result of the demo, from the exchanges' own records.

use std::collections::BTreeSet;
use std::net::IpAddr;

use comfy_table::Table;
use proxy_config::{ProxyUrl, Transport};
use serde::Serialize;
use testkit::{ExchangeConnection, ExchangeTransport};

use super::set::DemoRoute;
use crate::failure::Failure;
use crate::table;
use crate::tally::Tallies;

/// A row per exchange and transport, and the problems.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    routes: Vec<Row>,
    messages: u64,
    direct_connections: usize,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    exchange: &'static str,
    transport: &'static str,
    /// Displayed and serialised without credentials.
    proxy: ProxyUrl,
    messages: u64,
    egress: BTreeSet<IpAddr>,
    direct_connections: usize,
    #[serde(skip)]
    expected_egress: IpAddr,
}

impl Report {
    pub(super) fn new(planned: &[DemoRoute], tallies: &Tallies) -> Self {
        // The exchanges know best: a connection from any other address did not come through a
        // proxy, whatever the injector says.
        let proxies: BTreeSet<_> = planned.iter().map(|route| route.proxy.egress).collect();
        let routes: Vec<_> = planned
            .iter()
            .map(|route| Row::new(route, &proxies))
            .collect();
        let mut problems: Vec<_> = routes.iter().filter_map(Row::problem).collect();
        problems.extend(feed_problems(planned, tallies));
        Self {
            messages: routes.iter().map(|row| row.messages).sum(),
            direct_connections: routes.iter().map(|row| row.direct_connections).sum(),
            routes,
            problems,
        }
    }

    pub(super) fn table(&self) -> Table {
        let header = [
            "exchange",
            "transport",
            "proxy",
            "messages",
            "egress",
            "direct",
        ];
        let total = [
            "all".to_owned(),
            String::new(),
            String::new(),
            self.messages.to_string(),
            String::new(),
            self.direct_connections.to_string(),
        ];
        table::of(header, self.routes.iter().map(Row::cells).chain([total]))
    }

    /// # Errors
    /// [`Failure::Demo`] with all problems.
    pub(super) fn verdict(self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Failure::Demo(self.problems))
        }
    }
}

fn feed_problems(routes: &[DemoRoute], tallies: &Tallies) -> Vec<String> {
    let exchanges: BTreeSet<_> = routes.iter().map(|route| route.exchange).collect();
    let mut problems = Vec::new();
    for exchange in exchanges {
        let tally = tallies.get(exchange).cloned().unwrap_or_default();
        if tally.market_data == 0 {
            problems.push(format!("{exchange}: the feed delivered no market data"));
        }
        if tally.invalid_books > 0 {
            problems.push(format!(
                "{exchange}: order books that became invalid: {}",
                tally.invalid_books
            ));
        }
    }
    problems
}

impl Row {
    fn new(route: &DemoRoute, proxies: &BTreeSet<IpAddr>) -> Self {
        let listener = match route.transport {
            Transport::Http => ExchangeTransport::Rest,
            Transport::WebSocket => ExchangeTransport::WebSocket,
        };
        let mut connections = route.ledger.connections();
        connections.retain(|connection| connection.transport == listener);
        let peers = || connections.iter().map(|connection| connection.peer.ip());
        Self {
            exchange: route.exchange,
            transport: route.transport.as_str(),
            proxy: route.url.clone(),
            messages: connections.iter().map(messages).sum(),
            egress: peers().collect(),
            direct_connections: peers().filter(|peer| !proxies.contains(peer)).count(),
            expected_egress: route.proxy.egress,
        }
    }

    fn problem(&self) -> Option<String> {
        let Self {
            exchange,
            transport,
            direct_connections,
            expected_egress,
            ..
        } = self;
        if *direct_connections > 0 {
            return Some(format!(
                "{exchange} {transport}: connections that bypassed the proxies: {direct_connections}"
            ));
        }
        if self.egress.iter().any(|egress| egress != expected_egress) {
            return Some(format!(
                "{exchange} {transport}: connections came through the proxy of another"
            ));
        }
        (self.messages == 0).then(|| format!("{exchange} {transport}: the exchange sent nothing"))
    }

    fn cells(&self) -> [String; 6] {
        let egress: Vec<_> = self.egress.iter().map(ToString::to_string).collect();
        [
            self.exchange.to_owned(),
            self.transport.to_owned(),
            self.proxy.to_string(),
            self.messages.to_string(),
            egress.join(", "),
            self.direct_connections.to_string(),
        ]
    }
}

/// What the exchange sent: an answer per request, or the messages of a WebSocket.
fn messages(connection: &ExchangeConnection) -> u64 {
    match connection.transport {
        ExchangeTransport::Rest => u64::try_from(connection.requests.len()).unwrap_or(u64::MAX),
        ExchangeTransport::WebSocket => connection.messages_sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(egress: &[&str], direct_connections: usize, messages: u64) -> Row {
        Row {
            exchange: "binance",
            transport: "http",
            proxy: "http://demo:s3cret@127.0.0.1:1".parse().unwrap(),
            messages,
            egress: egress.iter().map(|ip| ip.parse().unwrap()).collect(),
            direct_connections,
            expected_egress: [127, 0, 0, 2].into(),
        }
    }

    #[test]
    fn connections_from_the_proxy_alone_are_no_problem() {
        assert_eq!(row(&["127.0.0.2"], 0, 3).problem(), None);
    }

    #[test]
    fn a_connection_past_the_proxies_is_a_problem_even_beside_proxied_ones() {
        let problem = row(&["127.0.0.1", "127.0.0.2"], 1, 3).problem().unwrap();
        assert_eq!(
            problem,
            "binance http: connections that bypassed the proxies: 1"
        );
    }

    #[test]
    fn a_connection_through_the_proxy_of_another_exchange_is_a_problem() {
        let problem = row(&["127.0.0.2", "127.0.0.3"], 0, 3).problem().unwrap();
        assert_eq!(
            problem,
            "binance http: connections came through the proxy of another"
        );
    }

    #[test]
    fn silence_is_a_problem() {
        let problem = row(&[], 0, 0).problem().unwrap();
        assert_eq!(problem, "binance http: the exchange sent nothing");
    }

    #[test]
    fn a_row_shows_no_credentials() {
        let row = row(&["127.0.0.2"], 0, 3);
        let json = serde_json::to_string(&row).unwrap();
        for shown in [row.cells().concat(), json] {
            assert!(shown.contains("http://***@127.0.0.1:1"), "{shown}");
        }
    }
}

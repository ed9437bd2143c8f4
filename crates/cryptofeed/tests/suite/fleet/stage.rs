//! Collectors as processes, the market and the server between them.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{MockExchange, MockExchangeBuilder, MockProxy, ProxyKind, TestCa};

use super::reader::Reader;
use super::truth::{self, Looks};
use crate::child::Running;
use crate::nats_server::NatsServer;
use crate::workspace::Workspace;

/// How long anything may take: what the budget of a minute does not allow is asked for in the next one.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long nothing has moved when everything has its place.
const SETTLED: Duration = Duration::from_secs(2);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The exchange, by its name and its mock.
    pub(super) exchange: (&'static str, fn() -> MockExchangeBuilder),
    /// Where the exchange and the server are.
    pub(super) host: Ipv4Addr,
    /// How many proxies lead there, each by an address of its own; without any, it is direct.
    pub(super) exits: u8,
    pub(super) symbols: usize,
    /// Updates a second.
    pub(super) rate: f64,
    pub(super) lease: Duration,
}

/// One exchange that enforces its limits, proxies to it, one server.
pub(super) struct Stage {
    pub(super) workspace: Workspace,
    pub(super) server: NatsServer,
    pub(super) exchange: MockExchange,
    pub(super) looks: Looks,
    symbols: usize,
    _proxies: Vec<MockProxy>,
}

impl Stage {
    /// `None` if there is no server on this machine.
    pub(super) async fn set(plan: &Plan) -> Option<Self> {
        let workspace = Workspace::new();
        let host = plan.host;
        let server = NatsServer::start_at(host.into(), &workspace, "")?;
        let ca = TestCa::new().unwrap();
        workspace.file("ca.pem", &ca.pem());
        let tls = ca.server_config(&[&host.to_string()]).unwrap();
        let (name, mock) = plan.exchange;
        let exchange = mock()
            .tls(tls)
            .symbols(plan.symbols)
            .rate(plan.rate)
            .rest_address((host, 0).into())
            .ws_address((host, 0).into())
            .trade_memory(100_000);
        let exchange = exchange.start().await.unwrap();
        let mut proxies = Vec::new();
        for number in 0..plan.exits {
            let egress = Ipv4Addr::new(127, 0, 0, 2 + number);
            let proxy = MockProxy::builder(ProxyKind::Socks5h)
                .credentials("u", "s3cret")
                .egress(egress.into());
            proxies.push(proxy.start().await.unwrap());
        }
        let (rest, ws, nats) = (exchange.rest_url(), exchange.ws_url(), server.url());
        let rules = match &proxies[..] {
            [] => "{enabled: false}".to_owned(),
            [proxy] => format!("{{enabled: true, default: '{}'}}", proxy.url()),
            several => {
                let urls: Vec<_> = several.iter().map(MockProxy::url).collect();
                format!("{{enabled: true, default: {{pool: {{proxies: {urls:?}}}}}}}")
            }
        };
        let lease = plan.lease.as_secs();
        let yaml = format!(
            "tls: {{ca_file: ca.pem}}\n\
             proxy: {rules}\n\
             feeds: {{{name}: {{symbols: ['T*'], rest_url: '{rest}', ws_url: '{ws}'}}}}\n\
             sinks: {{nats: {{url: '{nats}'}}}}\n\
             fleet: {{url: '{nats}', name: prod, lease_seconds: {lease}}}\n"
        );
        workspace.file("cryptofeed.yaml", &yaml);
        Some(Self {
            workspace,
            server,
            exchange,
            looks: Looks::default(),
            symbols: plan.symbols,
            _proxies: proxies,
        })
    }

    pub(super) fn collector(&self) -> Running {
        self.workspace.start(&["run"], &[])
    }

    /// Looks at the market until `is_so` of the runs that told the last snapshots, by symbol.
    pub(super) async fn until(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&HashMap<String, String>) -> bool,
    ) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.looks.look(self.exchange.market());
            let owners = self.owners();
            if is_so(&owners) {
                return;
            }
            let runs: HashSet<_> = owners.values().collect();
            let seen = owners.len();
            assert!(Instant::now() < end, "{what}: {seen} books of {runs:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks at the market for a while.
    pub(super) async fn watch(&mut self, length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.looks.look(self.exchange.market());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Until every book is stored, by so many runs, and nothing moves any longer.
    pub(super) async fn until_shared_by(&mut self, runs: usize) {
        let symbols = self.symbols;
        let (mut before, mut since) = (HashMap::new(), Instant::now());
        self.until("not shared", |owners| {
            if *owners != before {
                (before, since) = (owners.clone(), Instant::now());
            }
            let different: HashSet<_> = owners.values().collect();
            let is_settled = since.elapsed() > SETTLED;
            owners.len() == symbols && different.len() == runs && is_settled
        })
        .await;
    }

    /// The run that told the last snapshot of each symbol.
    pub(super) fn owners(&self) -> HashMap<String, String> {
        let snapshots = self.server.messages("MD_SNAPSHOTS").into_iter();
        let owners = snapshots.map(|message| {
            let symbol = message.subject.rsplit('.').next().unwrap().to_owned();
            let run = message.header("Cryptofeed-Run").unwrap().to_owned();
            (symbol, run)
        });
        owners.collect()
    }

    /// Waits until every trade that there is now is stored, also those that are told to be missing first.
    pub(super) async fn until_whole(&mut self) -> Reader {
        let last = truth::last_trades(self.exchange.market());
        let end = Instant::now() + PATIENCE;
        let mut reader = Reader::default();
        loop {
            reader.read(&self.server, &self.looks);
            let missing = reader.missing(&last);
            if missing.is_empty() {
                return reader;
            }
            let count = missing.len();
            assert!(Instant::now() < end, "{count} are missing: {missing:?}");
            self.watch(LOOK).await;
        }
    }

    /// Asserts what is true of every stream, and returns what `tail` says.
    pub(super) fn assert_whole(&self, reader: &Reader) -> Value {
        assert_eq!(reader.repeated(), []);
        assert_eq!(self.exchange.violations(), []);
        self.tail()
    }

    /// What `tail` says of the stream.
    fn tail(&self) -> Value {
        let tail = self
            .workspace
            .output(&["tail", &self.server.url(), "--json"], &[]);
        assert_eq!(tail.code, Some(0), "{}{}", tail.stdout, tail.stderr);
        serde_json::from_str(&tail.stdout).unwrap()
    }
}

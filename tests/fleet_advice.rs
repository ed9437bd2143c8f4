//! Collectors that tell each other which proxies of a pool are of no use.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fleet::{CollectorId, Fleet, MemoryStore, ShardCount, Stores, Terms};
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxySettings, ProxyUrl,
};
use proxy_injector::{HttpSession, Mark, ProxyInjector};
use testkit::{ExchangeTransport, Fault, MockProxy, ProxyKind};
use tokio::time::sleep;
use transport::{Connection, DialError, Dialer, HealthAdvice, Hop, Phase, Target};

use crate::nats_server::NatsServer;
use transport_tunnel::{Resolver, TcpDialer};

use crate::world::{BINANCE, World, egress, soon};

/// The name of the machine with the proxies. At a loopback address, they would be this machine's own.
const PROXIES: &str = "proxies.test";

#[derive(Debug)]
struct ProxyNames;

#[async_trait]
impl Resolver for ProxyNames {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name, PROXIES);
        Ok(vec![egress(1)])
    }
}

/// A collector that asks Binance through proxies in turns.
struct Collector {
    fleet: Fleet,
    injector: Arc<ProxyInjector>,
    rest: HttpSession,
}

impl Collector {
    async fn join(
        stores: &Stores,
        proxies: &[MockProxy],
        world: &World,
        tcp: Arc<dyn Dialer>,
    ) -> Self {
        let own = CollectorId::new_run_of("test");
        let terms = Terms::default();
        let fleet = Fleet::join(stores.clone(), own, ShardCount::default(), terms);
        let mut standing = fleet.standing();
        let joined = standing.wait_for(|it| it.collectors > 0);
        soon(joined).await.unwrap();
        let urls = endpoints(proxies).map(|it| format!("socks5h://user:Zs3cret@{it}"));
        let urls = urls.map(|url| url.parse::<ProxyUrl>().unwrap());
        let pool = PoolConfig::new(urls.map(PoolMember::new)).unwrap();
        let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(pool));
        let injector = ProxyInjector::new(settings)
            .with_tcp_dialer(tcp)
            .with_trust(world.trust())
            .with_health_advice(Arc::new(fleet.advice()));
        let injector = Arc::new(injector);
        let scope = injector.exchange(ExchangeId::new("binance").unwrap());
        Self {
            fleet,
            rest: scope.http(),
            injector,
        }
    }

    /// Waits until others advise it against so many.
    async fn hears(&self, marks: usize) {
        let heard = async {
            while self.fleet.advice().heard().len() != marks {
                sleep(Duration::from_millis(20)).await;
            }
        };
        soon(heard).await;
    }

    /// The places of the members that it is advised against for Binance, and heeds that.
    fn advised(&self) -> Vec<usize> {
        let snapshot = self.injector.snapshot();
        let members = snapshot.pools[0].members.iter().enumerate();
        let of_binance = |mark: &Mark| {
            let name = ExchangeId::new("binance").unwrap();
            matches!(mark, Mark::AdvisedAgainst { exchange, .. } if *exchange == Some(name))
        };
        let advised = members.filter(|(_, member)| member.marks.iter().any(of_binance));
        advised.map(|(place, _)| place).collect()
    }
}

fn endpoints(proxies: &[MockProxy]) -> impl Iterator<Item = String> {
    let ports = proxies.iter().map(|proxy| proxy.address().port());
    ports.map(|port| format!("{PROXIES}:{port}"))
}

fn sockets() -> Arc<dyn Dialer> {
    Arc::new(TcpDialer::with_resolver(ProxyNames))
}

fn stores() -> Stores {
    Stores {
        leases: Arc::new(MemoryStore::new(Some(Terms::default().lease()))),
        budgets: Arc::new(MemoryStore::new(None)),
        advice: Arc::new(MemoryStore::new(Some(Duration::from_secs(300)))),
    }
}

/// Proxies that leave by `egress(2)` and those that follow.
async fn proxies(world: &World) -> Vec<MockProxy> {
    let mut proxies = Vec::new();
    for number in 2..6 {
        let proxy = world.proxy(ProxyKind::Socks5h, number);
        let proxy = proxy.credentials("user", "Zs3cret").start();
        proxies.push(proxy.await.unwrap());
    }
    proxies
}

async fn one_is_declined_and_the_other_asks_through_another(stores: &Stores) {
    let world = World::start().await;
    let proxies = proxies(&world).await;
    let one = Collector::join(stores, &proxies, &world, sockets()).await;
    let other = Collector::join(stores, &proxies, &world, sockets()).await;
    world.exchange(BINANCE).inject(Fault::RestStatus {
        status: 451,
        body: String::new(),
        count: 1,
    });
    let declined = world.echo(&one.rest, BINANCE).await.unwrap();
    assert_eq!(declined.status(), 451);
    other.hears(1).await;
    for _ in 0..2 {
        let answer = world.echo(&other.rest, BINANCE).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let seen = world.seen(BINANCE, ExchangeTransport::Rest);
    assert_eq!(seen, [egress(2), egress(3), egress(4)]);
    assert_eq!(other.advised(), [0]);
    // It has found nothing itself.
    assert_eq!(one.fleet.advice().heard().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_an_exchange_declines_to_one_collector_is_the_last_of_another() {
    one_is_declined_and_the_other_asks_through_another(&stores()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_real_server_a_proxy_that_is_declined_to_one_is_the_last_of_another() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let shards = ShardCount::default();
    let stores = Stores::connect(&server.url(), "advice", shards, Terms::default()).await;
    one_is_declined_and_the_other_asks_through_another(&stores.unwrap()).await;
}

/// A machine without a network.
#[derive(Debug)]
struct NoNetwork;

#[async_trait]
impl Dialer for NoNetwork {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = Hop::Target(target.endpoint().clone());
        Err(DialError::io(
            hop,
            Phase::Tcp,
            io::ErrorKind::HostUnreachable.into(),
        ))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_network_and_finds_fault_with_all_its_proxies_changes_nothing_for_others() {
    let world = World::start().await;
    let (proxies, stores) = (proxies(&world).await, stores());
    let broken = Collector::join(&stores, &proxies[..3], &world, Arc::new(NoNetwork)).await;
    let fine = Collector::join(&stores, &proxies, &world, sockets()).await;
    world.echo(&broken.rest, BINANCE).await.unwrap_err();
    fine.hears(3).await;
    for _ in 0..4 {
        world.echo(&fine.rest, BINANCE).await.unwrap();
    }
    let seen = world.seen(BINANCE, ExchangeTransport::Rest);
    assert_eq!(seen, [2, 3, 4, 5].map(egress));

    // What it says names exits, and no more.
    let heard = fine.fleet.advice().heard();
    let exits: BTreeSet<_> = heard.iter().map(|it| it.mark.egress.to_string()).collect();
    assert_eq!(exits, endpoints(&proxies[..3]).collect());
}

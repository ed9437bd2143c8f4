//! Collectors of a fleet behind one address, at an exchange that counts.

use std::sync::Arc;
use std::time::Duration;

use feeds::{Binance, Exchange};
use fleet::{CollectorId, Fleet, MemoryStore, ShardCount, Stores, Terms};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Method;
use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::ProxyKind;
use tokio::time::{Instant, timeout_at};
use transport::{Draw, Draws, HttpTransport};

use crate::world::{BINANCE, World, config, request};

/// What a book of 5,000 levels costs at Binance, of 6,000 in a minute.
const BOOK: u32 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn three_collectors_behind_one_address_ask_for_no_more_than_it_may() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    // For as long, nobody borrows of ledgers that are new: others may have lost them.
    let terms = Terms::new(Terms::MIN).unwrap();
    let stores = Stores {
        leases: Arc::new(MemoryStore::new(Some(terms.lease()))),
        budgets: Arc::new(MemoryStore::new(None)),
        advice: Arc::new(MemoryStore::new(None)),
    };
    let window = Binance::default().limits().rest[0];
    let url = world.rest_url(BINANCE);
    let mut collectors = Vec::new();
    for name in ["a", "b", "c"] {
        let own = CollectorId::new_run_of(name);
        let fleet = Fleet::join(stores.clone(), own, ShardCount::default(), terms);
        let rules = ConnectionProxies::both(config(&proxy));
        let injector = ProxyInjector::new(ProxySettings::enabled().with_default(rules))
            .with_trust(world.trust())
            .with_budget_shares(Arc::new(fleet.budgets()));
        let scope = Arc::new(injector).exchange(ExchangeId::new("binance").unwrap());
        let mut standing = fleet.standing();
        standing.wait_for(|it| it.collectors > 0).await.unwrap();
        collectors.push((fleet, scope.http()));
    }
    for (fleet, _) in &collectors {
        let mut standing = fleet.standing();
        standing.wait_for(|it| it.collectors == 3).await.unwrap();
    }
    // More than twice as much as there is, all at once.
    let mut asked = FuturesUnordered::new();
    for _ in 0..20 {
        for (_, session) in &collectors {
            let path = "/api/v3/depth?symbol=BTCUSDT&limit=5000";
            let mut request = request(Method::GET, &format!("{url}{path}"), "");
            let draw = Draw {
                window,
                units: BOOK,
            };
            request.extensions_mut().insert(Draws::from(draw));
            asked.push(session.send(request));
        }
    }
    let end = Instant::now() + Duration::from_secs(8);
    let mut answered = 0;
    while let Ok(Some(answer)) = timeout_at(end, asked.next()).await {
        assert_eq!(answer.unwrap().status(), 200);
        answered += 1;
    }
    // An eighth is kept for whoever comes, and the rest is in three parts.
    assert_eq!(answered, 3 * 7);
    assert_eq!(world.exchange(BINANCE).violations(), []);
}

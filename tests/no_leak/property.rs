//! Whatever the settings say and whatever goes wrong: nobody but the proxy is ever dialed.

use std::sync::{Arc, LazyLock};

use http::Uri;
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use proxy_config::{ProxySettings, Transport};
use proxy_injector::{ProxyInjector, Scope};
use testkit::RecordingDialer;
use transport::{Endpoint, Target};
use transport_tls::TlsTrust;

use super::chain::Chain;
use super::fault::{Fault, FaultyDialer, FaultyResolver, LookUp, faults, look_ups};
use super::kept::{Held, Kept, settle};
use super::obliging::Arrivals;
use super::plan::{Allowed, Client, Plan, Policy, plans};

/// A lost connection is made again, so each transport connects more than once.
const ATTEMPTS: usize = 2;

static TRUST: LazyLock<TlsTrust> = LazyLock::new(TlsTrust::platform);

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn only_what_the_settings_allow_is_ever_dialed(
        plan in plans(),
        fault in faults(),
        look_up in look_ups(),
        target in targets(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check(&plan, fault, look_up, &target))?;
    }
}

/// What is connected to: by name or by address, with TLS or without.
#[derive(Debug, Clone)]
pub(super) struct Place {
    host: &'static str,
    secure: bool,
}

fn targets() -> impl Strategy<Value = Place> {
    let hosts = vec!["exchange.test", "198.51.100.7", "[2001:db8:ffff::7]"];
    (select(hosts), select(vec![true, false])).prop_map(|(host, secure)| Place { host, secure })
}

impl Place {
    pub(super) fn uri(&self, transport: Transport) -> Uri {
        let scheme = match (transport, self.secure) {
            (Transport::Http, true) => "https",
            (Transport::Http, false) => "http",
            (Transport::WebSocket, true) => "wss",
            (Transport::WebSocket, false) => "ws",
        };
        format!("{scheme}://{}:8443/path", self.host)
            .parse()
            .unwrap()
    }

    fn endpoint(&self) -> Endpoint {
        let target = Target::from_uri(&self.uri(Transport::Http)).unwrap();
        target.endpoint().clone()
    }

    fn is_name(&self) -> bool {
        self.host.ends_with("test")
    }
}

async fn check(
    plan: &Plan,
    fault: Fault,
    look_up: LookUp,
    place: &Place,
) -> Result<(), TestCaseError> {
    let resolver = Arc::new(FaultyResolver::new(look_up));
    for transport in Transport::ALL {
        let arrivals = Arrivals::default();
        let tcp = FaultyDialer::new(fault.clone(), arrivals.clone());
        let tcp = Arc::new(RecordingDialer::new(tcp));
        let injector = ProxyInjector::new(ProxySettings::default())
            .with_tcp_dialer(Arc::clone(&tcp) as _)
            .with_resolver(Arc::clone(&resolver) as _)
            .with_trust(TRUST.clone());
        let injector = Arc::new(injector);
        let kept = Kept::of(&scope(&plan.client, &injector), transport, place);
        let mut applied: Option<&Policy> = None;
        let mut last_way = None;
        let mut held: Vec<Held> = Vec::new();
        for policy in &plan.policies {
            let under_way = kept.begin();
            settle().await;
            let is_allowed = applied.is_none_or(|before| policy.may_follow(before, &plan.client));
            prop_assert_eq!(injector.reload(policy.settings()).is_ok(), is_allowed);
            let policy = if is_allowed { policy } else { applied.unwrap() };
            applied = Some(policy);
            let known = tcp.targets().len();
            drop((arrivals.take(), resolver.take_names()));

            for connection in &mut held {
                connection.use_again().await;
            }
            held.clear();
            for _ in 0..ATTEMPTS {
                held.extend(kept.connect().await);
            }
            held.extend(under_way.end().await);
            settle().await;
            let asked = Asked {
                targets: tcp.targets().split_off(known),
                names: resolver.take_names(),
                arrivals: arrivals.take(),
            };
            let way = policy.allowed(&plan.client, transport);
            asked.verify(way, place, last_way == Some(way))?;
            last_way = Some(way);
        }
    }
    Ok(())
}

fn scope(client: &Client, injector: &Arc<ProxyInjector>) -> Scope {
    let scope = match client.exchange() {
        Some(exchange) => injector.exchange(exchange),
        None => injector.anonymous(),
    };
    match client.legacy() {
        Some(proxy) => scope.with_legacy(proxy),
        None => scope,
    }
}

/// What was asked for below the route while one policy applied.
#[derive(Debug)]
struct Asked {
    targets: Vec<Target>,
    names: Vec<String>,
    /// The doors where something arrived.
    arrivals: Vec<Endpoint>,
}

impl Asked {
    fn verify(
        &self,
        way: Allowed<'_>,
        place: &Place,
        may_reuse: bool,
    ) -> Result<(), TestCaseError> {
        let (allowed, nameable, certain): (Vec<_>, Vec<_>, _) = match way {
            Allowed::Nowhere => {
                let is_idle = self.targets.is_empty() && self.names.is_empty();
                prop_assert!(is_idle && self.arrivals.is_empty(), "{self:?}");
                return Ok(());
            }
            Allowed::Target => (vec![place.endpoint()], Vec::new(), true),
            Allowed::Proxies(chains) => {
                let names = chains.iter().flat_map(|chain| chain.looked_up(place.host));
                let nameable: Vec<_> = names.collect();
                // A look-up may fail, and SOCKS4 knows no IPv6 addresses; then nobody is dialed.
                let is_single = chains.iter().all(Chain::is_single);
                let certain = is_single && nameable.is_empty() && place.is_name();
                let allowed = chains.iter().map(Chain::endpoint).collect();
                (allowed, nameable, certain)
            }
        };
        prop_assert!(
            self.targets
                .iter()
                .all(|target| allowed.contains(target.endpoint())),
            "{self:?}, not only {allowed:?}"
        );
        prop_assert!(
            self.arrivals.iter().all(|door| allowed.contains(door)),
            "{self:?}, not only {allowed:?}"
        );
        prop_assert!(
            self.names.iter().all(|name| nameable.contains(&&**name)),
            "{self:?}, not only {nameable:?}"
        );
        let idle = self.targets.is_empty();
        prop_assert!(!idle || may_reuse || !certain, "nobody was dialed");
        Ok(())
    }
}

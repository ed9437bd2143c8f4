//! Whatever the settings say and whatever goes wrong: nobody but the proxy is ever dialed.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{Request, Uri};
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use proxy_config::Transport;
use proxy_injector::{ProxyInjector, Scope};
use testkit::RecordingDialer;
use transport::{Endpoint, HttpTransport, Target, WsDialer, WsRequest};
use transport_tunnel::TlsTrust;

use super::fault::{Fault, FaultyDialer, FaultyResolver, LookUp, faults, look_ups};
use super::plan::{Plan, Way, plans};

/// A lost connection is made again, so each transport connects more than once.
const ATTEMPTS: usize = 2;

static TRUST: LazyLock<TlsTrust> = LazyLock::new(TlsTrust::platform);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

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
struct Place {
    host: &'static str,
    secure: bool,
}

fn targets() -> impl Strategy<Value = Place> {
    let hosts = vec!["exchange.test", "198.51.100.7", "[2001:db8:ffff::7]"];
    (select(hosts), select(vec![true, false])).prop_map(|(host, secure)| Place { host, secure })
}

impl Place {
    fn uri(&self, transport: Transport) -> Uri {
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
    for transport in [Transport::Http, Transport::WebSocket] {
        let tcp = Arc::new(RecordingDialer::new(FaultyDialer::new(fault.clone())));
        let injector = ProxyInjector::new(plan.settings())
            .with_tcp_dialer(Arc::clone(&tcp) as _)
            .with_resolver(Arc::clone(&resolver) as _)
            .with_trust(TRUST.clone());
        connect(&scope(plan, injector), transport, &place.uri(transport)).await;

        let dialed: Vec<_> = tcp
            .targets()
            .iter()
            .map(Target::endpoint)
            .cloned()
            .collect();
        let looked_up = resolver.take_names();
        verify(plan.way(transport), place, &dialed, &looked_up, transport)?;
    }
    Ok(())
}

fn scope(plan: &Plan, injector: ProxyInjector) -> Scope {
    let injector = Arc::new(injector);
    let scope = match plan.exchange() {
        Some(exchange) => injector.exchange(exchange),
        None => injector.anonymous(),
    };
    match plan.legacy() {
        Some(proxy) => scope.with_legacy(proxy),
        None => scope,
    }
}

/// Connects as often as a persistent user would. Whether it works is not the question here.
async fn connect(scope: &Scope, transport: Transport, uri: &Uri) {
    let (rest, streams) = (scope.http(), scope.websocket());
    for _ in 0..ATTEMPTS {
        match transport {
            Transport::Http => {
                let request = Request::get(uri).body(Bytes::new()).unwrap();
                let _ = rest.send(request).await;
            }
            Transport::WebSocket => {
                let request = WsRequest::new(uri.clone()).unwrap();
                let _ = streams.dial(request).await;
            }
        }
    }
}

fn verify(
    way: Way<'_>,
    place: &Place,
    dialed: &[Endpoint],
    looked_up: &[String],
    transport: Transport,
) -> Result<(), TestCaseError> {
    let target = Target::from_uri(&place.uri(transport)).unwrap();
    let (only, nameable, certain): (_, Vec<_>, _) = match way {
        Way::Nowhere => {
            prop_assert_eq!((dialed, looked_up), (&[][..], &[][..]));
            return Ok(());
        }
        Way::Target => (target.endpoint().clone(), Vec::new(), true),
        Way::Proxy(chain) => {
            let nameable: Vec<_> = chain.looked_up(place.host).collect();
            // A look-up may fail, and SOCKS4 knows no IPv6 addresses; then nobody is dialed.
            let certain = chain.is_single() && nameable.is_empty() && place.is_name();
            (chain.endpoint(), nameable, certain)
        }
    };
    prop_assert!(
        dialed.iter().all(|endpoint| *endpoint == only),
        "{dialed:?}, not only {only}"
    );
    prop_assert!(!certain || !dialed.is_empty(), "nobody was dialed");
    prop_assert!(
        looked_up.iter().all(|name| nameable.contains(&&**name)),
        "{looked_up:?} looked up on this side"
    );
    Ok(())
}

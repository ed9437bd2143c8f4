//! One span for each dial, as a subscriber of the program sees it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use proxy_config::{ConnectionProxies, ExchangeId, ProxyRule, ProxySettings};
use testkit::{ProxyFault, ProxyKind};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};
use transport::{Dialer, Target, WsDialer};

use crate::world::{BACKPACK, BINANCE, World, config, soon, ws_request};

/// The fields of a span or an event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Fields {
    fn of<'a>(&'a self, names: &[&'a str]) -> Vec<&'a str> {
        let values = names.iter().map(|name| self.0.get(name));
        values.map(|it| it.map_or("", String::as_str)).collect()
    }
}

/// A dial that has ended, and the hop and the phase of each event within.
#[derive(Debug, Default, Clone)]
struct Dial {
    fields: Fields,
    phases: Vec<(String, String)>,
}

/// The spans that are called `dial`, in the order in which they end.
#[derive(Clone, Default)]
struct Dials(Arc<Mutex<Vec<Dial>>>);

impl Dials {
    /// Listens until the guard is dropped, on this thread.
    fn begin() -> (Self, DefaultGuard) {
        // As for `Capture`: with one for all threads, no call site counts as wanted by nobody.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        let dials = Self::default();
        let subscriber = Registry::default().with(dials.clone());
        (dials, tracing::subscriber::set_default(subscriber))
    }

    fn take(&self) -> Vec<Dial> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Dials {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut dial = Dial::default();
        attributes.record(&mut dial.fields);
        context.span(id).unwrap().extensions_mut().insert(dial);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut extensions.get_mut::<Dial>().unwrap().fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(span) = context.event_span(event)
            && let [hop, phase, "phase"] = fields.of(&["hop", "phase", "message"])[..]
        {
            assert!(fields.0["elapsed_s"].parse::<f64>().unwrap() >= 0.0);
            let mut extensions = span.extensions_mut();
            let dial = extensions.get_mut::<Dial>().unwrap();
            dial.phases.push((hop.to_owned(), phase.to_owned()));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        if span.name() == "dial" {
            let dial = span.extensions_mut().remove::<Dial>().unwrap();
            self.0.lock().unwrap().push(dial);
        }
    }
}

const WHAT: [&str; 8] = [
    "transport",
    "exchange",
    "route",
    "source",
    "server.address",
    "server.port",
    "otel.kind",
    "otel.status_code",
];
const FAILURE: [&str; 3] = ["hop", "phase", "error.type"];

#[tokio::test]
async fn each_dial_is_one_span_with_its_route_and_its_phases() {
    let world = World::start().await;
    let proxy = world
        .proxy(ProxyKind::Socks5h, 2)
        .credentials("alice", "hunter2")
        .start()
        .await
        .unwrap();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(&proxy)))
        .with_exchange(
            ExchangeId::new("backpack").unwrap(),
            ConnectionProxies::both(ProxyRule::Direct),
        );
    let injected = world.injector(settings);
    let (dials, _guard) = Dials::begin();

    let rest = injected.exchange("binance").http();
    world.echo(&rest, BINANCE).await.unwrap();
    // Over the same connection.
    world.echo(&rest, BINANCE).await.unwrap();
    let through = injected.exchange("binance").websocket();
    world.stream(&through, BINANCE).await;
    let direct = injected.exchange("backpack").websocket();
    world.stream(&direct, BACKPACK).await;

    let route = format!("socks5h://***@{}", proxy.address());
    let [rest_port, ws_port] =
        [world.binance.rest_addr(), world.binance.ws_addr()].map(|it| it.port());
    let backpack_port = world.backpack.ws_addr().port();
    let dialed = dials.take();
    let told: Vec<_> = dialed.iter().map(|it| it.fields.of(&WHAT)).collect();
    let [rest_port, ws_port, backpack_port] =
        [rest_port, ws_port, backpack_port].map(|port| port.to_string());
    assert_eq!(
        told,
        [
            [
                "http", "binance", &route, "default", BINANCE, &rest_port, "client", "OK"
            ],
            [
                "websocket",
                "binance",
                &route,
                "default",
                BINANCE,
                &ws_port,
                "client",
                "OK"
            ],
            [
                "websocket",
                "backpack",
                "direct",
                "exchange",
                BACKPACK,
                &backpack_port,
                "client",
                "OK"
            ],
        ]
    );
    let phases = |number: usize| -> Vec<_> {
        let phases = dialed[number].phases.iter();
        phases
            .map(|(hop, phase)| (hop.as_str(), phase.as_str()))
            .collect()
    };
    let hop = format!("proxy {}", proxy.address());
    let (rest, ws) = (
        format!("{BINANCE}:{rest_port}"),
        format!("{BINANCE}:{ws_port}"),
    );
    assert_eq!(
        phases(0),
        [
            (&*hop, "tcp"),
            (&hop, "proxy handshake"),
            (&rest, "target tls")
        ]
    );
    assert_eq!(
        phases(1),
        [
            (&*hop, "tcp"),
            (&hop, "proxy handshake"),
            (&ws, "target tls"),
            (&ws, "upgrade")
        ]
    );
    let backpack = format!("{BACKPACK}:{backpack_port}");
    assert_eq!(
        phases(2),
        ["dns", "tcp", "target tls", "upgrade"].map(|phase| (&*backpack, phase))
    );
    for dial in dialed {
        assert_eq!(dial.fields.of(&FAILURE), ["", "", ""]);
        assert!(!format!("{dial:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_dial_that_fails_says_with_whom_in_which_phase_and_how() {
    let world = World::start().await;
    let proxy = world
        .proxy(ProxyKind::Http, 2)
        .credentials("alice", "hunter2")
        .start()
        .await
        .unwrap();
    proxy.fail_with(ProxyFault::Refuse {
        code: 403,
        body: "not hunter2".to_owned(),
    });
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config(&proxy)));
    let injected = world.injector(settings);
    let scope = injected.exchange("binance");
    let (dials, _guard) = Dials::begin();

    let (rest, streams) = (scope.http(), scope.websocket());
    world.echo(&rest, BINANCE).await.unwrap_err();
    let request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
    soon(streams.dial(request)).await.unwrap_err();
    let bytes = scope.dialer(proxy_config::Transport::WebSocket);
    let target = Target::parse(BINANCE, world.binance.ws_addr().port()).unwrap();
    soon(bytes.dial(&target)).await.unwrap_err();

    let hop = format!("proxy {}", proxy.address());
    let dialed = dials.take();
    assert_eq!(dialed.len(), 3);
    for dial in dialed {
        let failure = dial.fields.of(&FAILURE);
        assert_eq!(failure, [&*hop, "proxy handshake", "declined"]);
        assert_eq!(dial.fields.of(&["otel.status_code"]), ["ERROR"]);
        assert_eq!(dial.phases, []);
        assert!(!format!("{dial:?}").contains("hunter2"));
    }
}

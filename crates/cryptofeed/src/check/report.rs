//! Which way connections take, as a report.

use std::collections::BTreeSet;

use comfy_table::Table;
use proxy_config::{DnsSide, ExchangeId, Loaded, ProxyConfig, ProxySettings, Transport};
use proxy_resolve::{Resolution, Route, RouteSource, resolve};
use serde::Serialize;

use crate::configuration::Configuration;
use crate::table;

const TRANSPORTS: [Transport; 2] = [Transport::Http, Transport::WebSocket];

/// The routes of every exchange that is configured in some way, and of all others.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    enabled: bool,
    strict: bool,
    routes: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// `None` for any other exchange.
    exchange: Option<ExchangeId>,
    transport: &'static str,
    route: &'static str,
    /// Without credentials; the proxies on the way to it come after it.
    proxy: Option<String>,
    source: String,
    dns: Option<String>,
    timeout_seconds: Option<u64>,
    set_by: Option<String>,
}

impl Report {
    pub(super) fn on(configuration: &Configuration) -> Self {
        let loaded = configuration.proxies();
        let settings = loaded.settings();
        let with_rules = settings.exchanges().map(|(id, _)| id);
        let with_feeds = configuration.feeds().iter().map(|feed| &feed.id);
        let exchanges: BTreeSet<_> = with_rules.chain(with_feeds).collect();
        let mut routes = Vec::new();
        for exchange in exchanges {
            for transport in TRANSPORTS {
                let resolution = resolve(settings, Some(exchange), transport, None);
                routes.push(Row::new(loaded, Some(exchange), transport, resolution));
            }
        }
        let others = without_exchanges(settings);
        for transport in TRANSPORTS {
            let resolution = resolve(&others, Some(&any_exchange()), transport, None);
            routes.push(Row::new(loaded, None, transport, resolution));
        }
        Self {
            enabled: settings.is_enabled(),
            strict: settings.is_strict(),
            routes,
        }
    }

    pub(super) fn table(&self) -> Table {
        let header = [
            "exchange",
            "transport",
            "route",
            "source",
            "dns",
            "timeout",
            "set by",
        ];
        table::of(header, self.routes.iter().map(Row::cells))
    }
}

/// What `settings` are to an exchange that has no rules in them.
fn without_exchanges(settings: &ProxySettings) -> ProxySettings {
    ProxySettings::new()
        .with_enabled(settings.is_enabled())
        .with_strict(settings.is_strict())
        .with_default(settings.default_proxies().clone())
}

fn any_exchange() -> ExchangeId {
    let Ok(id) = ExchangeId::new("any") else {
        unreachable!("it is a valid id");
    };
    id
}

impl Row {
    fn new(
        loaded: &Loaded,
        exchange: Option<&ExchangeId>,
        transport: Transport,
        resolution: Resolution<'_>,
    ) -> Self {
        let (route, proxy) = match resolution.route() {
            Route::Direct => ("direct", None),
            Route::Proxy(proxy) => ("proxy", Some(proxy)),
            Route::Refused => ("refused", None),
        };
        let dns = match resolution.route() {
            Route::Direct => Some(DnsSide::Local),
            Route::Proxy(proxy) => Some(proxy.url().scheme().dns_side()),
            Route::Refused => None,
        };
        let set_by = match resolution.source() {
            RouteSource::Exchange => loaded.rule_origin(exchange, transport),
            RouteSource::Default => loaded.rule_origin(None, transport),
            RouteSource::Disabled | RouteSource::Legacy | RouteSource::None => None,
        };
        Self {
            exchange: exchange.cloned(),
            transport: transport.as_str(),
            route,
            proxy: proxy.map(ToString::to_string),
            source: resolution.source().to_string(),
            dns: dns.map(|side| side.to_string()),
            timeout_seconds: proxy.map(ProxyConfig::timeout_seconds),
            set_by: set_by.map(str::to_owned),
        }
    }

    fn cells(&self) -> [String; 7] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let exchange = self.exchange.as_ref().map(ToString::to_string);
        [
            exchange.unwrap_or_else(|| "any other exchange".to_owned()),
            self.transport.to_owned(),
            self.proxy.clone().unwrap_or_else(|| self.route.to_owned()),
            self.source.clone(),
            or_dash(self.dns.clone()),
            or_dash(self.timeout_seconds.map(|seconds| format!("{seconds} s"))),
            or_dash(self.set_by.clone()),
        ]
    }
}

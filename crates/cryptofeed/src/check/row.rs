//! The route of the connections of one exchange and transport.

use proxy_config::{
    AmbientProxies, Destination, DnsSide, ExchangeId, Loaded, Origin, RuleOrigins, Transport,
};
use proxy_resolve::{Route, RouteSource, resolve};
use serde::Serialize;

use super::listing::Listing;
use super::proxies::Proxies;
use crate::configuration::Address;

#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// `None` for any other exchange.
    exchange: Option<ExchangeId>,
    transport: &'static str,
    /// The address of the feed, if there is one.
    destination: Option<String>,
    route: &'static str,
    proxy: Option<Proxies>,
    /// The list that a pool gets its proxies from.
    list: Option<Listing>,
    /// Where direct connections begin, if that is configured.
    bind: Option<String>,
    source: String,
    /// Whether the rule belongs to an exchange without a feed.
    unused: bool,
    dns: Option<String>,
    /// What set each value of the rule.
    set_by: Option<RuleOrigins>,
    /// What set the password, alone or as a part of the URL.
    password_set_by: Option<Origin>,
    /// The variable that exempts destinations from the proxy, if the destination is unknown.
    unless_exempted_by: Option<&'static str>,
}

impl Row {
    /// The route to the address of a feed, the same as in `run`.
    pub(super) fn of_feed(
        loaded: &Loaded,
        exchange: &ExchangeId,
        transport: Transport,
        address: &Address,
    ) -> Self {
        let destination = address.destination();
        Self {
            destination: Some(address.to_string()),
            ..Self::new(loaded, exchange, transport, Some(&destination))
        }
    }

    /// The route of an exchange whose address is unknown.
    pub(super) fn of_exchange(
        loaded: &Loaded,
        exchange: &ExchangeId,
        transport: Transport,
    ) -> Self {
        let row = Self::new(loaded, exchange, transport, None);
        let ambient = loaded
            .settings()
            .ambient()
            .filter(|ambient| row.proxy.is_some() && row.is_set_by(ambient.variable(None)));
        Self {
            unless_exempted_by: ambient.and_then(AmbientProxies::exempting_variable),
            ..row
        }
    }

    /// The route of any exchange without rules; `exchange` is one.
    pub(super) fn of_any_other(
        loaded: &Loaded,
        exchange: &ExchangeId,
        transport: Transport,
    ) -> Self {
        Self {
            exchange: None,
            ..Self::of_exchange(loaded, exchange, transport)
        }
    }

    fn new(
        loaded: &Loaded,
        exchange: &ExchangeId,
        transport: Transport,
        destination: Option<&Destination<'_>>,
    ) -> Self {
        let settings = loaded.settings();
        let resolution = resolve(settings, Some(exchange), transport, None, destination);
        let origins = loaded.explain(exchange, transport, destination);
        let list = match resolution.route() {
            Route::Pool(pool) => Listing::of(pool),
            Route::Direct | Route::DirectFrom(_) | Route::Proxy(_) | Route::Refused => None,
        };
        let through = |route, proxies: Proxies| {
            let dns = proxies.dns(list.as_ref());
            (route, Some(proxies), dns)
        };
        let bind = match resolution.route() {
            Route::DirectFrom(exit) => Some(exit.bind().to_string()),
            _ => None,
        };
        let (route, proxy, dns) = match resolution.route() {
            Route::Direct | Route::DirectFrom(_) => {
                ("direct", None, Some(DnsSide::Local.to_string()))
            }
            Route::Proxy(proxy) => through("proxy", Proxies::One(proxy.clone())),
            Route::Pool(pool) => through("pool", Proxies::Pool(pool.clone())),
            Route::Refused => ("refused", None, None),
        };
        // The other sources use no rule, although the exchange may have one.
        let set_by = match resolution.source() {
            RouteSource::Exchange | RouteSource::Default => origins,
            RouteSource::Disabled | RouteSource::Legacy | RouteSource::None => None,
        };
        Self {
            exchange: Some(exchange.clone()),
            transport: transport.as_str(),
            destination: None,
            route,
            proxy,
            list,
            bind,
            source: resolution.source().to_string(),
            unused: false,
            dns,
            password_set_by: set_by.as_ref().and_then(RuleOrigins::password).cloned(),
            set_by,
            unless_exempted_by: None,
        }
    }

    /// The same row, marked as unused if it is the exchange's own rule.
    pub(super) fn without_feed(self) -> Self {
        Self {
            unused: self.source == RouteSource::Exchange.to_string(),
            ..self
        }
    }

    pub(super) fn exempting_variable(&self) -> Option<&'static str> {
        self.unless_exempted_by
    }

    /// What set the rule.
    fn origin(&self) -> Option<&Origin> {
        self.set_by.as_ref()?.rule()
    }

    fn is_set_by(&self, variable: Option<&str>) -> bool {
        match self.origin() {
            Some(Origin::Variable(name)) => variable == Some(name),
            _ => false,
        }
    }

    pub(super) fn cells(&self) -> [String; 7] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let exchange = self.exchange.as_ref().map(ToString::to_string);
        let timeout = self.proxy.as_ref().map(Proxies::timeout_seconds);
        [
            exchange.unwrap_or_else(|| "any other exchange".to_owned()),
            self.transport.to_owned(),
            self.route_cell(),
            self.source_cell(),
            or_dash(self.dns.clone()),
            or_dash(timeout.map(|seconds| format!("{seconds} s"))),
            self.set_by_cell(),
        ]
    }

    fn source_cell(&self) -> String {
        match self.unused {
            true => format!("{}, unused", self.source),
            false => self.source.clone(),
        }
    }

    fn route_cell(&self) -> String {
        let Some(proxies) = &self.proxy else {
            let bind = self.bind.as_ref().map(|bind| format!(" from {bind}"));
            return format!("{}{}", self.route, bind.unwrap_or_default());
        };
        let mut lines = proxies.lines(self.list.as_ref());
        if let Some(first) = lines
            .first_mut()
            .filter(|_| self.unless_exempted_by.is_some())
        {
            first.push_str(" *");
        }
        lines.join("\n")
    }

    /// What set the rule; and what set its timeout, password and strategy, if that differs.
    fn set_by_cell(&self) -> String {
        let Some((origins, rule)) = self.set_by.as_ref().zip(self.origin()) else {
            return "-".to_owned();
        };
        let others = [
            ("timeout", origins.timeout()),
            ("password", origins.password()),
            ("strategy", origins.of("pool.strategy")),
        ];
        let others = others.into_iter().filter_map(|(what, origin)| {
            let origin = origin.filter(|origin| *origin != rule)?;
            Some(format!("{what}: {origin}"))
        });
        let lines: Vec<_> = [rule.to_string()].into_iter().chain(others).collect();
        lines.join("\n")
    }
}

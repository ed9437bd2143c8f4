//! The routes of connections, the limits of answers, where events go and the fleet, as a report.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proxy_config::{ExchangeId, Transport};
use serde::Serialize;
use serde_json::Value;

use super::egress_url::EgressUrl;
use super::row::Row;
use crate::configuration::{
    Configuration, FleetSetting, FleetSettings, RestLimit, ShownSinks, any_other,
};
use crate::table;

/// The routes of every exchange that is configured in some way, and of all others; the limits of
/// answers to REST requests; where events go; the fleet.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    enabled: bool,
    strict: bool,
    /// Who is asked by which addresses exits leave.
    egress_url: Option<EgressUrl>,
    routes: Vec<Row>,
    rest: BTreeMap<&'static str, RestLimit>,
    sinks: ShownSinks,
    fleet: Option<BTreeMap<&'static str, FleetSetting>>,
}

impl Report {
    pub(super) fn on(configuration: &Configuration) -> Self {
        let loaded = configuration.proxies();
        let settings = loaded.settings();
        // An exchange with rules but without a feed is shown too: its feed may be missing by
        // mistake.
        let with_rules = settings.exchanges().map(|(id, _)| id);
        let with_feeds = configuration.feeds().iter().map(|feed| &feed.id);
        let exchanges: BTreeSet<_> = with_rules.chain(with_feeds).collect();
        let known = exchanges
            .iter()
            .flat_map(|id| Transport::ALL.map(|transport| known(configuration, id, transport)));
        let other = any_other(settings);
        let others = Transport::ALL.map(|transport| Row::of_any_other(loaded, &other, transport));
        let fleet = configuration.fleet().map(FleetSettings::rows);
        Self {
            enabled: settings.is_enabled(),
            strict: settings.is_strict(),
            egress_url: EgressUrl::of(loaded),
            routes: known.chain(others).collect(),
            rest: configuration.rest().rows().collect(),
            sinks: configuration.sinks().shown(),
            fleet: fleet.map(|rows| rows.into_iter().collect()),
        }
    }

    /// The report as text.
    pub(super) fn text(&self) -> String {
        let header = [
            "exchange",
            "transport",
            "route",
            "source",
            "dns",
            "timeout",
            "set by",
        ];
        let table = table::of(header, self.routes.iter().map(Row::cells));
        let Self {
            enabled, strict, ..
        } = self;
        let mut text = format!("proxy.enabled: {enabled}, proxy.strict: {strict}\n{table}\n");
        text.extend(self.egress_url.as_ref().map(EgressUrl::line));
        for (key, RestLimit { value, set_by }) in &self.rest {
            let value = value.map_or_else(|| "none".to_owned(), |value| value.to_string());
            let set_by = set_by.as_ref().map(ToString::to_string);
            let set_by = set_by.as_deref().unwrap_or("default");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "rest.{key}: {value} ({set_by})");
        }
        text.push_str(&self.sinks.text());
        for (key, FleetSetting { value, set_by }) in self.fleet.iter().flatten() {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Null => "none".to_owned(),
                value => value.to_string(),
            };
            let set_by = set_by.as_ref().map(ToString::to_string);
            let set_by = set_by.as_deref().unwrap_or("default");
            let _ = writeln!(text, "fleet.{key}: {value} ({set_by})");
        }
        let variable = self.routes.iter().find_map(Row::exempting_variable);
        if let Some(variable) = variable {
            let _ = writeln!(
                text,
                "* directly to the destinations that {variable} exempts"
            );
        }
        text
    }
}

/// The route to the feed of an exchange, or the route in general if there is no feed.
fn known(configuration: &Configuration, exchange: &ExchangeId, transport: Transport) -> Row {
    let loaded = configuration.proxies();
    let mut feeds = configuration.feeds().iter();
    let feed = feeds.find(|feed| feed.id == *exchange);
    if let Some(address) = feed.and_then(|feed| feed.exchange.address(transport)) {
        return Row::of_feed(loaded, exchange, transport, &address);
    }
    let row = Row::of_exchange(loaded, exchange, transport);
    match configuration
        .unused_rules()
        .any(|unused| unused == exchange)
    {
        true => row.without_feed(),
        false => row,
    }
}

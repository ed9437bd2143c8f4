//! Exchanges and their connections.

use std::fmt::Write;

use super::html::{Text, or_dash};
use super::time::age;
use super::verdict::thousands;
use crate::model::{ExchangeView, State, Status};

/// A tile for each exchange.
pub(super) fn tiles(status: &Status) -> String {
    if status.exchanges.is_empty() {
        return r#"<p class="quiet">No feed is watched.</p>"#.to_owned();
    }
    let mut html = String::from(r#"<ul class="tiles">"#);
    for exchange in &status.exchanges {
        tile(&mut html, exchange, status);
    }
    html.push_str("</ul>");
    html
}

fn tile(html: &mut String, exchange: &ExchangeView, status: &Status) {
    let mut culprits = status.readiness.culprits.iter();
    let is_to_blame = culprits.any(|it| it.exchange == exchange.exchange);
    let is_wrong = exchange.symbols.iter().any(|it| it.state.is_wrong());
    let (class, words) = match (is_to_blame, exchange.last_event_ns, is_wrong) {
        (_, None, _) if exchange.outages.is_empty() => ("busy", "no data yet"),
        (_, None, _) | (true, ..) => ("bad", "faulty"),
        (false, _, true) => ("busy", "impaired"),
        (false, ..) => ("good", "flowing"),
    };
    let live = exchange.symbols.iter().filter(|it| it.state == State::Live);
    let connections = exchange.connections.len();
    let outages = match exchange.outages.len() {
        0 => String::new(),
        count => format!(r#", <span class="bad">{count} lost</span>"#),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        r#"<li class="tile"><h2><span>{name}</span><span class="pill {class}">{words}</span></h2><div><span class="rate">{rate}</span> <span class="quiet">events/s</span></div><dl><dt>Symbols live</dt><dd>{live} of {all}</dd><dt>Connections</dt><dd>{connections}{outages}</dd><dt>Last data</dt><dd>{last}</dd></dl></li>"#,
        name = Text(&exchange.exchange),
        rate = rate(exchange.events_per_second),
        live = live.count(),
        all = exchange.symbols.len(),
        last = exchange.last_event_ns.map_or_else(
            || "none yet".to_owned(),
            |at_ns| format!("{} ago", age(status.taken_ns, at_ns))
        ),
    );
}

/// How many connections are shown; the others are counted.
const SHOWN: usize = 100;

/// A row for each connection, and before them for what has none.
pub(super) fn connections(status: &Status) -> String {
    let mut html = String::from(
        r#"<div class="scroll tall" tabindex="0" role="region" aria-labelledby="connections-title"><table><thead><tr><th scope="col">Connection</th><th scope="col">State</th><th scope="col" class="number">Age</th><th scope="col" class="number">Events/s</th><th scope="col" class="number least">Events</th><th scope="col" class="number least">Symbols</th><th scope="col">Via</th></tr></thead><tbody>"#,
    );
    let now_ns = status.taken_ns;
    for exchange in &status.exchanges {
        for outage in exchange.outages.iter().take(SHOWN) {
            let what = match outage.group {
                Some(_) => "",
                None => " list",
            };
            let _ = write!(
                html,
                r#"<tr><th scope="row">{}{what}</th><td><span class="pill bad">lost</span></td><td class="number">{}</td><td class="number">attempt {}</td><td class="least"></td><td class="number least">{}</td><td><code>{}</code></td></tr><tr class="detail"><td colspan="7">{}</td></tr>"#,
                Text(&exchange.exchange),
                age(now_ns, outage.since_ns),
                outage.attempt,
                outage.symbols,
                match outage.proxies.is_empty() {
                    true => "–".to_owned(),
                    false => via(&outage.proxies),
                },
                Text(&outage.reason)
            );
        }
    }
    let exchanges = status.exchanges.iter();
    let all: Vec<_> = exchanges
        .flat_map(|it| {
            it.connections
                .iter()
                .map(|connection| (&it.exchange, connection))
        })
        .collect();
    for (exchange, connection) in all.iter().take(SHOWN) {
        let _ = write!(
            html,
            r#"<tr><th scope="row">{} #{}</th><td><span class="pill good">open</span></td><td class="number">{}</td><td class="number">{}</td><td class="number least">{}</td><td class="number least">{}</td><td><code>{}</code></td></tr>"#,
            Text(exchange),
            connection.number,
            age(now_ns, connection.opened_ns),
            rate(connection.events_per_second),
            thousands(connection.events),
            connection.symbols,
            via(&connection.proxies)
        );
    }
    html.push_str("</tbody></table></div>");
    if all.len() > SHOWN {
        let _ = write!(
            html,
            r#"<p class="quiet">and {} more</p>"#,
            all.len() - SHOWN
        );
    }
    html
}

/// The proxies of a connection.
pub(super) fn via(proxies: &[String]) -> String {
    match proxies {
        [] => "direct".to_owned(),
        proxies => Text(proxies.join(" → ")).to_string(),
    }
}

fn rate(per_second: f64) -> String {
    let digits = if per_second < 10.0 { 1 } else { 0 };
    or_dash(Some(format!("{per_second:.digits$}")))
}

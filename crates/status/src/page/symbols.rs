//! Symbols and their channels.

use std::fmt::Write;

use super::exchanges::via;
use super::html::{Text, or_dash};
use super::time::age;
use super::verdict::thousands;
use super::view::{ROWS, View, last_page};
use crate::model::{ChannelView, ExchangeView, State, Status, SymbolView};

/// The channels that have a column, and its title.
const CHANNELS: [(&str, &str); 3] = [
    ("trades", "Trades"),
    ("ticker", "Ticker"),
    ("l2_book", "Book"),
];

/// The form that says which symbols to show. It works without scripts.
pub(super) fn filter(status: &Status, view: &View) -> String {
    let mut options = String::new();
    for exchange in &status.exchanges {
        let name = Text(&exchange.exchange);
        let selected = match exchange.exchange == view.exchange {
            true => " selected",
            false => "",
        };
        let _ = write!(options, r#"<option{selected}>{name}</option>"#);
    }
    let wrong = if view.only_wrong { " checked" } else { "" };
    format!(
        r#"<form class="filter" id="filter" method="get" action="/"><label>Name <input type="search" name="q" maxlength="64" autocomplete="off" spellcheck="false" value="{}"></label><label>Exchange <select name="exchange"><option value="">all</option>{options}</select></label><label><input type="checkbox" name="state" value="wrong"{wrong}> only what is wrong</label><button>Show</button></form>"#,
        Text(&view.search)
    )
}

/// The table of the symbols of `view`.
pub(super) fn symbols(status: &Status, view: &View) -> String {
    let (rows, count) = view.of(status);
    let mut html = String::from(
        r#"<div class="scroll" tabindex="0" role="region" aria-labelledby="symbols-title"><table><thead><tr><th scope="col">Symbol</th><th scope="col">State</th>"#,
    );
    for (_, title) in CHANNELS {
        let _ = write!(html, r#"<th scope="col" class="number">{title}</th>"#);
    }
    html.push_str(
        r#"<th scope="col" class="number">Gaps</th><th scope="col" class="least">Connection</th><th scope="col" class="least">Via</th></tr></thead><tbody>"#,
    );
    for (exchange, symbol) in rows {
        row(&mut html, exchange, symbol, status.taken_ns);
    }
    html.push_str("</tbody></table></div>");
    pages(&mut html, view, count);
    html
}

fn row(html: &mut String, exchange: &ExchangeView, symbol: &SymbolView, now_ns: i64) {
    let connection = symbol.connection;
    let mut connections = exchange.connections.iter();
    let open = connections.find(|it| Some(it.number) == connection);
    let gaps: u64 = symbol.channels.iter().map(|it| it.gaps).sum();
    let _ = write!(
        html,
        r#"<tr><th scope="row">{} <span class="quiet">{}</span></th><td>{}</td>"#,
        Text(&symbol.symbol),
        Text(&exchange.exchange),
        state(symbol, now_ns)
    );
    for (name, _) in CHANNELS {
        let channel = symbol.channels.iter().find(|it| it.channel == name);
        let _ = write!(html, r#"<td class="number">{}</td>"#, last(channel, now_ns));
    }
    let _ = write!(
        html,
        r#"<td class="number">{}</td><td class="least">{}</td><td class="least"><code>{}</code></td></tr>"#,
        thousands(gaps),
        or_dash(connection.map(|it| format!("#{it}"))),
        open.map_or_else(|| "–".to_owned(), |it| via(&it.proxies))
    );
}

/// The state, since when, and why.
fn state(symbol: &SymbolView, now_ns: i64) -> String {
    let class = match symbol.state {
        State::Live => "good",
        State::Joining | State::NotTrading => "busy",
        State::Invalid | State::Stale | State::Unconnected => "bad",
    };
    let mut html = format!(r#"<span class="pill {class}">{}</span>"#, symbol.state);
    if symbol.state == State::Live {
        return html;
    }
    let mut channels = symbol.channels.iter();
    if let Some(worst) = channels.find(|it| it.state == symbol.state) {
        html.push_str(r#" <span class="quiet">"#);
        // What has no connection has none for all channels.
        if symbol.state != State::Unconnected {
            let _ = write!(html, "{}", Text(&worst.channel));
        }
        if let Some(since_ns) = worst.since_ns {
            let _ = write!(html, " for {}", age(now_ns, since_ns));
        }
        if let Some(reason) = &worst.reason {
            let _ = write!(html, ": {}", Text(reason));
        }
        html.push_str("</span>");
    }
    if !symbol.nearest.is_empty() {
        let nearest = symbol.nearest.join(", ");
        let _ = write!(
            html,
            r#" <span class="quiet">like {}</span>"#,
            Text(nearest)
        );
    }
    html
}

/// When a channel said something last.
fn last(channel: Option<&ChannelView>, now_ns: i64) -> String {
    let Some(channel) = channel else {
        return "–".to_owned();
    };
    let class = if channel.state.is_wrong() { "bad" } else { "" };
    let last = channel.last_event_ns.map(|at_ns| age(now_ns, at_ns));
    format!(r#"<span class="{class}">{}</span>"#, or_dash(last))
}

fn pages(html: &mut String, view: &View, count: usize) {
    let last = last_page(count);
    let page = view.page.min(last);
    let first = page * ROWS;
    let shown = match count {
        0 => "none".to_owned(),
        count => format!("{} to {} of {count}", first + 1, (first + ROWS).min(count)),
    };
    let _ = write!(
        html,
        r#"<nav class="pages" aria-label="Pages of symbols"><span>{shown}</span>"#
    );
    for (name, other) in [
        ("previous", page.checked_sub(1)),
        ("next", Some(page + 1).filter(|it| *it <= last)),
    ] {
        if let Some(other) = other {
            let query = view.at(other).to_string();
            let _ = write!(
                html,
                r##"<a href="/?{}#symbols-title">{name}</a>"##,
                Text(query)
            );
        }
    }
    html.push_str("</nav>");
}

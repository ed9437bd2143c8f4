//! A status as text.

use std::fmt::{Display, Write as _};

use ::status::model::{
    BudgetView, Culprit, ExchangeView, FleetView, NotableEvent, ProxyView, Readiness, State, Status,
};
use transport::printable;

use crate::table;

/// How many symbols with which something is wrong are shown, and how many events.
const SHOWN: usize = 20;

/// The status for people.
pub(super) fn of(status: &Status) -> String {
    let mut text = String::new();
    let output = &status.output;
    let verdict = match status.readiness.is_ready {
        true => "ready",
        false => "not ready",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}: {verdict}, up {}; events out {}, waiting {}, dropped {}",
        printable(&status.program),
        age(status, Some(status.started_ns)),
        output.events,
        output.waiting,
        output.dropped
    );
    if let Some(fleet) = &status.fleet {
        let server = match fleet.is_connected {
            true => "connected",
            false => "the server does not answer",
        };
        let FleetView {
            collectors,
            owned,
            confirmed,
            differing,
            ..
        } = fleet;
        let differing = match differing {
            0 => String::new(),
            differing => format!(", with other feeds {differing}"),
        };
        let _ = writeln!(
            text,
            "fleet: {server}; collectors {collectors}, shards owned {owned}, confirmed {confirmed}{differing}"
        );
    }
    for reason in reasons(&status.readiness) {
        let _ = writeln!(text, "  {reason}");
    }
    add(
        &mut text,
        [
            "exchange",
            "events/s",
            "symbols live",
            "connections",
            "lost",
            "last data",
        ],
        status.exchanges.iter().map(|it| exchange(it, status)),
    );
    add(
        &mut text,
        [
            "proxy",
            "breaker",
            "open",
            "leases",
            "dials",
            "failed",
            "p50/p90/p99 ms",
            "egress",
            "last failure",
        ],
        status.proxies.iter().map(|it| proxy(it, status)),
    );
    add(
        &mut text,
        ["exchange", "transport", "route", "reason", "set by"],
        status.routes.iter().map(|it| {
            let exchange = it.exchange.as_deref().unwrap_or("any other");
            let set_by = it.set_by.as_deref().unwrap_or("-");
            [exchange, &it.transport, &it.route, &it.source, set_by].map(shown)
        }),
    );
    let connections = status.exchanges.iter().flat_map(|exchange| {
        exchange.connections.iter().map(move |it| {
            [
                shown(format_args!("{} #{}", exchange.exchange, it.number)),
                age(status, Some(it.opened_ns)),
                format!("{:.1}", it.events_per_second),
                it.symbols.to_string(),
                match it.proxies.is_empty() {
                    true => "direct".to_owned(),
                    false => shown(it.proxies.join(", ")),
                },
            ]
        })
    });
    add(
        &mut text,
        ["connection", "age", "events/s", "symbols", "via"],
        connections,
    );
    add(
        &mut text,
        ["budget", "egress", "used", "waiting"],
        status.budgets.iter().map(budget),
    );
    symbols(&mut text, status);
    events(&mut text, status);
    text
}

/// What is to blame, a line each.
pub(super) fn reasons(readiness: &Readiness) -> Vec<String> {
    let mut reasons: Vec<_> = readiness.culprits.iter().map(reason).collect();
    if readiness.more > 0 {
        reasons.push(format!("and {} more", readiness.more));
    }
    reasons
}

fn reason(culprit: &Culprit) -> String {
    let mut text = format!("{}: {}", culprit.fault, culprit.exchange);
    for part in [&culprit.symbol, &culprit.channel].into_iter().flatten() {
        let _ = write!(text, " {part}");
    }
    if let Some(proxy) = &culprit.proxy {
        let _ = write!(text, " via {proxy}");
    }
    if let Some(cause) = &culprit.cause {
        let _ = write!(text, ": {cause}");
    }
    shown(text)
}

/// A table, unless it is empty.
fn add<const N: usize>(
    text: &mut String,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        let _ = writeln!(text, "{}", table::of(header, rows));
    }
}

fn exchange(exchange: &ExchangeView, status: &Status) -> [String; 6] {
    let live = exchange.symbols.iter().filter(|it| it.state == State::Live);
    [
        shown(&exchange.exchange),
        format!("{:.1}", exchange.events_per_second),
        format!("{} of {}", live.count(), exchange.symbols.len()),
        exchange.connections.len().to_string(),
        exchange.outages.len().to_string(),
        age(status, exchange.last_event_ns),
    ]
}

fn proxy(proxy: &ProxyView, status: &Status) -> [String; 9] {
    let latency = proxy
        .latency
        .map(|it| format!("{}/{}/{}", it.p50_ms, it.p90_ms, it.p99_ms));
    let failure = proxy.last_failure.as_ref().map(|it| {
        let ago = age(status, Some(it.at_ns));
        shown(format_args!("{ago} ago, {}: {}", it.phase, it.message))
    });
    let breaker = proxy.breaker.as_deref().unwrap_or("-").replace('_', " ");
    let state = [breaker].into_iter().chain(proxy.marks.iter().cloned());
    [
        shown(&proxy.name),
        shown(state.collect::<Vec<_>>().join(", ")),
        proxy.connections.to_string(),
        proxy
            .leases
            .map_or_else(|| "-".to_owned(), |it| it.to_string()),
        proxy.succeeded.to_string(),
        proxy.failed.to_string(),
        latency.unwrap_or_else(|| "-".to_owned()),
        proxy
            .egress_with_source()
            .map_or_else(|| "-".to_owned(), shown),
        failure.unwrap_or_else(|| "-".to_owned()),
    ]
}

fn budget(budget: &BudgetView) -> [String; 4] {
    let exchange = budget.exchange.as_deref().unwrap_or("no exchange");
    let seconds = budget.per_ms.div_ceil(1000);
    let banned = match budget.banned_until_ns {
        Some(_) => ", banned",
        None => "",
    };
    [
        shown(format_args!("{exchange} {}", budget.budget)),
        shown(&budget.egress),
        format!("{} of {} in {seconds} s{banned}", budget.used, budget.units),
        budget.waiting.to_string(),
    ]
}

/// The symbols with which something is wrong, the worst first.
fn symbols(text: &mut String, status: &Status) {
    let exchanges = status.exchanges.iter();
    let symbols =
        exchanges.flat_map(|exchange| exchange.symbols.iter().map(move |it| (exchange, it)));
    let mut wrong: Vec<_> = symbols.filter(|(_, it)| it.state.is_wrong()).collect();
    wrong.sort_by_key(|(_, it)| std::cmp::Reverse(it.state));
    let rows = wrong.iter().take(SHOWN).map(|(exchange, symbol)| {
        let mut channels = symbol.channels.iter();
        let worst = channels.find(|it| it.state == symbol.state);
        [
            shown(format_args!("{} {}", exchange.exchange, symbol.symbol)),
            symbol.state.to_string(),
            worst.map_or_else(|| "-".to_owned(), |it| shown(&it.channel)),
            age(status, worst.and_then(|it| it.since_ns)),
            worst.map_or_else(|| "-".to_owned(), |it| age(status, it.last_event_ns)),
            symbol
                .channels
                .iter()
                .map(|it| it.gaps)
                .sum::<u64>()
                .to_string(),
        ]
    });
    add(
        text,
        ["symbol", "state", "channel", "for", "last event", "gaps"],
        rows,
    );
    if wrong.len() > SHOWN {
        let _ = writeln!(text, "and {} more symbols", wrong.len() - SHOWN);
    }
}

fn events(text: &mut String, status: &Status) {
    for event in status.events.iter().take(SHOWN).rev() {
        let NotableEvent {
            exchange,
            symbol,
            text: words,
            times,
            ..
        } = event;
        let place = [exchange, symbol].into_iter().flatten();
        let place: Vec<_> = place.map(String::as_str).collect();
        let times = match times {
            1 => String::new(),
            times => format!(" ({times} times)"),
        };
        let line = shown(format_args!("{}: {words}{times}", place.join(" ")));
        let _ = writeln!(text, "{} ago  {line}", age(status, Some(event.at_ns)));
    }
}

/// Text on one line: it comes from a program that may be another one than it seems.
fn shown(text: impl Display) -> String {
    printable(text).to_string()
}

/// How long before the status something was.
fn age(status: &Status, at_ns: Option<i64>) -> String {
    let Some(at_ns) = at_ns else {
        return "-".to_owned();
    };
    match status.taken_ns.saturating_sub(at_ns).max(0) / 1_000_000_000 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

//! Proxies, routes and budgets.

use std::fmt::Write;

use super::html::{Text, or_dash};
use super::time::age;
use super::verdict::{thousands, until};
use crate::model::{BudgetView, ProxyView, Status};

/// How many proxies are shown, those with which something is wrong first; the others are counted.
const SHOWN: usize = 100;

/// A row for each proxy.
pub(super) fn proxies(status: &Status) -> String {
    let mut html = String::from(
        r#"<div class="scroll" tabindex="0" role="region" aria-labelledby="proxies-title"><table><thead><tr><th scope="col">Proxy</th><th scope="col">Breaker</th><th scope="col" class="number">Open</th><th scope="col" class="number least">Leases</th><th scope="col" class="number least">Dials</th><th scope="col" class="number">Failed</th><th scope="col" class="number least">p50 / p90 / p99 ms</th><th scope="col" class="least">Egress</th></tr></thead><tbody>"#,
    );
    let mut proxies: Vec<_> = status.proxies.iter().collect();
    proxies.sort_by_key(|it| !is_wrong(it, status.taken_ns));
    for it in proxies.iter().take(SHOWN) {
        proxy(&mut html, it, status.taken_ns);
    }
    html.push_str("</tbody></table></div>");
    if proxies.len() > SHOWN {
        let _ = write!(
            html,
            r#"<p class="quiet">and {} more</p>"#,
            proxies.len() - SHOWN
        );
    }
    for list in &status.lists {
        let proxies = or_dash(list.proxies);
        let _ = write!(
            html,
            r#"<p class="quiet">List <code>{}</code>: {proxies} proxies, {} entries not used"#,
            Text(&list.source),
            list.refused
        );
        if let Some(last_ns) = list.last_good_ns {
            let _ = write!(html, ", in order {} ago", age(status.taken_ns, last_ns));
        }
        if let Some(error) = &list.error {
            let _ = write!(html, r#"; <span class="bad">{}</span>"#, Text(error));
        }
        html.push_str("</p>");
    }
    html
}

/// Whether somebody should look at the proxy.
fn is_wrong(proxy: &ProxyView, now_ns: i64) -> bool {
    let is_recent = |at_ns: i64| now_ns.saturating_sub(at_ns) < 60_000_000_000;
    let failure = proxy.last_failure.as_ref();
    !proxy.marks.is_empty()
        || proxy.breaker.as_deref().is_some_and(|it| it != "closed")
        || failure.is_some_and(|it| is_recent(it.at_ns))
}

fn proxy(html: &mut String, proxy: &ProxyView, now_ns: i64) {
    let pool = match proxy.pool {
        Some(pool) => format!(r#" <span class="quiet">pool {pool}</span>"#),
        None => String::new(),
    };
    let breaker = match (proxy.is_enabled, proxy.breaker.as_deref()) {
        (false, _) => pill("", "not enabled"),
        (true, Some("open")) => pill(
            "bad",
            &format!("open, {}", until(now_ns, proxy.opens_until_ns)),
        ),
        (true, Some("half_open")) => pill("busy", "half open"),
        (true, Some(state)) => pill("good", state),
        (true, None) => "–".to_owned(),
    };
    let marks = proxy
        .marks
        .iter()
        .map(|it| format!(" {}", pill("busy", it)));
    let latency = proxy
        .latency
        .map(|it| format!("{} / {} / {}", it.p50_ms, it.p90_ms, it.p99_ms));
    let failed = if proxy.failed > 0 {
        "number bad"
    } else {
        "number"
    };
    let _ = write!(
        html,
        r#"<tr><th scope="row"><code>{name}</code>{pool}</th><td class="nowrap">{breaker}{marks}</td><td class="number">{connections}</td><td class="number least">{leases}</td><td class="number least">{succeeded}</td><td class="{failed}">{failures}</td><td class="number least">{latency}</td><td class="least">{egress}</td></tr>{last}"#,
        name = Text(&proxy.name),
        marks = marks.collect::<String>(),
        connections = proxy.connections,
        leases = or_dash(proxy.leases),
        succeeded = thousands(proxy.succeeded),
        failures = thousands(proxy.failed),
        latency = or_dash(latency),
        egress = or_dash(proxy.egress_with_source().as_ref()),
        last = last_failure(proxy, now_ns),
    );
}

/// The last failure, on a row of its own.
fn last_failure(proxy: &ProxyView, now_ns: i64) -> String {
    let Some(failure) = &proxy.last_failure else {
        return String::new();
    };
    let exchange = failure.exchange.as_deref().unwrap_or("no exchange");
    format!(
        r#"<tr class="detail"><td colspan="8"><span class="quiet">{} ago, {} {}, {}:</span> {}</td></tr>"#,
        age(now_ns, failure.at_ns),
        Text(exchange),
        Text(&failure.transport),
        Text(&failure.phase),
        Text(&failure.message)
    )
}

fn pill(class: &str, words: &str) -> String {
    format!(r#"<span class="pill {class}">{}</span>"#, Text(words))
}

/// A row for each route.
pub(super) fn routes(status: &Status) -> String {
    let mut html = String::from(
        r#"<div class="scroll tall" tabindex="0" role="region" aria-labelledby="routes-title"><table><thead><tr><th scope="col">Exchange</th><th scope="col">Transport</th><th scope="col">Route</th><th scope="col">Reason</th><th scope="col">Set by</th></tr></thead><tbody>"#,
    );
    for route in &status.routes {
        let exchange = route.exchange.as_deref().unwrap_or("any other");
        let _ = write!(
            html,
            r#"<tr><th scope="row">{}</th><td>{}</td><td><code>{}</code></td><td>{}</td><td class="words">{}</td></tr>"#,
            Text(exchange),
            Text(&route.transport),
            Text(&route.route),
            Text(&route.source),
            or_dash(route.set_by.as_ref())
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// A bar for each budget, the fullest first.
pub(super) fn budgets(status: &Status) -> String {
    if status.budgets.is_empty() {
        return r#"<p class="quiet">Nothing of any is used.</p>"#.to_owned();
    }
    let mut budgets: Vec<_> = status.budgets.iter().collect();
    budgets.sort_by_key(|it| std::cmp::Reverse((it.banned_until_ns.is_some(), percent(it))));
    let mut html = String::from(
        r#"<ul class="budgets tall" tabindex="0" aria-label="Budgets, the fullest first">"#,
    );
    for it in budgets.iter().take(SHOWN) {
        budget(&mut html, it, status.taken_ns);
    }
    html.push_str("</ul>");
    html
}

fn percent(budget: &BudgetView) -> u64 {
    let used = budget.used.saturating_mul(100);
    used.checked_div(budget.units).unwrap_or(100)
}

fn budget(html: &mut String, budget: &BudgetView, now_ns: i64) {
    let exchange = budget.exchange.as_deref().unwrap_or("no exchange");
    let name = format!(
        "{} {} of {}",
        Text(exchange),
        Text(&budget.budget),
        Text(&budget.egress)
    );
    let (used, units) = (budget.used.min(budget.units), budget.units);
    let per = match budget.per_ms {
        millis if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    };
    let mut state = format!("{} of {units} in {per}", budget.used);
    if budget.waiting > 0 {
        let _ = write!(state, ", {} waiting", budget.waiting);
    }
    let banned = match budget.banned_until_ns {
        Some(until_ns) => format!(
            " {}",
            pill("bad", &format!("banned, {}", until(now_ns, Some(until_ns))))
        ),
        None => String::new(),
    };
    let (high, low) = (units.saturating_mul(9) / 10, units.saturating_mul(7) / 10);
    let _ = write!(
        html,
        r#"<li><div class="line"><span>{name}{banned}</span><span class="quiet">{state}</span></div><meter min="0" max="{units}" low="{low}" high="{high}" optimum="0" value="{used}" aria-label="{name}">{state}</meter></li>"#,
    );
}

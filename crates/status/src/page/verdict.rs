//! What is wrong, and what happened.

use std::fmt::Write;

use super::html::{Text, or_dash};
use super::time::{age, clock, left};
use crate::model::{Culprit, FleetView, Gravity, NotableEvent, Readiness, Status};

/// The verdict, and what is to blame.
pub(super) fn verdict(status: &Status) -> String {
    let readiness = &status.readiness;
    let now_ns = status.taken_ns;
    let (class, words) = match (
        readiness.is_ready,
        readiness.culprits.len() + readiness.more,
    ) {
        (true, _) => ("good", "Ready".to_owned()),
        (false, 0) if status.fleet.is_some_and(|it| !it.has_joined()) => {
            ("bad", "Not ready: the fleet is not joined yet".to_owned())
        }
        (false, 0) => ("bad", "Not ready: no feed is watched".to_owned()),
        (false, 1) => ("bad", "Not ready: 1 fault".to_owned()),
        (false, count) => {
            let count = thousands(u64::try_from(count).unwrap_or(u64::MAX));
            ("bad", format!("Not ready: {count} faults"))
        }
    };
    let output = &status.output;
    let frame = if readiness.is_ready {
        "card"
    } else {
        "card is-bad"
    };
    let mut html = format!(
        r#"<div class="{frame}"><div class="verdict"><strong class="{class}" role="status">{words}</strong><dl><div><dt>Up</dt><dd>{up}</dd></div><div><dt>Events out</dt><dd>{events}</dd></div><div><dt>Waiting</dt><dd>{waiting}</dd></div><div><dt>Dropped</dt><dd class="{dropped_class}">{dropped}</dd></div>{fleet}</dl></div>"#,
        fleet = status.fleet.as_ref().map(fleet).unwrap_or_default(),
        up = age(now_ns, status.started_ns),
        events = thousands(output.events),
        waiting = thousands(output.waiting),
        dropped = thousands(output.dropped),
        dropped_class = if output.dropped > 0 { "bad" } else { "" },
    );
    let groups = grouped(readiness);
    if !groups.is_empty() {
        html.push_str(r#"<ul class="faults" aria-label="Faults">"#);
        for (first, others) in groups.iter().take(FAULTS) {
            culprit(&mut html, first, *others, now_ns);
        }
        html.push_str("</ul>");
    }
    if groups.len() > FAULTS || readiness.more > 0 {
        html.push_str(r#"<p class="quiet">and more: the symbols below begin with the worst</p>"#);
    }
    html.push_str("</div>");
    html
}

/// How it stands in its fleet.
fn fleet(fleet: &FleetView) -> String {
    let FleetView {
        is_connected,
        collectors,
        owned,
        confirmed,
        differing,
    } = fleet;
    let (class, problem) = match (is_connected, differing) {
        (true, 0) => ("", String::new()),
        (true, _) => ("bad", format!(", {differing} with other feeds")),
        (false, _) => ("bad", ", server does not answer".to_owned()),
    };
    format!(
        r#"<div><dt>Fleet</dt><dd class="{class}">{owned} shards ({confirmed} confirmed), {collectors} collectors{problem}</dd></div>"#
    )
}

/// How many kinds of faults are shown.
const FAULTS: usize = 10;

/// The culprits that differ in their symbols only, as the first and how many others.
fn grouped(readiness: &Readiness) -> Vec<(&Culprit, usize)> {
    let mut groups: Vec<(&Culprit, usize)> = Vec::new();
    for culprit in &readiness.culprits {
        let is_alike = |(first, _): &&mut (&Culprit, usize)| {
            (first.fault, &first.exchange, &first.channel, &first.proxy)
                == (
                    culprit.fault,
                    &culprit.exchange,
                    &culprit.channel,
                    &culprit.proxy,
                )
        };
        match groups.iter_mut().find(is_alike) {
            Some((_, others)) => *others += 1,
            None => groups.push((culprit, 0)),
        }
    }
    groups
}

fn culprit(html: &mut String, culprit: &Culprit, others: usize, now_ns: i64) {
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        r#"<li><span class="pill bad">{}</span> <strong>{}</strong>"#,
        culprit.fault,
        Text(&culprit.exchange)
    );
    if let Some(symbol) = &culprit.symbol {
        let _ = write!(html, " {}", Text(symbol));
    }
    if others > 0 {
        let _ = write!(html, " and {others} others");
    }
    if let Some(channel) = &culprit.channel {
        let _ = write!(html, ", {}", Text(channel));
    }
    match culprit.since_ns {
        Some(since_ns) => {
            let _ = write!(html, ", for {}", age(now_ns, since_ns));
        }
        None => html.push_str(", from the beginning"),
    }
    if let Some(proxy) = &culprit.proxy {
        let _ = write!(html, ", via <code>{}</code>", Text(proxy));
    }
    if let Some(cause) = &culprit.cause {
        let _ = write!(html, r#"<span class="cause">{}</span>"#, Text(cause));
    }
    html.push_str("</li>");
}

/// The last notable events.
pub(super) fn events(status: &Status) -> String {
    if status.events.is_empty() {
        return r#"<p class="quiet">Nothing has happened that is notable.</p>"#.to_owned();
    }
    let mut html = String::from(
        r#"<ol class="events tall" tabindex="0" aria-label="Notable events, the newest first">"#,
    );
    for it in &status.events {
        event(&mut html, it);
    }
    html.push_str("</ol>");
    html
}

fn event(html: &mut String, event: &NotableEvent) {
    let (class, words) = match event.gravity {
        Gravity::Info => ("", "info"),
        Gravity::Warning => ("busy", "warning"),
        Gravity::Error => ("bad", "error"),
    };
    let mut place: Vec<String> = Vec::new();
    place.extend(event.exchange.as_ref().map(|it| Text(it).to_string()));
    place.extend(event.symbol.as_ref().map(|it| Text(it).to_string()));
    place.extend(event.connection.map(|it| format!("#{it}")));
    let times = match event.times {
        1 => String::new(),
        times => format!(r#" <span class="quiet">({times} times)</span>"#),
    };
    let _ = write!(
        html,
        r#"<li><span class="quiet">{}</span><span><span class="pill {class}">{words}</span></span><span class="where">{}</span><span class="text">{}{times}</span></li>"#,
        clock(event.at_ns),
        place.join(" "),
        Text(&event.text)
    );
}

/// A number with its digits in groups of three.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// How long until `at_ns`, if that is to come.
pub(super) fn until(now_ns: i64, at_ns: Option<i64>) -> String {
    or_dash(at_ns.map(|at_ns| left(now_ns, at_ns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_in_groups() {
        let shown = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(
            shown,
            ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
    }
}

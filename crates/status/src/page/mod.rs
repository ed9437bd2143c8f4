//! The page for people.
//!
//! Its sections are rendered here, for the first view and for every change: what a browser does is to put them
//! in place.

mod exchanges;
mod html;
mod proxies;
mod symbols;
mod time;
mod verdict;
mod view;

use std::fmt::Write;

use self::html::Text;
pub use self::view::View;
use crate::model::Status;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");
const ICON: &str = include_str!("icon.svg");

type Section = fn(&Status, &View) -> String;

/// The sections that change, by the ids of the elements that they are in.
const SECTIONS: [(&str, Section); 8] = [
    ("verdict", |status, _| verdict::verdict(status)),
    ("exchanges", |status, _| exchanges::tiles(status)),
    ("proxies", |status, _| proxies::proxies(status)),
    ("connections", |status, _| exchanges::connections(status)),
    ("budgets", |status, _| proxies::budgets(status)),
    ("symbols", symbols::symbols),
    ("routes", |status, _| proxies::routes(status)),
    ("events", |status, _| verdict::events(status)),
];

/// The sections of the page that change, as HTML, by the ids of their elements.
#[must_use]
pub fn sections(status: &Status, view: &View) -> Vec<(&'static str, String)> {
    let sections = SECTIONS.iter();
    sections
        .map(|(id, section)| (*id, section(status, view)))
        .collect()
}

/// The whole page.
#[must_use]
pub fn render(status: &Status, view: &View) -> String {
    let [
        (_, verdict),
        (_, exchanges),
        (_, proxies),
        (_, connections),
        (_, budgets),
        (_, symbols),
        (_, routes),
        (_, events),
    ] = SECTIONS.map(|(id, section)| (id, section(status, view)));
    let program = Text(&status.program);
    let filter = symbols::filter(status, view);
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{program}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script src="/live.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<h1>{program}</h1>
<nav aria-label="Sections">{nav}</nav>
<span id="feed" role="status" data-state="still">as of {clock} UTC</span>
</header>
<main id="main" tabindex="-1">
<section class="plain" aria-label="Verdict" id="verdict">{verdict}</section>
<section class="plain" aria-label="Exchanges" id="exchanges">{exchanges}</section>
<section><h2 id="proxies-title">Proxies</h2><div id="proxies">{proxies}</div></section>
<section class="wide"><h2 id="connections-title">Connections</h2><div id="connections">{connections}</div></section>
<section class="narrow"><h2 id="budgets-title">Budgets of the exchanges</h2><div id="budgets">{budgets}</div></section>
<section><h2 id="symbols-title">Symbols</h2>{filter}<div id="symbols">{symbols}</div></section>
<section class="half"><h2 id="routes-title">Routes</h2><div id="routes">{routes}</div></section>
<section class="half"><h2 id="events-title">Notable events</h2><div id="events">{events}</div></section>
<footer>Times are UTC. The same as JSON: <a href="/status.json">/status.json</a>, and for probes: <a href="/ready">/ready</a></footer>
</main>
</body>
</html>
"##,
        nav = nav(),
        clock = time::clock(status.taken_ns),
    )
}

fn nav() -> String {
    let mut nav = String::new();
    for name in [
        "Proxies",
        "Connections",
        "Budgets",
        "Symbols",
        "Routes",
        "Events",
    ] {
        let id = name.to_lowercase();
        // Writing to a string cannot fail.
        let _ = write!(nav, r##"<a href="#{id}-title">{name}</a>"##);
    }
    nav
}

/// What else the page loads: the type and the content.
#[must_use]
pub fn asset(path: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "/style.css" => ("text/css; charset=utf-8", STYLE),
        "/live.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "/icon.svg" => ("image/svg+xml", ICON),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

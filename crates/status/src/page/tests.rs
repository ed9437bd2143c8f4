//! What comes from outside stays text, and every section has its place.

use serde_json::{Value, json};

use super::*;
use crate::model::State;
use crate::sample::{NOW_S, cut, failed, ns, status, turn};

/// What would add an element, or leave an attribute.
const HOSTILE: &str = "\"'><img src=x onerror=alert(1)>&";

/// Fields whose values are words of the model.
const WORDS: [&str; 4] = ["state", "gravity", "fault", "breaker"];

/// One of everything.
fn full() -> Status {
    let mut status = status(&["A-B", "C-D"]);
    turn(&mut status, 0, 2, State::Invalid, NOW_S - 40);
    status.exchanges[0].symbols[0].channels[2].reason = Some("gap".to_owned());
    let misspelt = &mut status.exchanges[0].symbols[1];
    misspelt.state = State::NotTrading;
    misspelt.channels.clear();
    misspelt.nearest = vec!["C-E".to_owned()];
    let connections = status.exchanges[0].connections.clone();
    cut(&mut status, NOW_S - 40);
    status.exchanges[0].connections = connections;
    let mut proxy = failed("http://***@proxy.example:1", NOW_S - 10);
    proxy.marks = vec!["banned by binance".to_owned()];
    proxy.egress = Some("192.0.2.1".to_owned());
    status.proxies = vec![proxy];
    status.routes[0].set_by = Some("cryptofeed.yaml:1:1".to_owned());
    let json = json!({
        "budgets": [{"exchange": "binance", "egress": "direct", "budget": "weight", "units": 6000,
            "per_ms": 60000, "used": 5900, "waiting": 1, "banned_until_ns": ns(NOW_S + 60)}],
        "lists": [{"source": "list.txt", "proxies": 1, "refused": 2, "last_good_ns": ns(1),
            "error": "it is missing"}],
        "events": [{"at_ns": ns(1), "gravity": "error", "kind": "disconnected", "exchange": "binance",
            "connection": 1, "symbol": "A-B", "text": "the proxy refused", "times": 3}],
    });
    status.budgets = serde_json::from_value(json["budgets"].clone()).unwrap();
    status.lists = serde_json::from_value(json["lists"].clone()).unwrap();
    status.events = serde_json::from_value(json["events"].clone()).unwrap();
    status.readiness = crate::readiness::judged(&status);
    status
}

/// Makes every text from outside hostile.
fn poison(value: &mut Value) {
    match value {
        Value::String(text) => *text += HOSTILE,
        Value::Array(items) => items.iter_mut().for_each(poison),
        Value::Object(fields) => {
            let fields = fields.iter_mut();
            let outside = fields.filter(|(name, _)| !WORDS.contains(&name.as_str()));
            outside.for_each(|(_, value)| poison(value));
        }
        _ => {}
    }
}

#[test]
fn no_text_from_outside_adds_an_element() {
    let mut json = serde_json::to_value(full()).unwrap();
    poison(&mut json);
    let poisoned: Status = serde_json::from_value(json).unwrap();
    let view = View::parse("q=&state=wrong");
    let page = render(&poisoned, &view);
    assert!(!page.contains("<img"), "{page}");
    let hostile = Text(HOSTILE).to_string();
    assert!(page.matches(&hostile).count() > 20, "{page}");
    let searched = View::parse("q=%22%3E%3Cimg%20src%3Dx%3E");
    assert!(!render(&poisoned, &searched).contains("<img"));
    for (id, html) in sections(&poisoned, &view) {
        assert!(!html.contains("<img"), "{id}: {html}");
    }
}

#[test]
fn each_section_has_its_element_on_the_page_and_tells_its_part() {
    let status = full();
    let page = render(&status, &View::default());
    for (id, html) in sections(&status, &View::default()) {
        assert!(page.contains(&format!(r#"id="{id}""#)), "{id}");
        assert!(page.contains(&html), "{id}");
    }
    for part in [
        "Not ready: 2 faults",
        "http://***@proxy.example:1",
        "banned by binance",
        "5900 of 6000 in 60 s, 1 waiting",
        "banned, 1 min",
        "like C-E",
        "cryptofeed.yaml:1:1",
        "the proxy refused",
        "(3 times)",
        "it is missing",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_page_has_fifty_symbols_the_worst_first_and_leads_to_the_others() {
    let names: Vec<_> = (0..120).map(|number| format!("A{number:03}-B")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut status = status(&names);
    turn(&mut status, 117, 0, State::Stale, 1);
    let rows = |query: &str| {
        let html = symbols::symbols(&status, &View::parse(query));
        let rows = html.split("<tr><th scope=\"row\">").skip(1);
        let names = rows.map(|row| row.split(' ').next().unwrap().to_owned());
        (names.collect::<Vec<_>>(), html)
    };
    let (first, html) = rows("");
    assert_eq!(
        (first.len(), &*first[0], &*first[1]),
        (50, "A117-B", "A000-B")
    );
    assert!(
        html.contains(r##"<a href="/?page=2#symbols-title">next</a>"##),
        "{html}"
    );
    assert!(!html.contains("previous"), "{html}");
    let (last, html) = rows("page=99");
    assert_eq!((last.len(), &*last[19]), (20, "A119-B"));
    assert!(
        html.contains("101 to 120 of 120") && !html.contains("next"),
        "{html}"
    );
    assert_eq!(rows("q=a01").0.len(), 10);
    assert_eq!(rows("state=wrong").0, ["A117-B"]);
    assert_eq!(rows("exchange=okx").0.len(), 0);
}

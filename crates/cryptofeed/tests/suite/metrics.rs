//! The metrics of the crates, and their table in the specification.

use std::collections::BTreeSet;

use testkit::documented;
use transport::{Metric, MetricKind};

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/technical-specification.md"
);

fn all() -> impl Iterator<Item = &'static Metric> {
    let metrics = [
        proxy_injector::METRICS,
        feeds::METRICS,
        status::METRICS,
        status::SYMBOL_METRICS,
    ];
    metrics.into_iter().flatten()
}

#[test]
fn the_specification_has_every_metric_as_it_is() {
    let head = ["| metric | type | labels | meaning |", "|---|---|---|---|"];
    let rows = all().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let Metric {
            name, kind, help, ..
        } = metric;
        let kind = kind.as_str();
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    });
    let rows: Vec<_> = head.into_iter().map(str::to_owned).chain(rows).collect();
    assert_eq!(documented(PAGE, "metrics", &rows.join("\n")), Ok(()));
}

#[test]
fn names_follow_the_conventions_and_no_label_has_unbounded_values() {
    let bounded = [
        "budget",
        "channel",
        "egress",
        "exchange",
        "outcome",
        "phase",
        "program",
        "proxy",
        "reason",
        "state",
        "transport",
        "type",
    ];
    let mut names = BTreeSet::new();
    for metric in all() {
        let name = metric.name;
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.starts_with("cryptofeed_"), "{name}");
        let is_total = metric.kind == MetricKind::Counter;
        assert_eq!(name.ends_with("_total"), is_total, "{name}");
        if metric.kind == MetricKind::Histogram {
            assert_eq!(metric.unit(), Some("seconds"), "{name}");
        }
        for label in metric.labels {
            let is_asked_for = *label == "symbol" && name.starts_with("cryptofeed_symbol_");
            assert!(is_asked_for || bounded.contains(label), "{name}: {label}");
        }
    }
}

//! The alert rules of Prometheus.

use std::collections::BTreeSet;

use transport::Metric;

use super::{file, installed, succeeds, text};

const RULES: &str = "prometheus-rules.yaml";
const TESTS: &str = "prometheus-rules.test.yaml";

/// What stands behind a key, in each line that begins with it.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines();
    lines.filter_map(move |line| line.trim().strip_prefix(key))
}

/// The words of ours in a text that may be metrics.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let series = words.filter(|word| word.starts_with("cryptofeed_"));
    series
        .map(|series| {
            let parts = ["_sum", "_count", "_bucket"];
            let part = parts.iter().find_map(|part| series.strip_suffix(part));
            part.unwrap_or(series)
        })
        .collect()
}

#[test]
fn each_alert_fires_where_it_must_and_none_on_a_good_day() {
    if let Some(mut promtool) = installed("promtool") {
        succeeds(promtool.args(["test", "rules"]).arg(file(TESTS)));
    }
}

#[test]
fn each_alert_has_a_test_and_a_section_of_the_guide_and_names_what_to_do() {
    let (rules, tests) = (text(RULES), text(TESTS));
    let alerts: Vec<_> = values(&rules, "- alert: ").collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    for alert in &alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert}");
    }
    for key in ["summary: ", "description: ", "guide: "] {
        assert_eq!(values(&rules, key).count(), alerts.len(), "{key}");
    }
    let guide = std::fs::read_to_string(file("../user-guide.md")).unwrap();
    let headings = guide.lines().filter(|line| line.starts_with('#'));
    let anchors: BTreeSet<_> = headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let is_kept = |c: &char| c.is_alphanumeric() || ['-', '_'].contains(c);
            heading
                .replace(' ', "-")
                .chars()
                .filter(is_kept)
                .collect::<String>()
        })
        .collect();
    for section in values(&rules, "guide: ") {
        let anchor = section.strip_prefix("user-guide.md#").unwrap();
        assert!(anchors.contains(anchor), "{section}");
    }
}

fn all() -> impl Iterator<Item = &'static Metric> {
    let program = [status::METRICS, status::SYMBOL_METRICS].into_iter();
    let all = program.chain([proxy_injector::METRICS, feeds::METRICS]);
    all.flatten()
}

/// The labels of the metrics in a text, and those that every series gets from Prometheus.
fn labels(text: &str) -> BTreeSet<&'static str> {
    let names = metrics(text);
    let ours = all().filter(|metric| names.contains(metric.name));
    let labels = ours.flat_map(|metric| metric.labels.iter().copied());
    labels.chain(["instance", "job"]).collect()
}

#[test]
fn the_rules_are_about_metrics_and_labels_that_there_are() {
    let known: BTreeSet<_> = all().map(|metric| metric.name).collect();
    let (rules, tests) = (text(RULES), text(TESTS));
    for text in [&rules, &tests] {
        let unknown: Vec<_> = metrics(text).difference(&known).copied().collect();
        assert_eq!(unknown, [""; 0]);
    }
    for alert in rules.split("- alert: ").skip(1) {
        let known = labels(alert);
        for shown in alert.split("$labels.").skip(1) {
            let label = shown.split(' ').next().unwrap();
            assert!(known.contains(label), "{label}: {alert}");
        }
    }
    for series in values(&tests, "- {series: '") {
        let (selector, _) = series.split_once('}').unwrap();
        let known = labels(selector);
        let (_, given) = selector.split_once('{').unwrap();
        for label in given.split(", ") {
            let (label, _) = label.split_once('=').unwrap();
            assert!(known.contains(label), "{series}");
        }
    }
}

//! The dashboard of Grafana, which is made from the table of metrics.

use serde_json::{Value, json};
use transport::{Metric, MetricKind};

use super::{file, installed, succeeds, text};
use crate::workspace::Workspace;

const DASHBOARD: &str = "grafana-dashboard.json";

/// Panels in a row, of the 24 columns that there are.
const COLUMNS: usize = 3;
const WIDTH: usize = 24 / COLUMNS;
const HEIGHT: usize = 8;

const ROWS: [(&str, &[Metric]); 4] = [
    ("Program", status::METRICS),
    ("Feeds", feeds::METRICS),
    ("Proxies and dials", proxy_injector::METRICS),
    (
        "Symbols, with `status.metrics_per_symbol`",
        status::SYMBOL_METRICS,
    ),
];

/// Of what there is for each symbol, so many series are shown.
const SHOWN: usize = 20;

const SELECTOR: &str = "job=\"$job\", instance=~\"$instance\"";

fn dashboard() -> Value {
    let mut panels = Vec::new();
    let mut top = 0;
    for (title, metrics) in ROWS {
        let place = json!({"x": 0, "y": top, "w": 24, "h": 1});
        panels.push(json!({"type": "row", "title": title, "collapsed": false, "gridPos": place, "panels": []}));
        for (number, metric) in metrics.iter().enumerate() {
            let (row, column) = (number / COLUMNS, number % COLUMNS);
            let place = json!({
                "x": column * WIDTH, "y": top + 1 + row * HEIGHT, "w": WIDTH, "h": HEIGHT,
            });
            panels.push(panel(metric, &place));
        }
        top += 1 + metrics.len().div_ceil(COLUMNS) * HEIGHT;
    }
    let numbered = panels.iter_mut().zip(1..);
    for (panel, id) in numbered {
        panel["id"] = json!(id);
    }
    json!({
        "title": "cryptofeed",
        "uid": "cryptofeed",
        "tags": ["cryptofeed"],
        "schemaVersion": 39,
        "timezone": "utc",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus"},
            variable("job", "label_values(up, job)", false),
            variable("instance", "label_values(up{job=\"$job\"}, instance)", true),
        ]},
        "panels": panels,
    })
}

fn variable(name: &str, query: &str, has_all: bool) -> Value {
    json!({
        "name": name, "type": "query", "query": query, "refresh": 2,
        "includeAll": has_all, "multi": has_all, "datasource": {"uid": "${datasource}"},
    })
}

fn panel(metric: &Metric, place: &Value) -> Value {
    let name = metric.name.trim_start_matches("cryptofeed_");
    let title = name.trim_end_matches("_total").replace('_', " ");
    let targets: Vec<_> = queries(metric)
        .into_iter()
        .zip(["A", "B"])
        .map(|((expr, legend), id)| json!({"refId": id, "expr": expr, "legendFormat": legend}))
        .collect();
    let unit = match (metric.kind, metric.unit()) {
        (MetricKind::Counter, Some("bytes")) => "Bps",
        (MetricKind::Counter, _) => "cps",
        (_, Some("seconds")) => "s",
        (_, Some("bytes")) => "bytes",
        _ => "short",
    };
    json!({
        "type": "timeseries", "title": title, "description": metric.help, "gridPos": place,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": targets,
    })
}

/// Whether its values are seconds since 1970, of which the age is shown.
fn is_time(metric: &Metric) -> bool {
    let ends = ["_timestamp_seconds", "_start_time_seconds"];
    ends.iter().any(|end| metric.name.ends_with(end))
}

/// What a panel shows of a metric, each with its legend.
fn queries(metric: &Metric) -> Vec<(String, String)> {
    let name = metric.name;
    // Those in a state are too many to be named.
    let is_counted = |label: &&&str| **label != "symbol" || !metric.labels.contains(&"state");
    let labels: Vec<_> = metric.labels.iter().filter(is_counted).copied().collect();
    let values = labels.iter().map(|label| format!("{{{{{label}}}}}"));
    let is_per_symbol = labels.contains(&"symbol");
    let labels = labels.join(", ");
    let legend = values.collect::<Vec<_>>().join(" ");
    let rate = |part: &str| format!("rate({name}{part}{{{SELECTOR}}}[$__rate_interval])");
    let sum = |by: &str, of: String| match is_per_symbol {
        true => format!("topk({SHOWN}, sum by ({by}) ({of}))"),
        false => format!("sum by ({by}) ({of})"),
    };
    match metric.kind {
        MetricKind::Counter => vec![(sum(&labels, rate("")), legend)],
        MetricKind::Gauge if is_time(metric) => {
            let age = sum(&labels, format!("time() - {name}{{{SELECTOR}}}"));
            vec![(age, legend)]
        }
        MetricKind::Gauge => vec![(sum(&labels, format!("{name}{{{SELECTOR}}}")), legend)],
        MetricKind::Histogram => {
            let [total, count] = ["_sum", "_count"].map(|part| sum(&labels, rate(part)));
            let buckets = sum(&format!("le, {labels}"), rate("_bucket"));
            let highest = format!("histogram_quantile(0.99, {buckets})");
            vec![
                (format!("{total} / {count}"), format!("{legend} mean")),
                (highest, format!("{legend} 99 %")),
            ]
        }
    }
}

#[test]
fn the_dashboard_is_that_of_the_metrics() {
    let expected = format!("{:#}\n", dashboard());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file(DASHBOARD), &expected).unwrap();
    }
    assert!(
        text(DASHBOARD) == expected,
        "docs/deploy/{DASHBOARD} is out of date; run the test again with UPDATE_DOCS=1"
    );
}

#[test]
fn prometheus_understands_every_query_of_the_dashboard() {
    let Some(mut promtool) = installed("promtool") else {
        return;
    };
    let metrics = ROWS.iter().flat_map(|(_, metrics)| *metrics);
    let queries = metrics.flat_map(queries);
    let rules = queries.enumerate().map(|(number, (query, _))| {
        let query = query.replace("$__rate_interval", "1m");
        json!({"record": format!("query_{number}"), "expr": query})
    });
    let rules: Vec<_> = rules.collect();
    assert!(rules.len() > ROWS.iter().map(|(_, metrics)| metrics.len()).sum());
    // JSON is YAML.
    let file = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let workspace = Workspace::new();
    let file = workspace.file("rules.yaml", &file.to_string());
    succeeds(promtool.args(["check", "rules"]).arg(file));
}

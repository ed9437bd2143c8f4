//! Metrics per symbol, in the text format of Prometheus.

use std::fmt::{self, Display, Write};

use transport::Metric;

use crate::model::{ChannelView, Status};

/// What is told of each symbol and channel, if [that is asked for](crate::Metrics::with_symbols).
pub const SYMBOL_METRICS: &[Metric] = &[LAST_EVENT, EVENTS, GAPS, STATE];

const LAST_EVENT: Metric = Metric::gauge(
    "cryptofeed_symbol_last_event_timestamp_seconds",
    &["exchange", "symbol", "channel"],
    "When the last event arrived, in seconds since 1970, UTC: `time()` less this is its age. Only with \
     `status.metrics_per_symbol`, as the following.",
);

const EVENTS: Metric = Metric::counter(
    "cryptofeed_symbol_events_total",
    &["exchange", "symbol", "channel"],
    "Events with market data, since the symbol is streamed.",
);

const GAPS: Metric = Metric::counter(
    "cryptofeed_symbol_gaps_total",
    &["exchange", "symbol", "channel"],
    "How many times something was missing: gaps between trades, or ends of what was true of a book.",
);

const STATE: Metric = Metric::gauge(
    "cryptofeed_symbol_state",
    &["exchange", "symbol", "channel", "state"],
    "1 for the state that a symbol's channel is in: `live`, `joining`, `invalid` (a book), `stale` or `unconnected`. The \
     others have no series.",
);

/// Appends the metrics of the symbols of `status` to `text`.
//
// Not by way of the recorder, which would keep the series of every symbol that there ever was.
pub(crate) fn append(text: &mut String, status: &Status) {
    let streams: Vec<_> = streams(status).collect();
    for metric in SYMBOL_METRICS {
        let Metric { name, kind, .. } = metric;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", metric.help);
        let _ = writeln!(text, "# TYPE {name} {}", kind.as_str());
        for (labels, channel) in &streams {
            let _ = match *metric {
                LAST_EVENT => match channel.last_event_ns {
                    Some(ns) => writeln!(text, "{name}{{{labels}}} {}", Seconds(ns)),
                    None => Ok(()),
                },
                EVENTS => writeln!(text, "{name}{{{labels}}} {}", channel.events),
                GAPS => writeln!(text, "{name}{{{labels}}} {}", channel.gaps),
                _ => writeln!(
                    text,
                    "{name}{{{labels},state=\"{}\"}} 1",
                    channel.state.word()
                ),
            };
        }
        text.push('\n');
    }
}

/// The channels of all symbols, with their labels.
fn streams(status: &Status) -> impl Iterator<Item = (String, &ChannelView)> {
    status.exchanges.iter().flat_map(|exchange| {
        exchange.symbols.iter().flat_map(|symbol| {
            symbol.channels.iter().map(|channel| {
                let names = [&exchange.exchange, &symbol.symbol, &channel.channel];
                let [exchange, symbol, name] = names.map(|it| Value(it));
                let labels =
                    format!("exchange=\"{exchange}\",symbol=\"{symbol}\",channel=\"{name}\"");
                (labels, channel)
            })
        })
    })
}

/// The value of a label.
struct Value<'a>(&'a str);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Nanoseconds as seconds, to the millisecond.
struct Seconds(i64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.max(0) / 1_000_000;
        write!(f, "{}.{:03}", millis / 1000, millis % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;
    use crate::sample::{status, turn};

    fn told(status: &Status) -> String {
        let mut text = String::new();
        append(&mut text, status);
        text
    }

    #[test]
    fn each_channel_has_its_last_event_its_counts_and_its_state() {
        let mut status = status(&["A-B", "C\"\\\nD"]);
        turn(&mut status, 0, 2, State::Invalid, 900);
        status.exchanges[0].symbols[0].channels[0].events = 7;
        status.exchanges[0].symbols[0].channels[1].last_event_ns = None;
        let text = told(&status);
        let labels =
            |channel: &str| format!("{{exchange=\"binance\",symbol=\"A-B\",channel=\"{channel}\"");
        for line in [
            format!(
                "_last_event_timestamp_seconds{}}} 1000.000",
                labels("trades")
            ),
            format!("_events_total{}}} 7", labels("trades")),
            format!("_gaps_total{}}} 0", labels("l2_book")),
            format!("_state{},state=\"invalid\"}} 1", labels("l2_book")),
            format!("_state{},state=\"live\"}} 1", labels("trades")),
        ] {
            assert!(
                text.contains(&format!("\ncryptofeed_symbol{line}\n")),
                "{line}: {text}"
            );
        }
        let never = format!("_last_event_timestamp_seconds{}", labels("ticker"));
        assert!(!text.contains(&never), "{text}");
        assert!(
            text.contains(r#"symbol="C\"\\\nD",channel="ticker"} 0"#),
            "{text}"
        );
        assert_eq!(text.matches(",state=").count(), 6);
        assert_eq!(text.matches("# TYPE ").count(), SYMBOL_METRICS.len());
    }

    #[test]
    fn what_is_gone_has_no_series() {
        let mut status = status(&["A-B"]);
        assert!(told(&status).contains("A-B"));
        status.exchanges[0].symbols.clear();
        assert!(!told(&status).contains('{'));
    }
}

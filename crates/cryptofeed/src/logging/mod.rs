//! Logging to standard error.

mod fields;
mod filter;

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::fields::PrintableFields;
use self::filter::parse;
use crate::failure::Failure;
use crate::stderr::{self, LogLines};

/// The variable with the log filter.
pub(crate) const VARIABLE: &str = "CRYPTOFEED_LOG";

/// The variable with the format.
pub(crate) const FORMAT_VARIABLE: &str = "CRYPTOFEED_LOG_FORMAT";

/// The default filter: our own crates from `INFO` on, all others from `WARN` on.
pub(crate) const OURS: &str =
    "warn,cryptofeed=info,fleet=info,proxy_injector=info,sinks=info,transport_tunnel=info";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Readable lines
    Text,
    /// One JSON object per line
    Json,
}

impl LogFormat {
    /// Parses `text` or `json`. An empty variable counts as unset.
    pub(crate) fn parse(word: &str) -> Result<Self, &'static str> {
        match word {
            "" | "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json"),
        }
    }
}

/// Starts logging with `filter`. Lines that a slow reader does not take are lost.
pub(crate) fn init(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = parse(filter).map_err(|error| {
        Failure::Configuration(vec![format!("the log filter is not understood: {error}")])
    })?;
    // What that has to say, `sinks` says, with fields that are documented.
    let filter = filter.with_target("async_nats", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().with_writer(LogLines);
    let lines = match format {
        LogFormat::Text => lines
            .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .fmt_fields(PrintableFields)
            .boxed(),
        // Flat, as the table of fields in the specification has it.
        LogFormat::Json => {
            stderr::write_json();
            lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .boxed()
        }
    };
    tracing_subscriber::registry()
        // A line has what it is about by itself.
        .with(lines.with_filter(filter_fn(|told| !told.is_span())))
        .with(filter)
        .try_init()
        .map_err(|error| Failure::runtime("start logging", error))
}

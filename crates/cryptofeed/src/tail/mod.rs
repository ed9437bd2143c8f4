//! `cryptofeed tail`.

mod report;

use std::path::Path;

use clap::Args;
use sinks::tail::{Summary, read_files, read_stream};
use sinks::{NatsSettings, NatsUrl};
use tokio::task::spawn_blocking;

use crate::configuration::ConfigurationArgs;
use crate::failure::Failure;
use crate::stdout;

const EXAMPLES: &str = "\
Examples:
  cryptofeed tail /var/lib/cryptofeed
  cryptofeed tail events.jsonl
  cryptofeed tail nats://127.0.0.1:4222 --json";

/// Read back what `run` has stored, and check that it is whole
///
/// Every book is rebuilt from its snapshots and changes. Sequences and trades that are missing or there
/// twice are found, and so are changes that do not follow, books whose best prices meet, and lines that are
/// no events. What a feed has told to be missing, and what a sink has told to have dropped, is no finding.
///
/// Of a folder, all files are read, also those that are still being written: only these may end within a
/// line. A stream is read from its first event to the one that is the last at the start. The exit code is 1
/// if there are findings, and if nothing is stored there.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Tail {
    /// A folder, a file of JSON Lines (.zst if it is compressed), or the address of a NATS server
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    configuration: ConfigurationArgs,
}

impl Tail {
    pub(crate) async fn execute(self) -> Result<(), Failure> {
        let is_stream = self.source.contains("://");
        let summary = if is_stream {
            self.read_stream().await?
        } else {
            read_folder(self.source.clone()).await?
        };
        if self.json {
            stdout::print_json(&summary)?;
        } else {
            stdout::print(&report::text(&summary))?;
        }
        match (summary.wrong, summary.events) {
            // A wrong path looks like this, and must not pass for data that are whole.
            (0, 0) => Err(Failure::NothingStored {
                source: self.source,
            }),
            (0, _) => Ok(()),
            (wrong, _) => Err(Failure::Tail { wrong }),
        }
    }

    /// Reads the stream that is configured, or the usual one, with the login that is configured.
    async fn read_stream(&self) -> Result<Summary, Failure> {
        let wrong = |problem| Failure::Configuration(vec![format!("SOURCE: {problem}")]);
        let url = NatsUrl::parse(&self.source);
        let url = url.map_err(|error| wrong(error.to_string()))?;
        let configured = self.configuration.load()?.sinks().nats.clone();
        let mut settings =
            configured.map_or_else(|| NatsSettings::new(url.clone()), |it| it.settings);
        settings.server.url = url;
        let read = read_stream(&settings.server, &settings.stream.name).await;
        read.map_err(|error| {
            let doing = error.to_string();
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Failure::runtime(doing, cause.unwrap_or_default())
        })
    }
}

async fn read_folder(source: String) -> Result<Summary, Failure> {
    let reading = source.clone();
    let read = spawn_blocking(move || read_files(Path::new(&reading))).await;
    let read = read.map_err(std::io::Error::other).and_then(|read| read);
    read.map_err(|error| Failure::runtime(format!("read {source}"), error))
}

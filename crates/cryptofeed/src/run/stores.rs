//! The sinks beside standard output.

use std::io;
use std::time::Duration;

use feeds::{FeedEvent, QueueLimits};
use sinks::{
    Claim, Fanout, FileSettings, FileSink, NatsSink, OutletLimits, OutletSettings, Unstored,
};
use tokio::task::spawn_blocking;

use super::workers::Workers;
use crate::configuration::ConfiguredSinks;
use crate::failure::Failure;

/// How long sinks may take in the end to store what has come.
const STORING: Duration = Duration::from_secs(5);

/// Sinks that store what is pushed.
#[derive(Debug)]
pub(super) struct Stores {
    fanout: Fanout,
    is_ending: bool,
}

impl Stores {
    /// Opens the sinks, of which each has as much memory as `memory` has for events. They run with the
    /// feeds, so that they keep nothing waiting. `None` if there are none.
    pub(super) async fn open(
        workers: &Workers,
        sinks: &ConfiguredSinks,
        memory: QueueLimits,
    ) -> Result<Option<Self>, Failure> {
        let settings = |backpressure| OutletSettings {
            backpressure,
            limits: OutletLimits {
                bytes: memory.bytes,
                ..OutletLimits::default()
            },
        };
        let mut fanout = Fanout::default();
        if let Some(files) = &sinks.files {
            let sink = open_files(files.settings.clone()).await?;
            workers.run(|| fanout.add("files", sink, settings(files.backpressure)));
        }
        if let Some(nats) = &sinks.nats {
            let sink = NatsSink::new(nats.settings.clone());
            workers.run(|| fanout.add("nats", sink, settings(nats.backpressure)));
        }
        let is_none = sinks.files.is_none() && sinks.nats.is_none();
        Ok((!is_none).then_some(Self {
            fanout,
            is_ending: false,
        }))
    }

    /// Has files completed, and others follow, whenever it is called.
    pub(super) fn reopener(&self) -> impl Fn() + use<> {
        self.fanout.reopener()
    }

    /// Takes the next event, whose JSON is `line`, with the claim to its shard.
    pub(super) fn push(&mut self, event: &FeedEvent, line: &[u8], claim: Option<Claim>) {
        self.fanout.push_claimed(event, line, claim);
    }

    /// Takes the next event, whose JSON nobody has made.
    pub(super) fn push_event(&mut self, event: &FeedEvent, claim: Option<Claim>) {
        let mut line = Vec::new();
        // A vector takes everything, and an event can always be written.
        let _ = event.write_json(&mut line);
        self.push(event, &line, claim);
    }

    /// Has everything stored that was pushed, and waits for sinks that are behind if they are to be waited
    /// for. Cancel safe.
    pub(super) async fn send(&mut self) -> Result<(), Failure> {
        if self.is_ending {
            return Ok(());
        }
        self.fanout.send().await.map_err(Failure::SinkBehind)
    }

    /// What comes from now on is the rest: nothing waits for a sink any longer but [`close`](Self::close).
    pub(super) fn end(&mut self) {
        self.is_ending = true;
    }

    /// Waits until everything is stored, though not for ever.
    pub(super) async fn close(self) -> Result<(), Failure> {
        let unstored = self.fanout.close(STORING).await;
        for Unstored { sink, events } in &unstored {
            tracing::error!(sink, events, "events were not stored");
        }
        match unstored.is_empty() {
            true => Ok(()),
            false => Err(Failure::Unstored(unstored)),
        }
    }
}

/// On a thread that may wait for the disk.
async fn open_files(settings: FileSettings) -> Result<FileSink, Failure> {
    let folder = settings.folder.display().to_string();
    let opened = spawn_blocking(|| FileSink::open(settings)).await;
    let sink = opened.map_err(io::Error::other).and_then(|opened| opened);
    sink.map_err(|cause| Failure::runtime(format!("write files in {folder}"), cause))
}

//! Handing events to several sinks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use feeds::{ExchangeName, FeedEvent};
use tokio::time::Instant;

use crate::books::Books;
use crate::claim::Claim;
use crate::outlet::{Arrival, Outlet, OutletSettings, OutletStatus};
use crate::record::Record;
use crate::run::RunId;
use crate::sink::Sink;

/// When a sink that everything waits for is told of first. Each time after that is twice as late.
const BEHIND: Duration = Duration::from_secs(1);

/// Hands events to sinks.
///
/// [`push`](Self::push) each event, and [`send`](Self::send) when no further one is at hand.
#[derive(Debug, Default)]
pub struct Fanout {
    outlets: Vec<Outlet>,
    runs: HashMap<ExchangeName, Run>,
    /// Only if a sink may drop changes.
    books: Option<Books>,
}

#[derive(Debug)]
struct Run {
    id: RunId,
    /// The last event's number.
    last: u64,
}

/// A sink that was to stop when it is behind, and is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hand events to the sink `{sink}`: it is behind")]
pub struct Behind {
    /// The sink.
    pub sink: &'static str,
}

/// Events that a sink has not stored in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unstored {
    /// The sink.
    pub sink: &'static str,
    /// How many.
    pub events: usize,
}

impl Fanout {
    /// Adds a sink, whose task runs on the current runtime. `name` is for logs and errors.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn add(&mut self, name: &'static str, sink: impl Sink, settings: OutletSettings) {
        let outlet = Outlet::start(name, sink, settings);
        if outlet.drops() {
            self.books.get_or_insert_default();
        }
        self.outlets.push(outlet);
    }

    /// Takes the next event of a feed.
    pub fn push_event(&mut self, event: &FeedEvent) {
        let mut line = Vec::new();
        // A vector takes everything, and an event can always be written.
        let _ = event.write_json(&mut line);
        self.push(event, &line);
    }

    /// Takes the next event of a feed, whose JSON is `line`.
    pub fn push(&mut self, event: &FeedEvent, line: &[u8]) {
        self.push_claimed(event, line, None);
    }

    /// Takes the next event of a feed, whose JSON is `line`, with the claim to the shard that it belongs to.
    pub fn push_claimed(&mut self, event: &FeedEvent, line: &[u8], claim: Option<Claim>) {
        let run = self.run_of(event);
        if let Some(books) = &mut self.books {
            books.take(event);
        }
        let record = Arc::new(Record::new(run, event, line).with_claim(claim));
        let arrival = Arrival {
            event,
            record: &record,
            books: self.books.as_ref(),
        };
        for outlet in &self.outlets {
            outlet.put(arrival);
        }
    }

    /// The run that `event` belongs to: numbers that step back begin another one.
    fn run_of(&mut self, event: &FeedEvent) -> RunId {
        if let Some(run) = self.runs.get_mut(event.exchange.as_str())
            && run.last < event.sequence
        {
            run.last = event.sequence;
            return run.id.clone();
        }
        let id = RunId::begin(event.received_ns);
        let run = Run {
            id: id.clone(),
            last: event.sequence,
        };
        self.runs.insert(event.exchange.clone(), run);
        id
    }

    /// Has the sinks store what was pushed, and waits for those that are behind, unless they are not to be
    /// waited for. Cancel safe.
    ///
    /// # Errors
    /// [`Behind`] if a sink that is to [stop](feeds::Backpressure::Stop) then has more waiting than may.
    pub async fn send(&mut self) -> Result<(), Behind> {
        let mut behind = Vec::new();
        for (place, outlet) in self.outlets.iter_mut().enumerate() {
            if outlet.send() {
                if outlet.stops() {
                    return Err(Behind { sink: outlet.name });
                }
                behind.push(place);
            }
        }
        for outlet in behind.iter().filter_map(|place| self.outlets.get(*place)) {
            wait_for(outlet).await;
        }
        Ok(())
    }

    /// Has every sink that there is now end what can be ended, such as open files, and go on with new ones,
    /// whenever it is called.
    pub fn reopener(&self) -> impl Fn() + Send + Sync + use<> {
        let reopeners: Vec<_> = self.outlets.iter().map(Outlet::reopener).collect();
        move || reopeners.iter().for_each(|reopen| reopen())
    }

    /// The state of each sink, by its name.
    pub fn status(&self) -> impl Iterator<Item = (&'static str, OutletStatus)> {
        self.outlets.iter().map(|it| (it.name, it.status()))
    }

    /// Has everything stored, `within` this time for all sinks together. Returns what is not.
    pub async fn close(self, within: Duration) -> Vec<Unstored> {
        let end = Instant::now() + within;
        let mut unstored = Vec::new();
        self.outlets.iter().for_each(Outlet::close);
        for outlet in self.outlets {
            let sink = outlet.name;
            match outlet.closed(end).await {
                0 => {}
                events => unstored.push(Unstored { sink, events }),
            }
        }
        unstored
    }
}

/// Waits for a sink that is behind, and tells that.
async fn wait_for(outlet: &Outlet) {
    let began_at = Instant::now();
    let mut next = BEHIND;
    loop {
        if tokio::time::timeout_at(began_at + next, outlet.room())
            .await
            .is_ok()
        {
            break;
        }
        next *= 2;
        let (sink, events) = (outlet.name, outlet.status().unstored);
        let behind_s = began_at.elapsed().as_secs();
        tracing::warn!(
            sink,
            behind_s,
            events,
            "the sink is behind: everything waits for it"
        );
    }
    if next > BEHIND {
        let (sink, behind_s) = (outlet.name, began_at.elapsed().as_secs());
        tracing::info!(sink, behind_s, "the sink is not behind any longer");
    }
}

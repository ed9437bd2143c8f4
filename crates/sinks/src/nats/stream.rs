//! The streams of a JetStream.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::CreateStreamError;
use async_nats::jetstream::stream::{Config, Source, Stream};

use super::subject::PREFIX;
use crate::sink::SinkError;

/// The stream that events are stored in, and its limits, for when it is created. One that is there is used
/// as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsStream {
    /// The name, such as `MD`. That of the stream of the last snapshots has `_SNAPSHOTS` behind it.
    pub name: String,
    /// How old events become; without it, there is no limit.
    pub max_age: Option<Duration>,
    /// How many bytes of them there are; without it, there is no limit.
    pub max_bytes: Option<u64>,
    /// How long the server knows a message that it has already.
    pub duplicate_window: Duration,
    /// On how many servers of a cluster events are stored.
    pub replicas: usize,
}

impl Default for NatsStream {
    fn default() -> Self {
        Self {
            name: "MD".to_owned(),
            max_age: None,
            max_bytes: None,
            duplicate_window: Duration::from_secs(120),
            replicas: 1,
        }
    }
}

impl NatsStream {
    /// Whether a text can be the name of a stream.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
    }

    /// The name of the stream of the last snapshot of every book.
    #[must_use]
    pub fn snapshots(&self) -> String {
        format!("{}_SNAPSHOTS", self.name)
    }

    fn events(&self) -> Config {
        let max_age = self.max_age.unwrap_or_default();
        Config {
            name: self.name.clone(),
            subjects: vec![format!("{PREFIX}.>")],
            max_age,
            max_bytes: self
                .max_bytes
                .map_or(-1, |it| i64::try_from(it).unwrap_or(i64::MAX)),
            // The server refuses a window that is longer than the age.
            duplicate_window: match self.max_age {
                Some(max_age) => max_age.min(self.duplicate_window),
                None => self.duplicate_window,
            },
            num_replicas: self.replicas,
            description: Some("Market data: JSON Lines by exchange, type and symbol".to_owned()),
            ..Config::default()
        }
    }

    // A stream of its own that copies from the other one, on the server: subjects belong to one stream only,
    // and whoever reads the events needs the snapshots in between.
    fn last_snapshots(&self) -> Config {
        Config {
            name: self.snapshots(),
            sources: Some(vec![Source {
                name: self.name.clone(),
                filter_subject: Some(format!("{PREFIX}.*.l2_snapshot.*")),
                ..Source::default()
            }]),
            max_messages_per_subject: 1,
            num_replicas: self.replicas,
            description: Some("The last snapshot of every order book".to_owned()),
            ..Config::default()
        }
    }

    /// Has both streams there. A limit that is set and is another one there is told.
    ///
    /// Returns the stream of events.
    pub(super) async fn ensure(&self, context: &Context) -> Result<Stream, SinkError> {
        let failed = |name: &str| {
            let doing = format!("have the stream {name}");
            move |error| SinkError::new(doing, error)
        };
        let wanted = self.events();
        let stream = have(context, wanted.clone()).await;
        let stream = stream.map_err(failed(&self.name))?;
        let found = &stream.cached_info().config;
        let differs = self.max_age.is_some() && found.max_age != wanted.max_age
            || self.max_bytes.is_some() && found.max_bytes != wanted.max_bytes;
        if differs {
            let stream = &self.name;
            tracing::warn!(
                stream,
                "the stream is there already with other limits, which are left as they are"
            );
        }
        let snapshots = have(context, self.last_snapshots()).await;
        snapshots.map_err(failed(&self.snapshots()))?;
        Ok(stream)
    }
}

/// The stream of that name, which is created if there is none. Others may be doing so at the same time.
async fn have(context: &Context, wanted: Config) -> Result<Stream, CreateStreamError> {
    let name = wanted.name.clone();
    match context.get_or_create_stream(wanted).await {
        Err(refusal) => context.get_stream(name).await.map_err(|_| refusal),
        stream => stream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_limits_that_are_set() {
        let stream = NatsStream {
            max_age: Some(Duration::from_secs(60)),
            max_bytes: Some(1 << 20),
            ..NatsStream::default()
        };
        let events = stream.events();
        assert_eq!(events.subjects, ["md.v1.>"]);
        assert_eq!((events.max_bytes, events.max_age.as_secs()), (1 << 20, 60));
        assert_eq!(events.duplicate_window.as_secs(), 60);
        let snapshots = stream.last_snapshots();
        assert_eq!(snapshots.name, "MD_SNAPSHOTS");
        assert_eq!(snapshots.max_messages_per_subject, 1);
        assert!(NatsStream::is_name("MD-1_x"));
        assert!(
            !NatsStream::is_name("a.b") && !NatsStream::is_name("") && !NatsStream::is_name("a b")
        );
    }
}

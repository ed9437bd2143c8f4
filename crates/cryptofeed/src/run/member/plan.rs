//! What a collector streams if it is alone, and where it goes.

use crate::configuration::ConfiguredFeed;

/// What all collectors of a fleet need alike, as text: it is compared, and shown to nobody.
pub(super) fn plan(feeds: &[ConfiguredFeed], stream: Option<&str>) -> String {
    let mut parts: Vec<_> = feeds.iter().map(ConfiguredFeed::plan).collect();
    parts.sort_unstable();
    parts.push(format!("stream {stream:?}"));
    parts.join("\n")
}

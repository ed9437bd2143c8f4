//! Streams, as many at a time as a request may name.

use super::limits::Limits;
use super::message::Stream;

/// What a request may have beside the names of its streams.
const ENVELOPE: usize = 96;

/// Parts of `streams`, each of which one request may name by `limits`: by their number, and by its
/// length if `length` is that of a stream in it, with what separates it from the next.
pub fn batches<'a>(
    mut streams: &'a [Stream],
    limits: &Limits,
    length: impl Fn(&Stream) -> usize,
) -> Vec<&'a [Stream]> {
    let most = limits.streams_per_request.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let room = limits
        .request
        .map_or(usize::MAX, |limit| limit.saturating_sub(ENVELOPE));
    let mut batches = Vec::new();
    while !streams.is_empty() {
        let mut used = 0_usize;
        let fits = |stream: &&Stream| {
            used = used.saturating_add(length(stream));
            used <= room
        };
        // One that is too long by itself is left to the exchange to refuse.
        let count = streams.iter().take(most).take_while(fits).count().max(1);
        let (batch, rest) = streams.split_at(count);
        batches.push(batch);
        streams = rest;
    }
    batches
}

//! What events take up.

use crate::event::{FeedEvent, FeedEventKind, L2Delta, L2Snapshot};
use crate::level::Level;

/// The memory of an event, as far as it can be told: the same before and after it has waited.
pub(crate) fn bytes_of(kind: &FeedEventKind) -> usize {
    let levels = |bids: &Vec<Level>, asks: &Vec<Level>| {
        (bids.capacity() + asks.capacity()) * size_of::<Level>()
    };
    let text = |texts: &[&String]| texts.iter().map(|text| text.capacity()).sum::<usize>();
    let beside = match kind {
        FeedEventKind::L2Snapshot(L2Snapshot { bids, asks, .. })
        | FeedEventKind::L2Delta(L2Delta { bids, asks, .. }) => levels(bids, asks),
        FeedEventKind::Unknown { kind, excerpt } => text(&[kind, excerpt]),
        FeedEventKind::Malformed { reason, excerpt } => text(&[reason, excerpt]),
        FeedEventKind::Rejected { message, .. }
        | FeedEventKind::Notice { text: message }
        | FeedEventKind::TradesLost {
            reason: message, ..
        } => text(&[message]),
        _ => 0,
    };
    size_of::<FeedEvent>() + beside
}

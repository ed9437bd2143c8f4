//! What is on its way into the queue.

use std::collections::VecDeque;

use super::size::bytes_of;
use crate::event::{FeedEvent, FeedEventKind};

/// Events of one connection that are not in the queue yet.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    events: VecDeque<FeedEvent>,
    bytes: usize,
    /// How many of them are something else than market data.
    urgent: usize,
    /// How many, the last ones, nobody has taken note of.
    unnoted: usize,
}

impl Gathered {
    // Inlined, so that the event is made where it stays.
    #[inline(always)]
    pub(crate) fn push(&mut self, event: FeedEvent) {
        self.events.push_back(event);
        // Looked at only where it stays: what is looked at before is made elsewhere, and copied.
        if let Some(event) = self.events.back() {
            self.bytes += bytes_of(&event.kind);
            self.urgent += usize::from(is_urgent(&event.kind));
            self.unnoted += 1;
        }
    }

    /// Those that have come since the last call.
    pub(crate) fn take_unnoted(&mut self) -> impl Iterator<Item = &FeedEvent> {
        let unnoted = std::mem::take(&mut self.unnoted);
        self.events.range(self.events.len() - unnoted..)
    }

    /// Whether something else than market data is among them.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The memory that they take up.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves all of them behind `events`.
    pub(super) fn move_to(&mut self, events: &mut VecDeque<FeedEvent>) {
        match events.is_empty() {
            true => std::mem::swap(events, &mut self.events),
            false => events.append(&mut self.events),
        }
        (self.bytes, self.urgent, self.unnoted) = (0, 0, 0);
    }

    /// Takes the first one, if `admits` its size in bytes.
    pub(super) fn pop_if(
        &mut self,
        admits: impl FnOnce(usize) -> bool,
    ) -> Option<(FeedEvent, usize)> {
        let first = &self.events.front()?.kind;
        let (bytes, is_urgent) = (bytes_of(first), is_urgent(first));
        if !admits(bytes) {
            return None;
        }
        self.bytes -= bytes;
        self.urgent -= usize::from(is_urgent);
        let event = self.events.pop_front()?;
        self.unnoted = self.unnoted.min(self.events.len());
        Some((event, bytes))
    }

    /// Forgets those that `is_void` is true of.
    pub(super) fn forget(&mut self, mut is_void: impl FnMut(&FeedEvent) -> bool) {
        let first_unnoted = self.events.len() - self.unnoted;
        let mut index = 0;
        self.events.retain(|event| {
            let is_kept = !is_void(event);
            self.unnoted -= usize::from(!is_kept && index >= first_unnoted);
            index += 1;
            is_kept
        });
        self.bytes = self.events.iter().map(|it| bytes_of(&it.kind)).sum();
        let is_urgent = |event: &&FeedEvent| is_urgent(&event.kind);
        self.urgent = self.events.iter().filter(is_urgent).count();
    }
}

/// Whether it is to be told at once. Changes can wait for what was read together with them.
fn is_urgent(kind: &FeedEventKind) -> bool {
    !matches!(
        kind,
        FeedEventKind::Trade(_) | FeedEventKind::Ticker(_) | FeedEventKind::L2Delta(_)
    )
}

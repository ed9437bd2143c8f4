//! What is recorded of the messages that come.

use std::fmt;

use metrics::Counter;

use super::{MESSAGE_BYTES, MESSAGES};
use crate::channel::{Channel, EachChannel};
use crate::exchange::ExchangeMessage;

/// The channel of a message without market data.
const OTHER: &str = "other";

/// Counts the messages of one connection by the channel of what they say.
//
// Connections of an exchange share their counters: what one has read in a row is added at once, before it waits.
pub(crate) struct Traffic {
    channels: EachChannel<Meter>,
    other: Meter,
}

struct Meter {
    messages: Counter,
    bytes: Counter,
    /// Since the last flush.
    unsaid: Count,
}

#[derive(Default)]
struct Count {
    messages: u64,
    bytes: u64,
}

impl Traffic {
    pub(crate) fn new(exchange: &'static str) -> Self {
        let meter = |channel: &'static str| {
            let labels = [("exchange", exchange), ("channel", channel)];
            Meter {
                messages: metrics::counter!(MESSAGES.name, &labels),
                bytes: metrics::counter!(MESSAGE_BYTES.name, &labels),
                unsaid: Count::default(),
            }
        };
        Self {
            channels: EachChannel(Channel::ALL.map(|channel| meter(channel.as_str()))),
            other: meter(OTHER),
        }
    }

    /// A message of so many bytes says this.
    pub(crate) fn note(&mut self, bytes: usize, said: &[ExchangeMessage]) {
        // No exchange has several channels in one message.
        let channel = said.iter().find_map(|it| Some(it.stream()?.1));
        let meter = match channel {
            Some(channel) => self.channels.get_mut(channel),
            None => &mut self.other,
        };
        let unsaid = &mut meter.unsaid;
        unsaid.messages += 1;
        unsaid.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Has the recorder know all of it.
    pub(crate) fn flush(&mut self) {
        for meter in self.channels.0.iter_mut().chain([&mut self.other]) {
            if meter.unsaid.messages > 0 {
                let Count { messages, bytes } = std::mem::take(&mut meter.unsaid);
                meter.messages.increment(messages);
                meter.bytes.increment(bytes);
            }
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.flush();
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic").finish_non_exhaustive()
    }
}

//! What an open connection is told.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::fault::Faults;
use super::frame::Frame;
use super::market::Tick;
use super::protocol::StreamProtocol;
use super::replay::Replay;

/// How many recorded messages are sent in one go.
// A recording without a pace would otherwise starve pings, orders and the client's messages.
const BATCH: usize = 64;

/// The source of a connection's events.
#[derive(Debug)]
pub(super) enum Feed {
    /// The market that makes itself up.
    Live(Receiver<Tick>),
    /// A recording, from its beginning.
    Recorded {
        replay: Arc<Replay>,
        position: usize,
        clock: Option<Interval>,
    },
}

/// The client takes its messages too slowly to be told everything.
#[derive(Debug, thiserror::Error)]
#[error("too slow by {0} ticks")]
pub(super) struct TooSlow(u64);

impl Feed {
    pub(super) fn live(ticks: Receiver<Tick>) -> Self {
        Self::Live(ticks)
    }

    pub(super) fn recorded(replay: Arc<Replay>) -> Self {
        let clock = replay.interval().map(|period| {
            let mut clock = interval(period);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            clock
        });
        Self::Recorded {
            replay,
            position: 0,
            clock,
        }
    }

    /// What to send next. Nothing is lost when the future is dropped before its end.
    pub(super) async fn next(
        &mut self,
        protocol: &mut dyn StreamProtocol,
        faults: &Faults,
    ) -> Result<Vec<Frame>, TooSlow> {
        match self {
            Self::Live(ticks) => match ticks.recv().await {
                Ok(updates) => {
                    let heard = updates.iter().filter_map(|update| faults.heard(update));
                    Ok(heard.flat_map(|update| protocol.frames(&update)).collect())
                }
                Err(RecvError::Lagged(missed)) => Err(TooSlow(missed)),
                // Does not happen: the market lives as long as its connections.
                Err(RecvError::Closed) => std::future::pending().await,
            },
            Self::Recorded {
                replay,
                position,
                clock,
            } => {
                // After the last message, and before the first subscription, it is silent for ever:
                // the session asks anew whenever anything else happens.
                let frames = replay.frames().get(*position..).unwrap_or_default();
                if frames.is_empty() || !protocol.is_subscribed(None) {
                    std::future::pending::<()>().await;
                }
                let count = match clock {
                    Some(clock) => {
                        // The position moves only after this, which is where the future may be
                        // dropped.
                        clock.tick().await;
                        1
                    }
                    None => BATCH.min(frames.len()),
                };
                *position += count;
                let wanted = |frame: &&Frame| {
                    frame
                        .stream
                        .as_deref()
                        .is_none_or(|stream| protocol.is_subscribed(Some(stream)))
                };
                Ok(frames.iter().take(count).filter(wanted).cloned().collect())
            }
        }
    }
}

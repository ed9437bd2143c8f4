//! What an exchange says of all symbols, asked for by the connections of a feed together.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::permits::Deadline;
use super::rest::Rest;
use crate::channel::Channel;
use crate::exchange::{Activity, Exchange};
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// How long after a request the next one may be sent.
const SPACING: Duration = Duration::from_secs(30);

/// Asks an exchange how its markets stand.
pub(super) struct Pulse {
    exchange: Arc<dyn Exchange>,
    rest: Arc<Rest>,
    covered: Vec<Channel>,
    /// Those of all connections.
    instruments: RwLock<Instruments>,
    /// Held while the exchange is asked: who needs the answer, too, waits for it here.
    last: Mutex<Option<Answer>>,
    /// How many answers, or failures, there have been.
    answers: AtomicU64,
}

/// What has been asked last, and what came of it.
struct Answer {
    number: u64,
    asked_at: Instant,
    channels: Vec<Channel>,
    activities: Option<Arc<HashMap<Symbol, Activity>>>,
}

impl Pulse {
    /// A pulse of no instrument.
    pub(super) fn new(exchange: Arc<dyn Exchange>, rest: Arc<Rest>) -> Self {
        let mut covered = Channel::ALL.to_vec();
        covered.retain(|channel| is_covered(&*exchange, *channel));
        Self {
            exchange,
            rest,
            covered,
            instruments: RwLock::default(),
            last: Mutex::default(),
            answers: AtomicU64::new(0),
        }
    }

    /// Has it know `instruments`, too.
    pub(super) fn add(&self, instruments: &[Instrument]) {
        let mut known = self.instruments.write();
        for instrument in instruments {
            known.replace(instrument.clone());
        }
    }

    /// Whether the exchange tells at once of all symbols what shows that a stream of `channel` is silent
    /// without a reason.
    pub(super) fn covers(&self, channel: Channel) -> bool {
        self.covered.contains(&channel)
    }

    /// How the markets stand, as far as it matters to streams of `channels`; nothing if that could not be
    /// learned. One answer is for all who ask before it comes, and there is not more than one request in half
    /// a minute.
    pub(super) async fn take(
        &self,
        channels: &[Channel],
    ) -> Option<Arc<HashMap<Symbol, Activity>>> {
        let before = self.answers.load(Ordering::Relaxed);
        let mut last = self.last.lock().await;
        if let Some(last) = &*last {
            let is_covered = channels.iter().all(|it| last.channels.contains(it));
            if before < last.number && is_covered {
                return last.activities.clone();
            }
            sleep_until(last.asked_at + SPACING).await;
        }
        let last = last.insert(Answer {
            number: 0,
            asked_at: Instant::now(),
            channels: channels.to_vec(),
            activities: None,
        });
        last.activities = self.ask(channels).await;
        last.number = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
        last.activities.clone()
    }

    async fn ask(&self, channels: &[Channel]) -> Option<Arc<HashMap<Symbol, Activity>>> {
        let request = self.exchange.activity_request(channels).ok()??;
        let read = |body: &[u8]| self.exchange.parse_activity(body, &self.instruments.read());
        // A failure is nobody's news: whether a stream is alive is as unknown as before. The pause that an
        // answer asks for is kept by `Rest`.
        let activities = self.rest.fetch(request, Deadline::now(), read).await.ok()?;
        Some(Arc::new(activities))
    }
}

fn is_covered(exchange: &dyn Exchange, channel: Channel) -> bool {
    // Where it promises signs of life, a book is watched by these.
    let has_own = channel == Channel::L2Book && exchange.rules().books.quiet.is_some();
    let request = exchange.activity_request(&[channel]);
    !has_own && request.is_ok_and(|request| request.is_some())
}

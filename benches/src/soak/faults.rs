//! What breaks.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use testkit::{Fault, Link, LinkFault, MockExchange, MockProxy};
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::Result;
use crate::market::Stage;

/// Between two faults of one place, in seconds.
const PAUSE: (f64, f64) = (3.0, 20.0);

/// For how long a fault lasts that does, in seconds.
const LENGTH: (f64, f64) = (0.5, 10.0);

/// What can break.
pub(super) struct Faults<'a> {
    pub(super) stage: &'a Stage,
    pub(super) rest: &'a Link,
    pub(super) ws: &'a Link,
}

/// How often what broke.
type Counts = BTreeMap<String, u64>;

impl Faults<'_> {
    /// Breaks the links, the exchange and the proxies at random until `end`, and mends them.
    pub(super) async fn happen(&self, seed: u64, end: Instant) -> Result<Counts> {
        let mut rng = Rng::with_seed(seed);
        let rngs = [rng.fork(), rng.fork(), rng.fork(), rng.fork()];
        let [rest_rng, ws_rng, exchange_rng, proxy_rng] = rngs;
        let (rest, ws, exchange, proxies) = tokio::try_join!(
            break_link("REST", self.rest, rest_rng, end),
            break_link("WebSocket", self.ws, ws_rng, end),
            break_exchange(&self.stage.exchange, exchange_rng, end),
            break_proxies(&self.stage.proxies, proxy_rng, end),
        )?;
        let all = [rest, ws, exchange, proxies];
        Ok(all.into_iter().flatten().collect())
    }
}

async fn break_link(place: &str, link: &Link, mut rng: Rng, end: Instant) -> Result<Counts> {
    let mut counts = Counts::new();
    while pause(&mut rng, end).await {
        let after = rng.usize(..100_000);
        let fault = match rng.u8(..9) {
            0 => LinkFault::Refuse,
            1 => LinkFault::Reset { after },
            2 => LinkFault::Stall,
            3 => LinkFault::Drip {
                every: Duration::from_millis(50),
            },
            4 => LinkFault::Truncate { after },
            5 => LinkFault::Garbage { after },
            6 => LinkFault::HalfClose,
            7 => LinkFault::Latency {
                by: Duration::from_millis(300),
            },
            _ => LinkFault::Bandwidth {
                bytes_per_second: 5000,
            },
        };
        note(&mut counts, place, &fault);
        link.inject(fault).await?;
        last(&mut rng, end).await;
        link.clear().await?;
    }
    Ok(counts)
}

/// Bans are left out: one that a client has not earned is no fault of a market.
async fn break_exchange(exchange: &MockExchange, mut rng: Rng, end: Instant) -> Result<Counts> {
    let mut counts = Counts::new();
    let pairs = exchange.pairs();
    while pause(&mut rng, end).await {
        let pair = rng.choice(&pairs).cloned().unwrap_or_default();
        let count = rng.u32(1..20);
        let answer = |count| Fault::RestStatus {
            status: 503,
            body: "Service Unavailable".to_owned(),
            count,
        };
        let fault = match rng.u8(..16) {
            0 => Fault::DropDepth(count),
            1 => Fault::DuplicateDepth(count),
            2 => Fault::DropTrades(count),
            3 => Fault::Break(count),
            4 => Fault::RestartIds,
            5 => Fault::Mute,
            6 => Fault::MuteStreams {
                containing: "@depth".to_owned(),
            },
            7 => Fault::MuteStreams {
                containing: "@trade".to_owned(),
            },
            8 => Fault::MuteSymbol { pair },
            9 => Fault::CloseFrame { code: 1012 },
            10 => answer(count),
            11 => Fault::UpgradeStatus {
                status: 503,
                body: "Service Unavailable".to_owned(),
                count,
            },
            12 => {
                note(&mut counts, "exchange", &"cut");
                exchange.cut_streams().await;
                continue;
            }
            13 => {
                note(&mut counts, "exchange", &"restart");
                exchange.restart(seconds(&mut rng, LENGTH)).await;
                continue;
            }
            14 => {
                note(&mut counts, "exchange", &"shutdown");
                exchange.shut_down();
                continue;
            }
            _ => {
                note(&mut counts, "exchange", &"halt");
                exchange.inject(Fault::Halt { pair: pair.clone() });
                last(&mut rng, end).await;
                exchange.inject(Fault::List { pair });
                continue;
            }
        };
        note(&mut counts, "exchange", &fault);
        exchange.inject(fault);
        last(&mut rng, end).await;
        exchange.resume();
    }
    Ok(counts)
}

async fn break_proxies(proxies: &[MockProxy], mut rng: Rng, end: Instant) -> Result<Counts> {
    let mut counts = Counts::new();
    while pause(&mut rng, end).await {
        let Some(proxy) = rng.choice(proxies) else {
            break;
        };
        if rng.bool() {
            note(&mut counts, "proxy", &"cut");
            proxy.cut_all().await;
        } else {
            note(&mut counts, "proxy", &"stop");
            proxy.stop().await;
            last(&mut rng, end).await;
            proxy.restart().await?;
        }
    }
    Ok(counts)
}

/// Whether it was over before `end`.
async fn pause(rng: &mut Rng, end: Instant) -> bool {
    let at = Instant::now() + seconds(rng, PAUSE);
    sleep_until(at.min(end)).await;
    at < end
}

async fn last(rng: &mut Rng, end: Instant) {
    let time = seconds(rng, LENGTH);
    sleep(time.min(end.saturating_duration_since(Instant::now()))).await;
}

fn seconds(rng: &mut Rng, (least, most): (f64, f64)) -> Duration {
    Duration::from_secs_f64(least + rng.f64() * (most - least))
}

/// Counts a fault by its name, without its numbers.
fn note(counts: &mut Counts, place: &str, fault: &impl std::fmt::Debug) {
    let name = format!("{fault:?}");
    let name = name.trim_matches('"');
    let word = name.split(|c: char| !c.is_alphanumeric()).next();
    *counts
        .entry(format!("{place}: {}", word.unwrap_or(name)))
        .or_default() += 1;
}

//! This run as a collector of a fleet.

mod joining;
mod plan;
mod stored;
mod warming;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use feeds::{ExchangeName, FeedEvent, FeedStatus, Symbol, Trade};
use fleet::{Fleet, Gate, GateLimits, Opening, Passage, Reliance, Role, Shard, Sharing, Standing};
use futures_util::FutureExt;
use sinks::{Claim, Fence, Newest};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use self::joining::join;
use self::plan::plan;
use self::stored::{Found, Stored};
use self::warming::Warming;
use super::at;
use super::workers::Workers;
use crate::configuration::{ConfiguredFeed, ConfiguredSinks, FleetSettings};
use crate::failure::Failure;
use crate::streams::Share;

/// How many events of shards that are not published are kept.
const KEPT: usize = 200_000;

/// How long handing over may take in the end: less than whoever stops the command waits.
const HANDOVER: Duration = Duration::from_secs(20);

/// How often it is looked whether shards stream.
const LOOKS: Duration = Duration::from_millis(250);

/// A collector of a fleet: which symbols it streams, and which events it publishes.
pub(super) struct Member {
    fleet: String,
    part: Part,
    gate: Gate,
    share: Share,
    warming: Warming,
    looks: Interval,
    stored: Stored,
    /// The stream that others can read.
    stream: Option<String>,
    /// What the others are told of its feeds.
    plan: String,
    /// The claim to each shard that it has, or had last.
    claims: HashMap<Shard, Claim>,
    reliance: Reliance,
    owned: HashSet<Shard>,
    standing: Standing,
    leaving_until: Option<Instant>,
    dropped: u64,
    /// A runtime of its own: a lease must be renewed however busy the feeds and the output are.
    _workers: Workers,
}

enum Part {
    Joining(JoinHandle<Result<Fleet, Failure>>),
    Joined(Fleet, watch::Receiver<Standing>),
}

/// What has come from the fleet.
enum News {
    Joined(Fleet),
    Role(Shard, Role),
    Standing(Standing),
    Over,
}

/// What is to be done.
pub(super) enum Turn {
    /// Stream these symbols, and no others.
    Share(Share),
    /// Have it [look](Member::look) at the feeds.
    Look,
    /// Publish some symbols.
    Begin(Vec<Beginning>),
    /// It stands otherwise than before.
    Standing { now: Standing, before: Standing },
    /// Nothing is left to hand over, or no time.
    Left,
}

/// A symbol that is published from now on.
pub(super) struct Beginning {
    pub(super) exchange: ExchangeName,
    pub(super) symbol: Symbol,
    /// What comes first.
    pub(super) events: Vec<FeedEvent>,
    pub(super) claim: Option<Claim>,
    /// The stored trade behind which some may be missing.
    pub(super) after: Option<Trade>,
}

/// Whether an event is for others.
pub(super) enum Pass {
    Free(Option<Claim>),
    Barred,
}

impl Member {
    /// Becomes one of `feeds`, as soon as the server is there. Others find what is stored in the stream of `sinks`.
    pub(super) fn join(
        settings: FleetSettings,
        sharing: Sharing,
        feeds: &[ConfiguredFeed],
        sinks: &ConfiguredSinks,
    ) -> Result<Self, Failure> {
        let workers = Workers::start_one("fleet")?;
        let nats = sinks.nats.as_ref().map(|it| it.settings.clone());
        if nats.is_none() {
            let problem = "nobody who reads what this collector writes has the symbols of the others; \
                           publish to `sinks.nats`";
            tracing::warn!(problem, "the fleet has no stream in common");
        }
        let stream = nats.as_ref().map(|it| it.stream.name.clone());
        let lease = settings.terms.lease();
        let window = nats.as_ref().map(|it| it.stream.duplicate_window / 2);
        let kept = lease * 3;
        let limits = GateLimits {
            age: window.map_or(kept, |window| kept.min(window)),
            events: KEPT,
        };
        let own = settings.new_run();
        tracing::info!(fleet = settings.name, server = %settings.server.url, collector = %own, "joining the fleet");
        let mut looks = interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let runtime = workers.run(Handle::current);
        Ok(Self {
            fleet: settings.name.clone(),
            gate: Gate::new(settings.shards, limits),
            share: Share::none_of(settings.shards),
            part: Part::Joining(runtime.spawn(join(settings, own, sharing))),
            warming: Warming::new(lease * 3),
            looks,
            stored: Stored::new(nats, lease, runtime),
            plan: plan(feeds, stream.as_deref()),
            stream,
            claims: HashMap::new(),
            reliance: Reliance::default(),
            owned: HashSet::new(),
            standing: Standing::default(),
            leaving_until: None,
            dropped: 0,
            _workers: workers,
        })
    }

    /// What it streams now.
    pub(super) fn share(&self) -> Share {
        self.share.clone()
    }

    /// What is to be done next. Cancel safe.
    pub(super) async fn turn(&mut self) -> Result<Turn, Failure> {
        loop {
            if self.is_done() {
                return Ok(self.left());
            }
            let news = tokio::select! {
                news = self.part.news() => news?,
                found = self.stored.found() => return Ok(Turn::Begin(self.open(found))),
                _ = self.looks.tick(), if !self.warming.is_empty() => return Ok(Turn::Look),
                () = at(self.leaving_until) => return Ok(self.left()),
            };
            match news {
                News::Joined(fleet) => {
                    fleet.tell_plan(&self.plan);
                    let standing = fleet.standing();
                    self.reliance = fleet.reliance();
                    self.part = Part::Joined(fleet, standing);
                }
                News::Role(shard, role) => {
                    self.play(shard, role);
                    // Many come together.
                    while let Some(Some((shard, role))) = self.part.role().now_or_never() {
                        self.play(shard, role);
                    }
                    return Ok(Turn::Share(self.share()));
                }
                News::Standing(now) => {
                    let before = std::mem::replace(&mut self.standing, now);
                    return Ok(Turn::Standing { now, before });
                }
                News::Over if self.is_leaving() => return Ok(self.left()),
                News::Over => {
                    return Err(Failure::runtime("be part of the fleet", "it has ended"));
                }
            }
        }
    }

    /// Hands everything over, if there is somebody to hand it over to.
    pub(super) fn leave(&mut self) {
        if let Part::Joined(fleet, _) = &self.part {
            fleet.leave();
        }
        let collectors = self.standing.collectors;
        tracing::info!(shards = self.owned.len(), collectors, "leaving the fleet");
        self.leaving_until = Some(Instant::now() + HANDOVER);
    }

    /// Has other feeds from now on.
    pub(super) fn change(&mut self, feeds: &[ConfiguredFeed]) {
        self.plan = plan(feeds, self.stream.as_deref());
        if let Part::Joined(fleet, _) = &self.part {
            fleet.tell_plan(&self.plan);
        }
    }

    /// Whether it is leaving.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving_until.is_some()
    }

    /// Whether nothing can be handed over any longer.
    fn is_done(&self) -> bool {
        let is_alone = self.standing.collectors <= 1 && self.owned.is_empty();
        self.is_leaving() && (is_alone || !self.standing.is_connected)
    }

    fn left(&self) -> Turn {
        let shards = self.owned.len();
        if shards > 0 {
            tracing::warn!(shards, "the fleet is left without handing over");
        }
        Turn::Left
    }

    /// Takes an event of a feed.
    pub(super) fn take(&mut self, event: &mut FeedEvent) -> Pass {
        match self.gate.take(event, Instant::now().into_std()) {
            Passage::Barred => Pass::Barred,
            Passage::Free(fence) => Pass::Free(fence.and_then(|it| self.claim(it))),
        }
    }

    /// Does what has become necessary by the events that were taken.
    pub(super) fn follow_up(&mut self) {
        let unasked = self.gate.unasked();
        if !unasked.is_empty() {
            self.stored.look(unasked);
        }
        let dropped = self.gate.dropped();
        if dropped > self.dropped {
            let events = dropped - self.dropped;
            tracing::warn!(
                events,
                "more events of the fleet are held back than can be kept"
            );
            self.dropped = dropped;
        }
    }

    /// Looks at the feeds: who has shards that stream here by now may hand them over.
    pub(super) fn look(&mut self, feeds: &[FeedStatus]) {
        let Part::Joined(fleet, _) = &self.part else {
            return;
        };
        for shard in self.warming.ready(feeds, &self.share) {
            fleet.ready(shard);
        }
    }

    fn play(&mut self, shard: Shard, role: Role) {
        self.gate.play(shard, role);
        self.share.set(shard, role != Role::Off);
        match role {
            Role::Warm => self.warming.begin(shard),
            _ => self.warming.end(shard),
        }
        match role {
            Role::Own(_) => self.owned.insert(shard),
            _ => self.owned.remove(&shard),
        };
        tracing::debug!(%shard, ?role, "shard");
    }

    fn open(&mut self, found: Found) -> Vec<Beginning> {
        let Found { exchange, symbols } = found;
        let now = Instant::now().into_std();
        let symbols = symbols.into_iter();
        let begin = |(symbol, stored): (Symbol, Option<Newest>)| {
            let id = stored.as_ref().and_then(|it| it.trade.id.as_ref());
            let Opening {
                fence,
                events,
                may_lack_trades,
            } = self.gate.open(&exchange, &symbol, id, now);
            // Whoever was to fetch what is missing may be the one that has gone.
            let after = stored.and_then(|it| match it.before_missing {
                None => may_lack_trades.then_some(it.trade),
                before => before,
            });
            Beginning {
                exchange: exchange.clone(),
                symbol,
                events,
                claim: fence.and_then(|it| self.claim(it)),
                after,
            }
        };
        symbols.map(begin).collect()
    }

    fn claim(&mut self, (shard, held): (Shard, fleet::Fence)) -> Option<Claim> {
        let fleet::Fence(revision) = held;
        if let Some(known) = self.claims.get(&shard)
            && known.fence().revision() == revision
        {
            return Some(known.clone());
        }
        let number = u16::try_from(shard.index()).ok()?;
        let fence = Fence::new(&self.fleet, number, revision)?;
        let reliance = self.reliance.clone();
        let claim = Claim::new(fence, move |now| reliance.is_sure(shard, held, now));
        self.claims.insert(shard, claim.clone());
        Some(claim)
    }
}

impl Part {
    async fn news(&mut self) -> Result<News, Failure> {
        match self {
            Self::Joining(joining) => {
                let joined = joining.await;
                let fleet = joined.map_err(|error| Failure::runtime("join the fleet", error))?;
                Ok(News::Joined(fleet?))
            }
            Self::Joined(fleet, standing) => tokio::select! {
                Ok(()) = standing.changed() => Ok(News::Standing(*standing.borrow_and_update())),
                role = fleet.next() => {
                    Ok(role.map_or(News::Over, |(shard, role)| News::Role(shard, role)))
                }
            },
        }
    }

    /// The next role.
    async fn role(&mut self) -> Option<(Shard, Role)> {
        match self {
            Self::Joining(_) => std::future::pending().await,
            Self::Joined(fleet, _) => fleet.next().await,
        }
    }
}

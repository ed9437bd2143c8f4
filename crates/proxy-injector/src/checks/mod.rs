//! Checks of the members of a pool while nobody uses them.
//!
//! A check goes through the member that it is of, along a route that the settings allow, as any
//! connection does: a reload that takes the member away ends it.

mod check;
mod schedule;

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Weak};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use proxy_config::{HealthCheck, PoolConfig};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use transport::Endpoint;

use self::check::check;
use self::schedule::Schedule;
use crate::injector::ProxyInjector;
use crate::pool::{Ban, ProxyPool, Verdict};
use crate::query::RouteQuery;

/// What a pool is used for, and so what its members are checked for.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) query: RouteQuery,
    pub(crate) target: Endpoint,
}

/// The checks of a pool.
#[derive(Debug, Default)]
pub(crate) struct Checks(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    /// The last one.
    usage: Arc<Mutex<Usage>>,
    task: JoinHandle<()>,
}

impl Checks {
    /// Has the members of `pool`, which is that of `members`, checked for its last `usage`, until the pool is gone
    /// or a list has made another one of it.
    pub(crate) fn run(
        &self,
        config: HealthCheck,
        members: &PoolConfig,
        pool: &Arc<ProxyPool>,
        injector: &Arc<ProxyInjector>,
        usage: Usage,
    ) {
        let mut running = self.0.lock();
        match &*running {
            // The runtime of the task may be gone.
            Some(running) if !running.task.is_finished() => *running.usage.lock() = usage,
            _ => {
                let usage = Arc::new(Mutex::new(usage));
                let (pool, injector) = (Arc::downgrade(pool), Arc::downgrade(injector));
                let checks = run(config, members.clone(), pool, injector, Arc::clone(&usage));
                let task = tokio::spawn(checks);
                *running = Some(Running { usage, task });
            }
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        if let Some(running) = self.0.get_mut() {
            running.task.abort();
        }
    }
}

async fn run(
    config: HealthCheck,
    listed: PoolConfig,
    pool: Weak<ProxyPool>,
    injector: Weak<ProxyInjector>,
    usage: Arc<Mutex<Usage>>,
) {
    let Some(members) = pool.upgrade().map(|pool| pool.members()) else {
        return;
    };
    let mut schedule = Schedule::new(members.len(), config.interval(), Instant::now());
    let mut running = FuturesUnordered::new();
    let mut norm = Norm::default();
    loop {
        while let Some(place) = schedule.begin(Instant::now()) {
            let (Some(injector), Some((id, exit))) = (injector.upgrade(), members.get(place))
            else {
                return;
            };
            let usage = usage.lock().clone();
            // Nobody may have dialed since the list has changed.
            if let Some((listed, pool)) = injector.successor(&listed) {
                pool.checks().run(config, &listed, &pool, &injector, usage);
                return;
            }
            running.push(async move {
                let target = usage.target.clone();
                let verdict = check(&injector, &config, usage, exit).await;
                (place, *id, target, verdict)
            });
        }
        tokio::select! {
            Some((place, id, target, verdict)) = running.next() => {
                let Some(pool) = pool.upgrade() else {
                    return;
                };
                let verdict = verdict.map(|verdict| norm.judge(target, verdict));
                pool.note_check(id, &config, verdict);
                schedule.end(place, Instant::now());
            }
            () = sleep_to(schedule.next_at()) => {}
        }
    }
}

/// The targets that have answered a check without declining it.
// Some decline what a check asks through every exit. That is no reason to leave out one member after the other.
#[derive(Default)]
struct Norm(HashSet<Endpoint>);

impl Norm {
    /// What `verdict` says about the proxy that it is of.
    fn judge(&mut self, target: Endpoint, verdict: Verdict) -> Verdict {
        match &verdict {
            Verdict::Passed(_) => {
                self.0.insert(target);
                verdict
            }
            Verdict::Banned(_, Ban::Declined, _) if !self.0.contains(&target) => {
                Verdict::Passed(Some(target))
            }
            _ => verdict,
        }
    }
}

async fn sleep_to(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

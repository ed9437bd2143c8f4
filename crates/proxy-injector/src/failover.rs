//! Making connections along a route, through another member of a pool if one fails.

use std::error::Error;
use std::time::Duration;

use proxy_config::Exit;
use proxy_resolve::Route;
use tokio::time::Instant;
use transport::{DialError, DialErrorKind, Elapsed, Endpoint, Hop, Phase, Reply, chain};

use crate::admission::{Applicant, Permit};
use crate::checks::Usage;
use crate::dialer_factory::endpoint;
use crate::patience;
use crate::pool::{Course, Lease};

/// Makes a connection to `target` by `attempt`, and returns with it the lease of the pool's proxy
/// that it goes through, if it does.
///
/// Each attempt begins when `applicant` is admitted to its way. `attempt` gets the exit to take,
/// and, if there may be several attempts, the time that is left for them:
/// that of the pool without the waits, and not beyond `deadline`.
///
/// A failure with a proxy of the pool counts against it, and the next one is tried. If the proxy has only
/// declined the target, or TLS with the exchange does not come about through it, it may be the exchange's
/// fault: the next one is tried as well, and the proxy is not asked for this target for a while. If the
/// exchange does not want the proxy's address, it is not asked for this exchange, and some others are tried:
/// with more of them it is the request. Nobody is marked if this machine has run out of what a connection
/// needs; it may have a port left for another proxy.
pub(crate) async fn connect<T, E, F: Future<Output = Result<T, E>>>(
    applicant: Applicant<'_>,
    route: &Route,
    target: &Endpoint,
    deadline: Option<Instant>,
    mut attempt: impl FnMut(Exit, Option<Duration>) -> F,
) -> Result<(T, Option<Lease>), E>
where
    E: Error + From<DialError> + 'static,
{
    let only = match route {
        Route::Direct => Ok(Exit::Direct),
        Route::DirectFrom(exit) => Ok(exit.clone().into()),
        Route::Proxy(proxy) => Ok(proxy.clone().into()),
        Route::Pool(config) => Err(config),
        Route::Refused => return Err(no_rule(target).into()),
    };
    let config = match only {
        Ok(exit) => {
            let permit = applicant.admit(&exit, route, target).await?;
            let made = ended(permit, attempt(exit, None).await)?;
            return Ok((made, None));
        }
        Err(config) => config,
    };
    let injector = applicant.injector;
    let mut whole = Instant::now() + config.timeout();
    let end = deadline.map_or(whole, |deadline| deadline.min(whole));
    let listed = injector.listed_for(config, target, end).await?;
    let pool = injector.factory().pool(&listed);
    if let Some(check) = config.health_check() {
        let usage = Usage {
            query: applicant.query.clone(),
            target: target.clone(),
        };
        pool.checks().run(*check, &listed, &pool, injector, usage);
    }
    let mut attempts = pool.attempts_for(Course {
        exchange: applicant.query.exchange.as_ref(),
        target: Some(target),
        affinity: applicant.affinity,
        apart_from: applicant.apart_from,
    });
    let mut failures = Failures::default();
    let mut last_failure = None;
    let mut unwanted = 0;
    while let Some(lease) = attempts.next_with(|exit| applicant.has_room(exit)) {
        let end = deadline.map_or(whole, |deadline| deadline.min(whole));
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        if injector.has_left(config, &listed, lease.exit()) {
            continue;
        }
        let permit = applicant.admit(lease.exit(), route, target).await?;
        whole += permit.as_ref().map_or(Duration::ZERO, Permit::waited);
        let start = Instant::now();
        let outcome = attempt(lease.exit().clone(), Some(left)).await;
        match ended(permit, outcome) {
            Ok(made) => {
                lease.reached(target);
                return Ok((made, Some(lease)));
            }
            Err(error) => {
                match blame(lease.exit(), &error) {
                    // Whoever had no time to answer is not at fault.
                    Blame::Proxy | Blame::Unclear
                        if is_timeout(&error) && start.elapsed() < patience::LEAST => {}
                    Blame::Proxy => {
                        lease.mark_unhealthy();
                        failures.note(lease.exit(), &error);
                    }
                    Blame::Unclear => {
                        lease.missed(target);
                        failures.note(lease.exit(), &error);
                    }
                    Blame::Exchange(status, wait) => {
                        lease.mark_healthy();
                        let exchange = applicant.query.exchange.as_ref();
                        unwanted += 1;
                        if !lease.answered(exchange, status, wait) || unwanted >= MOST_UNWANTED {
                            return Err(error);
                        }
                        failures.note(lease.exit(), &error);
                    }
                    // It is logged where all dials meet.
                    Blame::Machine => {}
                    Blame::Other => return Err(error),
                }
                last_failure = Some(error);
            }
        }
    }
    Err(last_failure.unwrap_or_else(|| {
        if let Some(allowed_at) = attempts.first_allowed() {
            return all_banned(target, allowed_at).into();
        }
        // There was no time for a first attempt.
        let elapsed = Elapsed::Whole(config.timeout());
        DialError::timeout(Hop::Target(target.clone()), Phase::Route, elapsed).into()
    }))
}

/// Ends the permit of an attempt with its outcome.
fn ended<T, E: Error + 'static>(permit: Option<Permit<'_>>, outcome: Result<T, E>) -> Result<T, E> {
    if let Some(permit) = permit {
        permit.end(outcome.as_ref().err().map(|error| error as _));
    }
    outcome
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    DialError::find(error).is_some_and(|error| error.kind() == DialErrorKind::Timeout)
}

/// The exchange has banned every proxy of the pool.
fn all_banned(target: &Endpoint, allowed_at: Instant) -> DialError {
    let hop = Hop::Target(target.clone());
    let wait = allowed_at.saturating_duration_since(Instant::now());
    DialError::new(hop, Phase::Route, DialErrorKind::Banned).with_retry_after(wait)
}

/// No route leads to `target`.
fn no_rule(target: &Endpoint) -> DialError {
    let hop = Hop::Target(target.clone());
    DialError::new(hop, Phase::Route, DialErrorKind::NoRoute).with_source(NoRule)
}

#[derive(Debug, thiserror::Error)]
#[error("no proxy is configured, and `strict` forbids a direct connection")]
struct NoRule;

/// The failed attempts of a dial, which are logged as one line when it ends, also if it is given up.
// A pool may have thousands of proxies, none of which can be reached.
#[derive(Default)]
struct Failures {
    /// The first proxy that failed, and why.
    first: Option<(String, String)>,
    failed: usize,
}

impl Failures {
    fn note(&mut self, exit: &Exit, error: &(dyn Error + 'static)) {
        self.failed += 1;
        self.first.get_or_insert_with(|| {
            let proxy = exit.proxy().map(|proxy| proxy.url().endpoint().to_string());
            let proxy = proxy.unwrap_or_else(|| exit.to_string());
            (proxy, chain(error).to_string())
        });
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        if let Some((proxy, error)) = &self.first {
            let failed = self.failed;
            tracing::warn!(
                proxy,
                error,
                failed,
                "proxies of the pool failed; the first is shown"
            );
        }
    }
}

/// How many members a dial tries that the exchange does not want.
// With more of them, it is the request that it does not want, and the whole pool would be out.
const MOST_UNWANTED: u32 = 3;

/// Whose fault a failed attempt is.
pub(crate) enum Blame {
    Proxy,
    /// The exchange answered the upgrade with this status, and asks to wait.
    Exchange(u16, Option<Duration>),
    /// The proxy's or the exchange's. Nothing of a request has been sent.
    Unclear,
    /// This machine's.
    Machine,
    /// The exchange's, or that of something else the attempt needed, such as a login.
    Other,
}

pub(crate) fn blame(exit: &Exit, error: &(dyn Error + 'static)) -> Blame {
    let Some(failure) = DialError::find(error) else {
        return Blame::Other;
    };
    if failure.kind() == DialErrorKind::Local {
        return Blame::Machine;
    }
    let Some(proxy) = exit.proxy() else {
        return blame_direct(failure);
    };
    let mut servers = proxy.via().iter().chain([proxy.server()]);
    match (failure.hop(), failure.phase(), failure.kind()) {
        (Hop::Proxy(hop), _, kind) if servers.any(|server| *hop == endpoint(server.url())) => {
            match (kind, failure.reply()) {
                // A general failure, or its rules: whatever the target is.
                (DialErrorKind::Rejected, Some(Reply::Socks5(1 | 2))) => Blame::Proxy,
                // Unpaid, not logged in, too many requests, or overloaded.
                (DialErrorKind::Rejected, Some(Reply::Http(reply)))
                    if matches!(reply.status, 402 | 407 | 429 | 503) =>
                {
                    Blame::Proxy
                }
                (DialErrorKind::Rejected, _) => Blame::Unclear,
                _ => Blame::Proxy,
            }
        }
        _ => blame_beyond(failure),
    }
}

/// Whose fault the failure of a direct member is: it is one exit among others, as a proxy is.
fn blame_direct(failure: &DialError) -> Blame {
    match (failure.phase(), failure.kind()) {
        // The local address is gone, or nothing is reached from there.
        (Phase::Tcp, DialErrorKind::Unreachable) => Blame::Proxy,
        // A proxy that cannot reach the exchange declines.
        (Phase::Dns | Phase::Tcp, _) => Blame::Unclear,
        _ => blame_beyond(failure),
    }
}

/// Whose fault a failure is that came after the exit.
fn blame_beyond(failure: &DialError) -> Blame {
    match (failure.hop(), failure.phase(), failure.kind()) {
        (Hop::Target(_), Phase::Upgrade, DialErrorKind::Rejected) => {
            match failure.reply().and_then(Reply::status) {
                Some(status) => Blame::Exchange(status, failure.retry_after()),
                None => Blame::Other,
            }
        }
        (Hop::Target(_), Phase::TargetTls, DialErrorKind::Closed | DialErrorKind::Timeout) => {
            Blame::Unclear
        }
        _ => Blame::Other,
    }
}

//! Learning by which address each exit leaves.
//!
//! A question goes through the exit that it is about, along a route that the settings allow, as any connection does:
//! a reload that takes the exit away ends it, and nothing is asked in its place.

mod agenda;
mod follow;
mod outcome;
mod ways;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, StreamExt};
use proxy_config::Exit;
use transport::{DialError, Dialer, HttpError, HttpErrorKind, ResponseLimits};
use transport_http::HttpClient;

use self::ways::{AskedWay, ways};
use crate::egress_mirror::EgressMirror;
use crate::injector::ProxyInjector;
use crate::live::Revocation;
use crate::route_key::RouteKey;
use crate::routed::RoutedDialer;

/// How many exits ask at the same time.
const AT_ONCE: usize = 4;

/// By which address an exit leaves, as a server has seen it.
#[derive(Debug)]
#[non_exhaustive]
pub struct LearnedEgress {
    /// The exit.
    pub exit: Exit,
    /// The address, or why it is not known.
    pub address: Result<IpAddr, UnknownEgress>,
    /// The one that a server had seen before, if any.
    pub before: Option<IpAddr>,
}

/// Why it is not known by which address an exit leaves. It shows neither the path of the server's URL, which may have
/// a token, nor what was answered.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct UnknownEgress {
    kind: HttpErrorKind,
    #[source]
    dial: Option<DialError>,
}

impl UnknownEgress {
    /// What kind of failure it was; [`Unreadable`](HttpErrorKind::Unreadable) if the answer is not an address.
    #[must_use]
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }
}

impl From<HttpError> for UnknownEgress {
    fn from(error: HttpError) -> Self {
        Self {
            kind: error.kind(),
            dial: error.dial_error().cloned(),
        }
    }
}

impl ProxyInjector {
    /// Asks `mirror` by which address each exit leaves that the routes of the settings may take, once through that
    /// exit, four at a time, and returns what came of it. The exits that are no part of any route are forgotten.
    ///
    /// What was learned is what budgets are counted by from now on, and what two streams keep apart by. What was used
    /// so far counts on; so does a ban. A configured `egress` stays in force, and a difference is a `WARN` line. What
    /// is learned is kept, also over reloads, until the exit is asked again.
    ///
    /// Nobody is asked directly, except for routes that a rule makes direct, and nobody through a legacy proxy. This
    /// waits for lists of proxies that have not been read, as [`listed`](Self::listed) does.
    pub async fn learn_egresses(self: &Arc<Self>, mirror: &EgressMirror) -> Vec<LearnedEgress> {
        let ways = ways(self).await;
        self.forget_all_but(&ways);
        let asks = ways.into_iter().map(|way| self.learn(mirror, way));
        stream::iter(asks).buffer_unordered(AT_ONCE).collect().await
    }

    async fn learn(self: &Arc<Self>, mirror: &EgressMirror, way: AskedWay) -> LearnedEgress {
        let address = self.ask(mirror, &way).await;
        let exit = way.exit;
        let before = self.egresses().learned(&exit);
        if let Ok(seen) = address {
            self.locate(&exit, Some(seen));
            if let Some(configured) = exit.configured_egress().filter(|it| *it != seen) {
                tracing::warn!(
                    proxy = %exit,
                    egress = %configured,
                    %seen,
                    "the exit leaves by another address than the configured `egress`, which still counts"
                );
            }
        }
        LearnedEgress {
            exit,
            address: address.map_err(UnknownEgress::from),
            before,
        }
    }

    /// Through the exit of `way`. The certificate of the program for exchanges is not shown to the server.
    async fn ask(
        self: &Arc<Self>,
        mirror: &EgressMirror,
        AskedWay { query, exit }: &AskedWay,
    ) -> Result<IpAddr, HttpError> {
        let factory = self.factory();
        let stack = factory.stack(query.exchange.as_ref(), query.transport, exit);
        let routed: Arc<dyn Dialer> = Arc::new(RoutedDialer {
            injector: Arc::clone(self),
            query: query.clone(),
            exit: exit.clone(),
            inner: stack.dialer,
            revocation: Revocation::Close,
            opened: OnceLock::new(),
        });
        let tls = factory.trust.client_config(&[b"http/1.1"]);
        let client = HttpClient::new(routed, tls, stack.timeout);
        let limits = EgressMirror::limits(ResponseLimits::default());
        mirror.ask(&client.with_limits(limits)).await
    }

    /// Forgets what was learned of exits that are not among `ways`.
    fn forget_all_but(&self, ways: &[AskedWay]) {
        let keys: HashSet<_> = ways.iter().map(AskedWay::key).collect();
        for exit in self.egresses().known() {
            if !keys.contains(&RouteKey::of(&exit)) {
                self.locate(&exit, None);
            }
        }
    }
}

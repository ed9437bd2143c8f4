//! The exits that are asked.

use std::collections::{BTreeSet, HashSet};
use std::future::pending;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt, unfold};
use proxy_config::{Exit, Transport};
use proxy_resolve::{Route, RouteSource};
use tokio::sync::watch::Receiver;

use crate::injector::ProxyInjector;
use crate::query::RouteQuery;
use crate::reload::any_other;
use crate::route_key::RouteKey;
use crate::sources::ListState;

/// An exit, and what it is a route of.
#[derive(Debug, Clone)]
pub(super) struct AskedWay {
    pub(super) query: RouteQuery,
    pub(super) exit: Exit,
}

impl AskedWay {
    pub(super) fn key(&self) -> RouteKey {
        RouteKey::of(&self.exit)
    }
}

/// Each exit once that the routes of the settings may take now.
pub(super) async fn ways(injector: &ProxyInjector) -> Vec<AskedWay> {
    let settings = injector.settings();
    let mut owners: BTreeSet<_> = settings.exchanges().map(|(id, _)| id.clone()).collect();
    owners.extend(injector.scopes());
    let owners: Vec<_> = owners.into_iter().collect();
    let other = any_other(&owners);
    let owners = owners.into_iter().map(Some).chain([other]);
    let queries = owners.flat_map(|exchange| {
        Transport::ALL.map(|transport| RouteQuery {
            exchange: exchange.clone(),
            legacy: None,
            transport,
            destination: None,
        })
    });
    let settings = &settings;
    let found = queries.map(|query| async move {
        let resolution = query.resolve(settings);
        let exits = match resolution.source() {
            RouteSource::Exchange | RouteSource::Default => {
                exits(injector, resolution.route()).await
            }
            // What goes directly without a rule for it is not asked for.
            RouteSource::Disabled | RouteSource::Legacy | RouteSource::None => Vec::new(),
        };
        exits.into_iter().map(move |exit| AskedWay {
            query: query.clone(),
            exit,
        })
    });
    let mut known = HashSet::new();
    let found = join_all(found).await.into_iter().flatten();
    found.filter(|way| known.insert(way.key())).collect()
}

async fn exits(injector: &ProxyInjector, route: &Route) -> Vec<Exit> {
    match route {
        Route::Direct => vec![Exit::Direct],
        Route::DirectFrom(exit) => vec![exit.clone().into()],
        Route::Proxy(proxy) => vec![proxy.clone().into()],
        Route::Pool(pool) => match injector.listed(pool).await {
            Ok(pool) => {
                let members = pool.enabled_members();
                members.map(|member| pool.through(member)).collect()
            }
            // Whoever reads the list tells why there is none.
            Err(_) => Vec::new(),
        },
        Route::Refused => Vec::new(),
    }
}

/// The [`ways`], and again whenever somebody has looked at a list, until a reload.
pub(super) fn ways_by_and_by(injector: Arc<ProxyInjector>) -> impl Stream<Item = Vec<AskedWay>> {
    unfold(
        (injector, None),
        |(injector, looked_at): (_, Option<Vec<_>>)| async move {
            let looked_at = match looked_at {
                None => {
                    // From now on, somebody looks at all of them.
                    ways(&injector).await;
                    injector.factory().sources.states()
                }
                Some(mut looked_at) => {
                    next_look(&mut looked_at).await;
                    looked_at
                }
            };
            let now = ways(&injector).await;
            Some((now, (injector, Some(looked_at))))
        },
    )
}

/// Ends when somebody has looked at one of the lists.
async fn next_look(lists: &mut [Receiver<ListState>]) {
    let looks = lists.iter_mut().map(|list| async move {
        if list.changed().await.is_err() {
            // Nobody looks any longer, as after a reload.
            pending::<()>().await;
        }
    });
    let mut looks: FuturesUnordered<_> = looks.collect();
    if looks.next().await.is_none() {
        pending::<()>().await;
    }
}

//! Taking a snapshot.
//!
//! What is behind a lock that dials need is copied under it, and put into words afterwards.

use std::collections::{BTreeSet, HashMap, HashSet};

use proxy_config::{Exit, ListFault, PoolConfig, ProxyList, Transport};
use proxy_resolve::Route;

use super::Snapshot;
use super::budget::BudgetSnapshot;
use super::known::{Known, Member, members};
use super::list::ListSnapshot;
use super::member::{Mark, PoolSnapshot};
use super::route::{RouteSnapshot, Way};
use super::times::{Moment, Until};
use crate::admission::egress;
use crate::injector::ProxyInjector;
use crate::query::RouteQuery;
use crate::reload::{RouteOwner, any_other};
use crate::route_key::RouteKey;

impl ProxyInjector {
    /// What is known now: of routes, exits, pools, budgets and lists.
    ///
    /// It makes no connection, waits for nothing and changes nothing. Dials wait for no longer than it takes
    /// to copy what is known of the exits.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let moment = Moment::now();
        let mut places = Places::default();
        let routes = self.routes(&mut places);
        let (lists, members) = self.lists(&places.pools, &moment);
        let open = self.open_connections();
        places.add_others(&members, &open);
        let of_pools = members.iter().flatten().map(|member| &member.exit);
        let exits = places.exits.iter().chain(of_pools);
        let known = Known::of(self, exits, &open);

        let pools = places.pools.iter().zip(&members).map(|(pool, members)| {
            let source = pool.source().map(ToString::to_string);
            PoolSnapshot {
                strategy: pool.strategy(),
                list: source.and_then(|name| lists.iter().position(|list| list.source == name)),
                members: members
                    .iter()
                    .map(|member| known.member(member, &moment))
                    .collect(),
            }
        });
        let pools: Vec<_> = pools.collect();
        let exits = places.exits.iter();
        Snapshot {
            taken_at: moment.wall,
            routes,
            exits: exits.map(|exit| known.exit(exit, &moment)).collect(),
            budgets: self.budgets(&members, &pools, &moment),
            pools,
            lists,
        }
    }

    /// The routes of every exchange with rules or a scope, and of any other one.
    fn routes(&self, places: &mut Places) -> Vec<RouteSnapshot> {
        let settings = self.settings();
        let mut named: BTreeSet<_> = settings.exchanges().map(|(id, _)| id.clone()).collect();
        named.extend(self.scopes());
        let named: Vec<_> = named.into_iter().collect();
        let other = any_other(&named);
        let named = named.into_iter();
        let owners = named.map(|id| (RouteOwner::Exchange(id.clone()), Some(id)));
        let mut routes = Vec::new();
        for (owner, exchange) in owners.chain([(RouteOwner::OtherExchanges, other)]) {
            for transport in Transport::ALL {
                let query = RouteQuery {
                    exchange: exchange.clone(),
                    legacy: None,
                    transport,
                    destination: None,
                };
                let resolution = query.resolve(&settings);
                routes.push(RouteSnapshot {
                    owner: owner.clone(),
                    transport,
                    way: places.way(resolution.route()),
                    source: resolution.source().to_string(),
                });
            }
        }
        routes
    }

    /// The lists of `pools`, each once, and the members that each of the pools has now.
    fn lists(
        &self,
        pools: &[PoolConfig],
        moment: &Moment,
    ) -> (Vec<ListSnapshot>, Vec<Vec<Member>>) {
        let mut lists: Vec<ListSnapshot> = Vec::new();
        let mut of_pools = Vec::new();
        for pool in pools {
            let Some(source) = pool.source() else {
                of_pools.push(members(pool));
                continue;
            };
            let state = self.factory().sources.state(source).unwrap_or_default();
            let list = state.list().map(|list| &**list);
            let listed = list.map(|list| pool.clone().with_listed(list.members().iter().cloned()));
            of_pools.push(listed.as_ref().map(members).unwrap_or_default());
            let name = source.to_string();
            if lists.iter().all(|known| known.source != name) {
                let faults = list.into_iter().flat_map(ProxyList::faults);
                lists.push(ListSnapshot {
                    source: name,
                    proxies: listed.map(|pool| pool.enabled_members().count()),
                    refused: list.map_or(0, ProxyList::refused),
                    faults: faults.map(ListFault::to_string).collect(),
                    last_good: state.good_at().map(|at| moment.since(at)),
                    error: state.wrong().map(ToString::to_string),
                });
            }
        }
        (lists, of_pools)
    }

    fn budgets(
        &self,
        members: &[Vec<Member>],
        pools: &[PoolSnapshot],
        moment: &Moment,
    ) -> Vec<BudgetSnapshot> {
        let mut banned: HashMap<_, Until> = HashMap::new();
        let shown = pools.iter().flat_map(|pool| &pool.members);
        for (member, shown) in members.iter().flatten().zip(shown) {
            for mark in &shown.marks {
                if let Mark::Banned { exchange, until } = mark {
                    let account = (exchange.clone(), egress(&member.exit));
                    let latest = banned.entry(account).or_insert(*until);
                    *latest = (*latest).max(*until);
                }
            }
        }
        let used = self.admission().used(moment.now).into_iter();
        let budgets = used.map(|used| {
            let units = u64::from(used.window.units);
            let account = used.exchange.clone().map(|id| (id, used.egress.clone()));
            BudgetSnapshot {
                exchange: used.exchange,
                egress: used.egress,
                budget: used.window.name,
                units,
                per: used.window.per,
                used: used.units,
                left: units.saturating_sub(used.units),
                waiting: used.waiting,
                banned: account.and_then(|account| banned.get(&account).copied()),
            }
        });
        let mut budgets: Vec<_> = budgets.collect();
        budgets.sort_by_cached_key(|it| (it.exchange.clone(), it.egress.to_string(), it.budget));
        budgets
    }
}

/// The exits and pools that routes lead to, each once.
#[derive(Default)]
struct Places {
    exits: Vec<Exit>,
    pools: Vec<PoolConfig>,
}

impl Places {
    fn way(&mut self, route: &Route) -> Way {
        match route {
            Route::Direct => Way::Direct {
                exit: place(&mut self.exits, Exit::Direct),
            },
            Route::DirectFrom(direct) => Way::Direct {
                exit: place(&mut self.exits, direct.clone().into()),
            },
            Route::Proxy(proxy) => Way::Proxy {
                exit: place(&mut self.exits, proxy.clone().into()),
            },
            Route::Pool(pool) => Way::Pool {
                pool: place(&mut self.pools, pool.clone()),
            },
            Route::Refused => Way::Refused,
        }
    }

    /// Adds the exits of `open` connections that are none of these and no `members`.
    fn add_others(&mut self, members: &[Vec<Member>], open: &[Exit]) {
        let of_pools = members.iter().flatten().map(|member| &member.exit);
        let exits = self.exits.iter().chain(of_pools);
        let mut known: HashSet<_> = exits.map(RouteKey::of).collect();
        for exit in open {
            if known.insert(RouteKey::of(exit)) {
                self.exits.push(exit.clone());
            }
        }
    }
}

/// The place of `one` in `all`, where it is added if need be.
fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    if let Some(place) = all.iter().position(|known| *known == one) {
        return place;
    }
    all.push(one);
    all.len() - 1
}

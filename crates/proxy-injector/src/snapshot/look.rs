//! Taking a snapshot.
//!
//! What is behind a lock that dials need is copied under it, and put into words afterwards.

use std::collections::{BTreeSet, HashMap, HashSet};

use proxy_config::{Exit, ListFault, PoolConfig, ProxyList, Transport};
use proxy_resolve::Route;

use super::Snapshot;
use super::budget::BudgetSnapshot;
#[cfg(feature = "metrics")]
use super::exit::ExitSnapshot;
use super::known::{Known, Member, members};
use super::list::ListSnapshot;
#[cfg(feature = "metrics")]
use super::member::MemberSnapshot;
use super::member::{Mark, PoolSnapshot};
use super::route::{RouteSnapshot, Way};
use super::times::{Moment, Until};
use crate::injector::ProxyInjector;
#[cfg(feature = "metrics")]
use crate::metrics::name_of_exit;
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
        let look = self.look(&moment);
        let pools = look.pools(&moment);
        let exits = look.places.exits.iter();
        Snapshot {
            taken_at: moment.wall,
            exits: exits.map(|exit| look.known.exit(exit, &moment)).collect(),
            budgets: self.budgets(&look.members, &pools, &moment),
            pools,
            routes: look.routes,
            lists: look.lists,
        }
    }

    /// What the gauges are set to.
    #[cfg(feature = "metrics")]
    pub(crate) fn gather(&self) -> Gathered {
        let moment = Moment::now();
        let look = self.look(&moment);
        let pools = look.pools(&moment);
        let name_of = |exit: &Exit| self.dials().names().bounded(name_of_exit(exit));
        let mut seen = HashSet::new();
        let mut exits = Vec::new();
        let shown = pools.iter().flat_map(|pool| &pool.members);
        for (member, shown) in look.members.iter().flatten().zip(shown) {
            if seen.insert(RouteKey::of(&member.exit)) {
                exits.push((
                    name_of(&member.exit),
                    shown.exit.clone(),
                    Some(shown.clone()),
                ));
            }
        }
        for exit in &look.places.exits {
            if seen.insert(RouteKey::of(exit)) {
                exits.push((name_of(exit), look.known.exit(exit, &moment), None));
            }
        }
        Gathered {
            exits,
            budgets: self.budgets(&look.members, &pools, &moment),
        }
    }

    fn look(&self, moment: &Moment) -> Look {
        let mut places = Places::default();
        let routes = self.routes(&mut places);
        let (lists, members) = self.lists(&places.pools, moment);
        let open = self.open_connections();
        places.add_others(&members, &open);
        let of_pools = members.iter().flatten().map(|member| &member.exit);
        let exits = places.exits.iter().chain(of_pools);
        Look {
            known: Known::of(self, exits, &open),
            routes,
            places,
            lists,
            members,
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
                    let account = (exchange.clone(), self.egress(&member.exit));
                    let latest = banned.entry(account).or_insert(*until);
                    *latest = (*latest).max(*until);
                }
            }
        }
        let used = self.accounts().used(moment.now).into_iter();
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

/// What is in a snapshot, before it is put into words.
struct Look {
    routes: Vec<RouteSnapshot>,
    places: Places,
    lists: Vec<ListSnapshot>,
    /// Those of each pool.
    members: Vec<Vec<Member>>,
    known: Known,
}

impl Look {
    fn pools(&self, moment: &Moment) -> Vec<PoolSnapshot> {
        let pools = self.places.pools.iter().zip(&self.members);
        let pools = pools.map(|(pool, members)| {
            let source = pool.source().map(ToString::to_string);
            let mut lists = self.lists.iter();
            let members = members.iter();
            PoolSnapshot {
                strategy: pool.strategy(),
                list: source.and_then(|name| lists.position(|list| list.source == name)),
                members: members
                    .map(|member| self.known.member(member, moment))
                    .collect(),
            }
        });
        pools.collect()
    }
}

/// Each exit once, with what is known of it as the member of a pool if it is one; the budgets.
#[cfg(feature = "metrics")]
pub(crate) struct Gathered {
    /// Each with its name.
    pub(crate) exits: Vec<(String, ExitSnapshot, Option<MemberSnapshot>)>,
    pub(crate) budgets: Vec<BudgetSnapshot>,
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

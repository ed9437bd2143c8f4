//! What the injector knows.

use std::collections::HashMap;

use proxy_injector::{
    BreakerState, BudgetSnapshot, ExitSnapshot, LastFailure, ListSnapshot, Mark, MemberSnapshot,
    RouteOwner, RouteSnapshot, Snapshot, Way,
};

use crate::clock::ns;
use crate::model::{BudgetView, ListView, ProxyFailure, ProxyLatency, ProxyView, RouteView};

/// What set the rule of a route, by exchange and transport.
pub(crate) type Origins = HashMap<(Option<String>, String), String>;

/// The views of the routes of `snapshot`.
pub(crate) fn routes(snapshot: &Snapshot, origins: &Origins) -> Vec<RouteView> {
    let routes = snapshot.routes.iter();
    routes.map(|it| route(it, snapshot, origins)).collect()
}

fn route(route: &RouteSnapshot, snapshot: &Snapshot, origins: &Origins) -> RouteView {
    let exchange = match &route.owner {
        RouteOwner::Exchange(id) => Some(id.to_string()),
        _ => None,
    };
    let transport = route.transport.to_string();
    // The other sources use no rule, although there may be one.
    let has_rule = matches!(route.source.as_str(), "exchange" | "default");
    let set_by = origins.get(&(exchange.clone(), transport.clone()));
    let set_by = set_by.filter(|_| has_rule).cloned();
    let way = match route.way {
        Way::Direct { .. } => "direct".to_owned(),
        Way::Refused => "refused".to_owned(),
        Way::Proxy { exit } => {
            let exit = snapshot.exits.get(exit);
            exit.map_or_else(|| "a proxy".to_owned(), |it| it.exit.clone())
        }
        Way::Pool { pool } => {
            let strategy = snapshot.pools.get(pool).map(|it| it.strategy);
            let strategy = strategy.map(|it| format!(", {it}")).unwrap_or_default();
            format!("pool {}{strategy}", pool + 1)
        }
    };
    RouteView {
        exchange,
        transport,
        route: way,
        source: route.source.clone(),
        set_by,
    }
}

/// The views of the exits of `snapshot`, those of pools first.
pub(crate) fn proxies(snapshot: &Snapshot) -> Vec<ProxyView> {
    let pools = snapshot.pools.iter().enumerate();
    let members = pools.flat_map(|(number, pool)| {
        let members = pool.members.iter();
        members.map(move |it| member(it, number + 1))
    });
    members.chain(snapshot.exits.iter().map(exit)).collect()
}

fn member(member: &MemberSnapshot, pool: usize) -> ProxyView {
    let (breaker, opens_until_ns) = match member.breaker {
        BreakerState::Closed => ("closed", None),
        BreakerState::HalfOpen => ("half_open", None),
        BreakerState::Open { until } => ("open", Some(ns(until.at))),
    };
    ProxyView {
        pool: Some(pool),
        breaker: Some(breaker.to_owned()),
        opens_until_ns,
        is_enabled: member.is_enabled,
        leases: Some(member.leases),
        marks: member.marks.iter().filter_map(mark).collect(),
        ..exit(&member.exit)
    }
}

fn mark(mark: &Mark) -> Option<String> {
    Some(match mark {
        Mark::Declined { exchange, .. } => format!("declined by {exchange}"),
        Mark::Banned { exchange, .. } => format!("banned by {exchange}"),
        Mark::Unreached { target, .. } => format!("does not reach {target}"),
        Mark::AdvisedAgainst { exchange, .. } => match exchange {
            Some(exchange) => format!("advised against for {exchange}"),
            None => "advised against".to_owned(),
        },
        _ => return None,
    })
}

fn exit(exit: &ExitSnapshot) -> ProxyView {
    let latency = exit.latency.map(|it| ProxyLatency {
        p50_ms: millis(it.p50),
        p90_ms: millis(it.p90),
        p99_ms: millis(it.p99),
    });
    ProxyView {
        name: exit.exit.clone(),
        pool: None,
        breaker: None,
        opens_until_ns: None,
        is_enabled: true,
        leases: None,
        connections: exit.connections,
        succeeded: exit.dials.succeeded,
        failed: exit.dials.failed.iter().map(|it| it.count).sum(),
        latency,
        egress: exit.egress_address.map(|it| it.to_string()),
        egress_source: exit.egress_source.map(|it| it.to_string()),
        last_failure: exit.last_failure.as_ref().map(failure),
        marks: Vec::new(),
    }
}

fn failure(failure: &LastFailure) -> ProxyFailure {
    ProxyFailure {
        at_ns: ns(failure.when.at),
        exchange: failure.exchange.as_ref().map(ToString::to_string),
        transport: failure.transport.to_string(),
        phase: failure.phase.to_string(),
        kind: failure.kind.to_owned(),
        message: failure.message.clone(),
    }
}

/// The views of the budgets of `snapshot`, by name.
pub(crate) fn budgets(snapshot: &Snapshot) -> Vec<BudgetView> {
    snapshot.budgets.iter().map(budget).collect()
}

fn budget(budget: &BudgetSnapshot) -> BudgetView {
    BudgetView {
        exchange: budget.exchange.as_ref().map(ToString::to_string),
        egress: budget.egress.to_string(),
        budget: budget.budget.to_owned(),
        units: budget.units,
        per_ms: millis(budget.per),
        used: budget.used,
        waiting: budget.waiting,
        banned_until_ns: budget.banned.map(|until| ns(until.at)),
    }
}

/// The views of the lists of `snapshot`.
pub(crate) fn lists(snapshot: &Snapshot) -> Vec<ListView> {
    snapshot.lists.iter().map(list).collect()
}

fn list(list: &ListSnapshot) -> ListView {
    ListView {
        source: list.source.clone(),
        proxies: list.proxies,
        refused: list.refused,
        last_good_ns: list.last_good.map(|since| ns(since.at)),
        error: list.error.clone(),
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

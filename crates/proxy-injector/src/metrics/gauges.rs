//! What is recorded as it is now.

use std::collections::HashMap;

use metrics::{Gauge, Label};
use parking_lot::Mutex;
use transport::Metric;

use super::recorder::name_of;
use super::{BANS, BUDGET, BUDGET_LEFT, CONNECTIONS, LEASES, Names, POOL_MEMBERS};
use crate::injector::ProxyInjector;
use crate::snapshot::{BreakerState, BudgetSnapshot, Gathered, Mark};

/// What gauges were set the last time.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    last: Mutex<HashMap<Series, f64>>,
    egresses: Names,
}

/// One gauge.
type Series = (&'static str, Vec<Label>);

impl ProxyInjector {
    /// Sets the gauges among [`METRICS`](crate::METRICS) to what is the case now. To be called before each
    /// time that they are read.
    pub fn record_metrics(&self) {
        let now = Values::of(self);
        let mut last = self.gauges().last.lock();
        // What is gone is not forgotten by whoever collects it.
        for (series, idle) in last.drain() {
            if !now.0.contains_key(&series) {
                gauge(&series).set(idle);
            }
        }
        for (series, value) in now.0 {
            gauge(&series).set(value.now);
            last.insert(series, value.idle);
        }
    }
}

fn gauge((name, labels): &Series) -> Gauge {
    metrics::gauge!(*name, labels.clone())
}

#[derive(Default)]
struct Values(HashMap<Series, Value>);

#[derive(Default)]
struct Value {
    now: f64,
    /// What it is when there is nothing to tell.
    idle: f64,
}

impl Values {
    fn of(injector: &ProxyInjector) -> Self {
        let mut values = Self::default();
        let Gathered { exits, budgets } = injector.gather();
        for (proxy, exit, member) in exits {
            let proxy = || proxy.clone();
            values.add(CONNECTIONS, [proxy()], exit.connections);
            let Some(member) = member else {
                continue;
            };
            values.add(LEASES, [proxy()], member.leases);
            for (state, is_it) in [
                ("closed", member.breaker == BreakerState::Closed),
                ("open", matches!(member.breaker, BreakerState::Open { .. })),
                ("half_open", member.breaker == BreakerState::HalfOpen),
            ] {
                values.add(POOL_MEMBERS, [proxy(), state.to_owned()], u64::from(is_it));
            }
            for mark in &member.marks {
                let (exchange, reason) = match mark {
                    Mark::Declined { exchange, .. } => (exchange, "declined"),
                    Mark::Banned { exchange, .. } => (exchange, "banned"),
                    Mark::Unreached { .. } | Mark::AdvisedAgainst { .. } => continue,
                };
                let labels = [exchange.to_string(), proxy(), reason.to_owned()];
                values.series(BANS, labels).now = 1.0;
            }
        }
        for budget in budgets {
            let egress = injector
                .gauges()
                .egresses
                .bounded(budget.egress.to_string());
            values.take(&budget, &egress);
        }
        values
    }

    fn take(&mut self, budget: &BudgetSnapshot, egress: &str) {
        let labels = || {
            [
                name_of(budget.exchange.as_ref()),
                egress.to_owned(),
                budget.budget.to_owned(),
            ]
        };
        let all = number(budget.units);
        *self.series(BUDGET, labels()) = Value {
            now: all,
            idle: all,
        };
        let left = self.series(BUDGET_LEFT, labels());
        // Of several egresses with one name, the one that has least.
        left.now = match left.idle > 0.0 {
            true => left.now.min(number(budget.left)),
            false => number(budget.left),
        };
        left.idle = all;
    }

    fn add<const N: usize>(&mut self, metric: Metric, values: [String; N], more: u64) {
        self.series(metric, values).now += number(more);
    }

    fn series<const N: usize>(&mut self, metric: Metric, values: [String; N]) -> &mut Value {
        let labels = metric.labels.iter().zip(values);
        let labels = labels.map(|(label, value)| Label::new(*label, value));
        self.0.entry((metric.name, labels.collect())).or_default()
    }
}

fn number(count: u64) -> f64 {
    count as f64
}

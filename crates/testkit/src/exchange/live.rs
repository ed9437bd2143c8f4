//! A running exchange, and what goes wrong with it.

use std::sync::Arc;

use super::fault::Fault;
use super::gate::Gate;
use super::instrument::{Instrument, MarketKind};
use super::random::Random;
use super::session::Order;
use super::{Setup, builder};

/// What is shared by the handle of an exchange and by the faults that are planned.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) setup: Arc<Setup>,
    pub(super) gate: Gate,
}

impl Live {
    /// Does something wrong from now on, or now.
    pub(super) fn inject(&self, fault: Fault) {
        let faults = &self.setup.faults;
        match fault {
            Fault::DropDepth(count) => faults.drop_depth(count),
            Fault::DuplicateDepth(count) => faults.duplicate_depth(count),
            Fault::RestStatus {
                status,
                body,
                count,
            } => faults.substitute_rest(status, body, count),
            Fault::UpgradeStatus {
                status,
                body,
                count,
            } => faults.substitute_upgrade(status, body, count),
            Fault::Ban { length } => self.setup.guard.ban_everybody(length),
            Fault::Mute => faults.mute(),
            Fault::MuteStreams { containing } => faults.mute_streams(containing),
            Fault::MuteSymbol { pair } => faults.mute_symbol(pair),
            Fault::DropTrades(count) => faults.drop_trades(count),
            Fault::Break(count) => faults.break_messages(count),
            Fault::RestartIds => self.setup.market.restart_ids(),
            Fault::Halt { pair } => self.trade(&pair, false),
            Fault::List { pair } => self.trade(&pair, true),
            Fault::CloseFrame { code } => self.order(Order::Close(code)),
        }
    }

    pub(super) fn shut_down(&self) {
        self.order(Order::Shutdown);
    }

    pub(super) fn order(&self, order: Order) {
        // An error says that nobody is connected.
        let _ = self.setup.orders.send(order);
    }

    /// One of the open spot instruments.
    pub(super) fn any_instrument(&self, random: &mut Random) -> Option<Arc<Instrument>> {
        let mut open = self.setup.market.instruments();
        open.retain(|it| it.open && it.kind == MarketKind::Spot);
        let chosen = random.below(open.len() as u64);
        open.into_iter().nth(usize::try_from(chosen).ok()?)
    }

    fn trade(&self, pair: &str, open: bool) {
        let known = self.setup.market.pair(pair).map(|it| Instrument {
            open,
            ..(*it).clone()
        });
        let base = pair.split('-').next().unwrap_or_default();
        let new = || {
            let new = builder::further(&*self.setup.protocol, base)?;
            let is_new = self.setup.market.find(&new.symbol).is_none();
            (open && is_new).then_some(new)
        };
        if let Some(instrument) = known.or_else(new) {
            self.setup.market.list(instrument);
        }
    }
}

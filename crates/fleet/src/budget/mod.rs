//! Budgets of an exchange at one egress, which several collectors share.
//!
//! Each window of an exchange at an egress has a [`Ledger`] at the server: who has borrowed how much of
//! it. A collector uses what it has borrowed, its [`Slice`], without asking anybody.

mod ledger;
mod slice;

pub use self::ledger::{InvalidLedger, Ledger};
pub use self::slice::{Company, Demand, LedgerAnswer, LedgerAsk, Missing, Slice};

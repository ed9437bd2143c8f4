//! The ids of the latest trades.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// So many ids, those that came last.
#[derive(Debug)]
pub(super) struct Recent<T> {
    most: usize,
    order: VecDeque<T>,
    ids: HashSet<T>,
}

impl<T: Clone + Eq + Hash> Recent<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            order: VecDeque::new(),
            ids: HashSet::new(),
        }
    }

    /// Whether it is new.
    pub(super) fn insert(&mut self, id: &T) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id.clone());
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.order.retain(&is_kept);
        self.ids.retain(is_kept);
    }
}

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

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.order.iter()
    }

    pub(super) fn contains(&self, id: &T) -> bool {
        self.ids.contains(id)
    }

    /// Forgets those that are not `is_kept`, and returns them.
    pub(super) fn split_off(&mut self, is_kept: impl Fn(&T) -> bool) -> Self {
        let (kept, others) = self.order.drain(..).partition(is_kept);
        let of = |order: VecDeque<T>| Self {
            most: self.most,
            ids: order.iter().cloned().collect(),
            order,
        };
        let others = of(others);
        *self = of(kept);
        others
    }
}

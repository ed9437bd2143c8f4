//! The members that a dial tries.

use std::collections::HashSet;
use std::sync::Arc;
use std::vec;

use proxy_config::Exit;
use tokio::time::Instant;

use super::record::Course;
use super::{Lease, ProxyPool};

/// The members that [`ProxyPool::attempts`] returns. Each is selected when it is needed.
//
//     select --connected----------------------------> lease kept with the connection
//     select --failed-------------------------------> select from those that may be used
//     none of them left-----------------------------> the others, in one order: what speaks against all
//                                                     of them speaks against none
//     all members tried-----------------------------> the last failure is the dial's
#[derive(Debug)]
pub struct Attempts<'a> {
    pool: &'a ProxyPool,
    course: Course<'a>,
    tried: HashSet<usize>,
    last_resort: Option<vec::IntoIter<usize>>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(pool: &'a ProxyPool, course: Course<'a>) -> Self {
        Self {
            pool,
            course,
            tried: HashSet::new(),
            last_resort: None,
        }
    }

    /// The next member, of those for which `has_room` is true if there is one.
    pub(crate) fn next_with(&mut self, has_room: impl Fn(&Exit) -> bool) -> Option<Lease> {
        let Self {
            pool,
            course,
            tried,
            last_resort,
        } = self;
        let now = Instant::now();
        let mut exits = pool.exits.lock();
        let selected = match last_resort {
            None => exits.select(pool.id, course, tried, has_room, now),
            Some(_) => None,
        };
        let selected = match selected {
            Some(selected) => selected,
            None => {
                let places = last_resort.get_or_insert_with(|| {
                    let places = exits.last_resort(pool.id, course, tried, now);
                    places.into_iter()
                });
                exits.take(pool.id, places.next()?, now)?
            }
        };
        tried.insert(selected.place);
        drop(exits);
        Some(Lease::new(Arc::clone(&pool.exits), selected))
    }

    /// When a member may be asked that the exchange forbids to ask now, if there is one.
    pub(crate) fn first_allowed(&self) -> Option<Instant> {
        let exits = self.pool.exits.lock();
        exits.first_allowed(self.pool.id, &self.course, Instant::now())
    }
}

impl Iterator for Attempts<'_> {
    type Item = Lease;

    fn next(&mut self) -> Option<Lease> {
        self.next_with(|_| true)
    }
}

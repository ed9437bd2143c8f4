//! Whom the keys of a pool want most.

use std::collections::HashMap;
use std::sync::Arc;

use super::rendezvous::score;

/// How many members of each key are remembered: all of them are rarely out together.
const PLACES: usize = 8;

/// How many keys are remembered.
const MOST_KEYS: usize = 4096;

/// The places of the members with the highest scores for each key, the highest first.
//
// The scores of all members are O(n); a connection that is made again finds them in O(1). Members stay while
// their pool is there, and whether one may be used is asked when it is selected, so nothing gets stale.
#[derive(Debug, Default)]
pub(crate) struct Rankings(HashMap<u64, Arc<[usize]>>);

impl Rankings {
    /// The places for `key` of members with these identities and weights.
    pub(crate) fn of(
        &mut self,
        key: u64,
        members: impl Iterator<Item = (u64, u64)>,
    ) -> Arc<[usize]> {
        if let Some(known) = self.0.get(&key) {
            return Arc::clone(known);
        }
        if self.0.len() >= MOST_KEYS {
            self.0.clear();
        }
        let scores = members.map(|(identity, weight)| score(key, identity, weight));
        let mut scored: Vec<_> = scores.enumerate().collect();
        let highest_first = |(a, a_score): &(usize, f64), (b, b_score): &(usize, f64)| {
            b_score.total_cmp(a_score).then(a.cmp(b))
        };
        if scored.len() > PLACES {
            scored.select_nth_unstable_by(PLACES, highest_first);
            scored.truncate(PLACES);
        }
        scored.sort_unstable_by(highest_first);
        let places: Arc<[usize]> = scored.into_iter().map(|(place, _)| place).collect();
        self.0.insert(key, Arc::clone(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_is_that_of_the_highest_score_and_so_is_each_that_follows() {
        let members: Vec<(u64, u64)> = (1..=50).map(|id| (id, id % 3 + 1)).collect();
        let mut rankings = Rankings::default();
        for key in 0..200 {
            let mut wanted: Vec<usize> = (0..members.len()).collect();
            let score_at = |place: &usize| {
                let (identity, weight) = members[*place];
                score(key, identity, weight)
            };
            wanted.sort_by(|a, b| score_at(b).total_cmp(&score_at(a)));
            for _ in 0..2 {
                let ranking = rankings.of(key, members.iter().copied());
                assert_eq!(ranking[..], wanted[..PLACES]);
            }
        }
    }

    #[test]
    fn not_more_keys_are_remembered_than_there_is_room_for() {
        let mut rankings = Rankings::default();
        for key in 0..3 * MOST_KEYS as u64 {
            rankings.of(key, [(1, 1), (2, 1)].into_iter());
        }
        assert!(rankings.0.len() <= MOST_KEYS);
    }
}

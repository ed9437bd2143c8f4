//! The values of labels that come from outside.

use std::collections::HashSet;

use parking_lot::Mutex;

/// How many different ones there are at most.
// A recorder keeps each series for ever, and a list may bring other proxies every minute.
const MOST: usize = 1024;

/// What stands for all others.
const OTHER: &str = "other";

/// The names of proxies or egresses that have series of their own: the first of them.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashSet<String>>);

impl Names {
    /// `name`, or what stands for it.
    pub(crate) fn bounded(&self, name: String) -> String {
        let mut known = self.0.lock();
        if known.contains(&name) {
            return name;
        }
        if known.len() >= MOST {
            return OTHER.to_owned();
        }
        known.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_stay_and_later_ones_are_one() {
        let names = Names::default();
        for number in 0..2 * MOST {
            let name = format!("10.0.0.1:{number}");
            let expected = if number < MOST { &name } else { OTHER };
            assert_eq!(names.bounded(name.clone()), expected);
        }
        let first = "10.0.0.1:0".to_owned();
        assert_eq!(names.bounded(first.clone()), first);
    }
}

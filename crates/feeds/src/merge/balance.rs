//! Which of two lines says nothing where the other one speaks.

use super::line::{Line, Pair};

/// How many messages one line must have brought, and over how long, since the other one brought any.
const MUTE_AFTER: u32 = 32;
const MUTE_AFTER_NS: i64 = 10_000_000_000;

/// How many messages of one stream each line is behind the other.
#[derive(Debug, Default)]
pub(super) struct Balance {
    behind: Pair<Behind>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Behind {
    count: u32,
    since_ns: i64,
}

impl Balance {
    /// Counts a message of `line`. Returns whether the other one is mute, once.
    pub(super) fn note(&mut self, line: Line, now_ns: i64) -> bool {
        *self.behind.of_mut(line) = Behind::default();
        let other = self.behind.of_mut(line.other());
        if other.count == 0 {
            other.since_ns = now_ns;
        }
        other.count = other.count.saturating_add(1);
        let is_mute = other.count > MUTE_AFTER && now_ns - other.since_ns >= MUTE_AFTER_NS;
        if is_mute {
            *other = Behind::default();
        }
        is_mute
    }

    /// A line is opened or closed.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_line_is_mute_after_many_messages_of_the_other_and_some_time() {
        let mut balance = Balance::default();
        let told = (0..100).map(|at| balance.note(Line::A, at * SECOND));
        let told: Vec<_> = told.enumerate().filter(|(_, is_mute)| *is_mute).collect();
        let at: Vec<_> = told.iter().map(|(at, _)| *at).collect();
        assert_eq!(at, [32, 65, 98]);
        // Many at once are a burst.
        assert!((0..1000).all(|_| !balance.note(Line::B, 100 * SECOND)));
        assert!(balance.note(Line::B, 110 * SECOND));
    }

    #[test]
    fn one_message_is_enough_not_to_be_mute() {
        let mut balance = Balance::default();
        for at in 0..100 {
            assert!(!balance.note(Line::A, at * SECOND));
            if at % 30 == 0 {
                assert!(!balance.note(Line::B, at * SECOND));
            }
        }
        balance.reset();
        assert!((0..32).all(|at| !balance.note(Line::A, at * SECOND)));
    }
}

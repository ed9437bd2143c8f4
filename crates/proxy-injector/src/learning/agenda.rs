//! Which exit asks when.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::ways::AskedWay;
use crate::route_key::RouteKey;

/// How long after the first failure an exit asks again; then twice that, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The longest time from a failure to the next question.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

/// The exits to ask. It looks at no clock and waits for nothing.
//
//     New --begin--> Asking --end--> Known
//                     ^   |
//                     |   +---end, failed---> Failed, until its time has come
//                     +--------begin--------------+
#[derive(Debug, Default)]
pub(super) struct Agenda(Vec<Item>);

#[derive(Debug)]
struct Item {
    key: RouteKey,
    way: AskedWay,
    state: State,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Asking,
    Known,
    Failed { again_at: Instant },
}

impl Agenda {
    /// These are all exits from now on. What is known of those that stay is kept.
    pub(super) fn set(&mut self, ways: Vec<AskedWay>) {
        let mut new: HashSet<_> = ways.iter().map(AskedWay::key).collect();
        self.0.retain(|item| new.remove(&item.key));
        for way in ways {
            let key = way.key();
            if new.contains(&key) {
                self.0.push(Item {
                    key,
                    way,
                    state: State::New,
                    failures: 0,
                });
            }
        }
    }

    /// An exit that is to ask now: one that has not asked before, or else the one whose time came first.
    pub(super) fn begin(&mut self, now: Instant) -> Option<AskedWay> {
        let due = self.0.iter_mut().filter_map(|item| match item.state {
            State::New => Some((None, item)),
            State::Failed { again_at } if again_at <= now => Some((Some(again_at), item)),
            State::Failed { .. } | State::Asking | State::Known => None,
        });
        let (_, next) = due.min_by_key(|(at, _)| *at)?;
        next.state = State::Asking;
        Some(next.way.clone())
    }

    /// The exit with `key` has asked.
    pub(super) fn end(&mut self, key: &RouteKey, is_known: bool, now: Instant) {
        let Some(item) = self.0.iter_mut().find(|item| item.key == *key) else {
            return;
        };
        item.state = match is_known {
            true => State::Known,
            false => {
                let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(item.failures));
                item.failures += 1;
                State::Failed {
                    again_at: now + wait.min(LONGEST_RETRY),
                }
            }
        };
    }

    /// When the next exit asks again.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let times = self.0.iter().filter_map(|item| match item.state {
            State::Failed { again_at } => Some(again_at),
            State::New | State::Asking | State::Known => None,
        });
        times.min()
    }

    /// How many exits have no answer.
    pub(super) fn unknown(&self) -> usize {
        let unknown = |item: &&Item| item.state != State::Known;
        self.0.iter().filter(unknown).count()
    }
}

#[cfg(test)]
mod tests {
    use proxy_config::{Exit, ProxyConfig, Transport};

    use super::*;
    use crate::query::RouteQuery;

    fn way(name: &str) -> AskedWay {
        let proxy = ProxyConfig::new(format!("http://{name}:1").parse().unwrap());
        AskedWay {
            query: RouteQuery {
                exchange: None,
                legacy: None,
                transport: Transport::Http,
                destination: None,
            },
            exit: Exit::Proxy(proxy),
        }
    }

    fn agenda(names: &str) -> Agenda {
        let mut agenda = Agenda::default();
        agenda.set(names.split(' ').map(way).collect());
        agenda
    }

    /// Who asks now, all at the same time.
    fn begin(agenda: &mut Agenda, now: Instant) -> String {
        let asking = std::iter::from_fn(|| agenda.begin(now));
        let hosts = asking.map(|way| way.exit.proxy().unwrap().url().host().to_string());
        hosts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_exit_asks_once_and_one_that_comes_asks_as_well() {
        let (mut agenda, now) = (agenda("a b"), Instant::now());
        assert_eq!(begin(&mut agenda, now), "a b");
        for name in ["a", "b"] {
            agenda.end(&way(name).key(), true, now);
        }
        let late = now + Duration::from_secs(86_400);
        assert_eq!(
            (begin(&mut agenda, late), agenda.next_at()),
            (String::new(), None)
        );
        agenda.set(vec![way("c"), way("b")]);
        assert_eq!(begin(&mut agenda, late), "c");
        // One that was gone is a new one.
        agenda.set(vec![way("a"), way("b")]);
        assert_eq!(begin(&mut agenda, late), "a");
    }

    #[test]
    fn who_gets_no_answer_asks_again_ever_later_and_behind_new_ones() {
        let (mut agenda, start) = (agenda("a"), Instant::now());
        let (mut now, mut waits) = (start, Vec::new());
        for _ in 0..12 {
            assert_eq!(begin(&mut agenda, now), "a");
            agenda.end(&way("a").key(), false, now);
            let next = agenda.next_at().unwrap();
            assert_eq!(begin(&mut agenda, next - Duration::from_millis(1)), "");
            waits.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(
            waits,
            [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
        );
        agenda.set(vec![way("a"), way("b")]);
        assert_eq!(agenda.unknown(), 2);
        assert_eq!(begin(&mut agenda, now), "b a");
    }
}

use std::time::Duration;

use super::*;

/// Ten units in a minute.
const WINDOW: Window = Window::new("weight", 10, Duration::from_secs(60));

struct Rig {
    accounts: Accounts,
    egresses: Egresses,
    start: Instant,
}

impl Rig {
    fn new() -> Self {
        Self {
            accounts: Accounts::default(),
            egresses: Egresses::default(),
            start: Instant::now(),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn shared(&self, exit: &Exit) -> Arc<SharedBudgets> {
        let exchange = ExchangeId::new("binance").unwrap();
        self.accounts.of((Some(exchange), self.egresses.of(exit)))
    }

    /// Admits a request by `exit` at once.
    fn begin(&self, exit: &Exit, units: u32, seconds: u64) -> Begun {
        let (shared, draws) = (self.shared(exit), draws(units));
        let ticket = shared.enter(&draws);
        match shared.poll(ticket, &draws, || true, self.at(seconds)) {
            Answer::Admitted => Begun {
                shared,
                draws,
                ticket,
            },
            _ => panic!("there was no room"),
        }
    }

    fn send(&self, exit: &Exit, units: u32, seconds: u64) {
        self.begin(exit, units, seconds)
            .end(End::Finished, self.at(seconds));
    }

    fn learn(&self, exit: &Exit, address: Option<&str>, seconds: u64) {
        let address = address.map(|address| address.parse().unwrap());
        self.accounts
            .locate(&self.egresses, exit, address, self.at(seconds));
    }

    /// How many units are left for `exit`.
    fn left(&self, exit: &Exit, seconds: u64) -> u32 {
        let shared = self.shared(exit);
        let has_room = |units: &u32| shared.has_room(&draws(*units), self.at(seconds));
        (1..=WINDOW.units).rev().find(has_room).unwrap_or(0)
    }
}

struct Begun {
    shared: Arc<SharedBudgets>,
    draws: Draws,
    ticket: Ticket,
}

impl Begun {
    fn end(self, end: End, now: Instant) {
        self.shared.end(self.ticket, &self.draws, end, now);
    }
}

fn draws(units: u32) -> Draws {
    Draws::from(Draw {
        window: WINDOW,
        units,
    })
}

fn exit(url: &str) -> Exit {
    Exit::Proxy(proxy_config::ProxyConfig::new(url.parse().unwrap()))
}

const ADDRESS: Option<&str> = Some("203.0.113.7");

#[test]
fn exits_that_turn_out_to_be_one_address_have_used_what_both_have() {
    let (rig, a, b) = (Rig::new(), exit("http://a:1"), exit("http://b:1"));
    rig.send(&a, 4, 0);
    rig.send(&b, 5, 10);
    assert_eq!((rig.left(&a, 10), rig.left(&b, 10)), (6, 5));
    rig.learn(&a, ADDRESS, 20);
    assert_eq!((rig.left(&a, 20), rig.left(&b, 20)), (6, 5));
    rig.learn(&b, ADDRESS, 20);
    assert_eq!((rig.left(&a, 20), rig.left(&b, 20)), (1, 1));
    // Each unit is free at its own time.
    assert_eq!(rig.left(&a, 59), 1);
    assert_eq!(rig.left(&a, 60), 5);
    assert_eq!(rig.left(&b, 70), 10);
}

#[test]
fn what_is_under_way_counts_at_the_new_address_until_its_end_and_for_the_window() {
    let (rig, a, b) = (Rig::new(), exit("http://a:1"), exit("http://b:1"));
    let [answered, unreached] = [3, 4].map(|units| rig.begin(&a, units, 0));
    for exit in [&a, &b] {
        rig.learn(exit, ADDRESS, 10);
    }
    assert_eq!(rig.left(&b, 100), 3);
    unreached.end(End::GivenBack, rig.at(100));
    assert_eq!(rig.left(&b, 100), 7);
    answered.end(End::Finished, rig.at(110));
    assert_eq!((rig.left(&b, 169), rig.left(&b, 170)), (7, 10));
}

#[test]
fn what_was_learned_and_is_forgotten_or_changes_takes_what_was_used_with_it() {
    let (rig, a) = (Rig::new(), exit("http://a:1"));
    rig.learn(&a, ADDRESS, 0);
    let begun = rig.begin(&a, 4, 0);
    rig.learn(&a, Some("203.0.113.8"), 10);
    assert_eq!(rig.left(&a, 10), 6);
    rig.learn(&a, None, 20);
    assert_eq!(rig.left(&a, 20), 6);
    begun.end(End::Finished, rig.at(30));
    assert_eq!((rig.left(&a, 89), rig.left(&a, 90)), (6, 10));
}

#[test]
fn what_was_used_at_one_gateway_counts_once_at_an_address_that_its_logins_share() {
    let (rig, logins) = (
        Rig::new(),
        ["u1", "u2", "u3"].map(|user| exit(&format!("http://{user}:p@gate:1"))),
    );
    rig.send(&logins[0], 4, 0);
    rig.learn(&logins[0], ADDRESS, 10);
    rig.learn(&logins[1], ADDRESS, 10);
    assert_eq!(rig.left(&logins[1], 10), 6);
    // It may have been any of them that had used it.
    assert_eq!(rig.left(&logins[2], 10), 6);
    rig.send(&logins[2], 2, 20);
    assert_eq!((rig.left(&logins[1], 20), rig.left(&logins[2], 20)), (6, 4));
    rig.learn(&logins[2], ADDRESS, 30);
    assert_eq!(rig.left(&logins[0], 30), 4);
}

#[test]
fn what_was_used_counts_once_however_often_exits_with_one_address_come_and_go() {
    let rig = Rig::new();
    let exits = ["http://a:1", "http://b:1", "http://c:1"].map(exit);
    for exit in &exits {
        rig.learn(exit, ADDRESS, 0);
    }
    rig.send(&exits[0], 2, 10);
    let begun = rig.begin(&exits[0], 3, 10);
    // As with a list that loses members and has them again.
    for seconds in [20, 22, 24] {
        for exit in &exits {
            rig.learn(exit, None, seconds);
        }
        assert_eq!(rig.left(&exits[2], seconds), 5);
        for exit in &exits {
            rig.learn(exit, ADDRESS, seconds + 1);
        }
    }
    assert_eq!(rig.left(&exits[2], 30), 5);
    begun.end(End::Finished, rig.at(40));
    let left = |seconds| rig.left(&exits[1], seconds);
    assert_eq!([40, 69, 70, 99, 100].map(left), [5, 5, 7, 7, 10]);
    // Nothing is under way for ever.
    rig.learn(&exits[1], None, 40);
    assert_eq!((rig.left(&exits[1], 99), rig.left(&exits[1], 100)), (7, 10));
}

#[test]
fn who_waits_is_sent_elsewhere_before_anything_is_admitted() {
    let (rig, a) = (Rig::new(), exit("http://a:1"));
    let (shared, draws) = (rig.shared(&a), draws(1));
    let ticket = shared.enter(&draws);
    let before = rig.egresses.of(&a);
    let changed = shared.changed();
    rig.learn(&a, ADDRESS, 0);
    assert!(futures_util::FutureExt::now_or_never(changed).is_some());
    let is_here = || rig.egresses.of(&a) == before;
    let answer = shared.poll(ticket, &draws, is_here, rig.at(0));
    assert!(matches!(answer, Answer::Elsewhere));
}

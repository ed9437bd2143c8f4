//! Ids that cannot be, and numbering that begins anew, by the rules of every exchange.

use feeds::exchange::{BookChange, BookContent, BookRules, Ids, Renewal, Time};
use feeds::{BookAction, BookSync, EXCHANGES, FeedEventKind, InvalidReason, OrderBook};

use crate::fixtures::{level, symbol};

const SECOND: i64 = 1_000_000_000;

/// The best bid is as large as the last id says.
fn change(content: BookContent, [previous, first, last]: [u64; 3], time: Time) -> BookChange {
    BookChange {
        symbol: symbol("A-B"),
        content,
        ids: Ids {
            previous: Some(previous),
            first: Some(first),
            last: Some(last),
        },
        checksum: None,
        bids: vec![level("1", &last.to_string())],
        asks: vec![level("2", "1")],
        time,
    }
}

/// A feed's part: it gets the snapshots, and has the book of the events.
struct Follower {
    sync: BookSync,
    is_requested: bool,
    needs_snapshot: bool,
    book: OrderBook,
    reasons: Vec<InvalidReason>,
    now_ns: i64,
}

impl Follower {
    fn new(rules: &BookRules) -> Self {
        Self {
            sync: BookSync::new(symbol("A-B"), rules, None),
            is_requested: matches!(rules.renewal, Renewal::Request { .. }),
            needs_snapshot: false,
            book: OrderBook::new(),
            reasons: Vec::new(),
            now_ns: 0,
        }
    }

    /// Takes a change, and then the snapshot that is needed: the exchange's book is up to `id`.
    fn take(&mut self, ids: [u64; 3], id: u64, time: Time) {
        self.now_ns += SECOND;
        let mut said = change(BookContent::Change, ids, time);
        // Exchanges with snapshots in the stream tell the id before, or none.
        match self.is_requested {
            true => said.ids.previous = None,
            false => said.ids.first = None,
        }
        self.sync.update(said, self.now_ns);
        self.act();
        if std::mem::take(&mut self.needs_snapshot) {
            let snapshot = change(BookContent::Snapshot, [0, id, id], Time::Absent);
            match self.is_requested {
                true => self.sync.snapshot(snapshot, self.now_ns),
                false => self.sync.update(snapshot, self.now_ns),
            }
            self.act();
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.sync.next_action() {
            match action {
                BookAction::NeedSnapshot { .. } => self.needs_snapshot = true,
                BookAction::Emit(event, _) => {
                    if let FeedEventKind::BookInvalid { reason, .. } = &event {
                        self.reasons.push(reason.clone());
                    }
                    self.book.apply_event(&event).unwrap();
                }
            }
        }
    }
}

/// A book that saw some changes, then what `odd` says, and then changes as before. Without times, only the
/// next seconds show what was odd.
fn after(rules: &BookRules, has_times: bool, odd: [u64; 3], next: u64) -> Follower {
    let mut follower = Follower::new(rules);
    let mut second = 0;
    let mut time = || {
        second += 1;
        match has_times {
            true => Time::At((1_700_000_000 + second) * SECOND),
            false => Time::Absent,
        }
    };
    if !follower.is_requested {
        let snapshot = change(BookContent::Snapshot, [0, 100, 100], time());
        follower.sync.update(snapshot, 0);
    }
    for id in 101..=103 {
        follower.take([id - 1, id, id], id, time());
    }
    assert_eq!(follower.book.best_bid(), Some(level("1", "103")));
    follower.take(odd, 103, time());
    for id in next..next + 20 {
        follower.take([id - 1, id, id], id, time());
    }
    follower
}

#[test]
fn an_id_that_cannot_be_silences_no_book_and_is_told() {
    for registration in EXCHANGES {
        let exchange = (registration.default)();
        let rules = exchange.rules().books;
        for has_times in [true, false] {
            for first in [104, u64::MAX] {
                let follower = after(&rules, has_times, [103, first, u64::MAX], 104);
                let name = registration.id;
                let bid = follower.book.best_bid();
                assert_eq!(bid, Some(level("1", "123")), "{name} {has_times} {first}");
                // Kraken numbers nothing.
                let is_told = !follower.reasons.is_empty();
                assert_eq!(is_told, name != "kraken", "{name}: {:?}", follower.reasons);
            }
        }
    }
}

#[test]
fn numbering_that_begins_anew_begins_the_book_anew_and_is_told() {
    for registration in EXCHANGES {
        let exchange = (registration.default)();
        let rules = exchange.rules().books;
        for has_times in [true, false] {
            let follower = after(&rules, has_times, [2, 3, 3], 4);
            let name = registration.id;
            assert_eq!(follower.book.best_bid(), Some(level("1", "23")), "{name}");
            let is_told = !follower.reasons.is_empty();
            assert_eq!(is_told, name != "kraken", "{name}: {:?}", follower.reasons);
        }
    }
}

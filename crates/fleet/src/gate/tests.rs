//! What passes, step by step.

use serde_json::{Value, json};

use super::*;

const LIMITS: GateLimits = GateLimits {
    age: Duration::from_secs(30),
    events: 8,
};

/// A gate with one shard, whose events a feed numbers.
struct Rig {
    gate: Gate,
    now: Instant,
    sequence: u64,
    published: Vec<(FeedEvent, Option<Fence>)>,
    may_lack_trades: bool,
}

fn shard() -> Shard {
    ShardCount::new(1).unwrap().iter().next().unwrap()
}

impl Rig {
    fn new() -> Self {
        Self {
            gate: Gate::new(ShardCount::new(1).unwrap(), LIMITS),
            now: Instant::now(),
            sequence: 0,
            published: Vec::new(),
            may_lack_trades: false,
        }
    }

    fn play(&mut self, role: Role) {
        self.gate.play(shard(), role);
    }

    /// The feed says this, about `BTC-USDT` unless it says another symbol.
    fn say(&mut self, kind: &str, fields: Value) {
        self.sequence += 1;
        let mut event = json!({
            "v": 1, "sequence": self.sequence, "exchange": "binance", "connection": 1,
            "received_ns": 5, "type": kind, "symbol": "BTC-USDT",
        });
        let Value::Object(fields) = fields else {
            panic!("fields are a table");
        };
        event.as_object_mut().unwrap().extend(fields);
        let mut event: FeedEvent = serde_json::from_value(event).unwrap();
        if let Passage::Free(fence) = self.gate.take(&mut event, self.now) {
            self.published.push((event, fence.map(|(_, fence)| fence)));
        }
    }

    fn trade(&mut self, id: u64) {
        self.say(
            "trade",
            json!({"id": id.to_string(), "count": 1, "side": "buy", "price": "1", "amount": "1",
                "backfilled": false, "timestamp_ns": 1}),
        );
    }

    fn snapshot(&mut self, id: u64) {
        self.say(
            "l2_snapshot",
            json!({"epoch": 1, "covers": {"kind": "top", "levels": 9}, "verified_levels": null,
                "last_id": id.to_string(), "bids": [["1", "1"]], "asks": [["9", "1"]], "timestamp_ns": 1}),
        );
    }

    /// One more bid.
    fn delta(&mut self, id: u64) {
        let id = id.to_string();
        self.say(
            "l2_delta",
            json!({"epoch": 1, "first_id": id, "last_id": id, "bids": [["2", id]], "asks": [],
                "timestamp_ns": 2}),
        );
    }

    fn unsubscribed(&mut self) {
        self.say("book_invalid", json!({"reason": {"kind": "unsubscribed"}}));
        self.say("unsubscribed", json!({"channels": ["trades", "l2_book"]}));
    }

    /// Tells what was asked, that `stored` is stored last.
    fn answer(&mut self, stored: Option<u64>) {
        for (exchange, symbol) in self.gate.unasked() {
            let stored = stored.map(TradeId::Number);
            let opening = (self.gate).open(&exchange, &symbol, stored.as_ref(), self.now);
            let Opening {
                fence,
                events,
                may_lack_trades,
            } = opening;
            self.may_lack_trades |= may_lack_trades;
            let fence = fence.map(|(_, fence)| fence);
            let events = events.into_iter().map(|event| (event, fence));
            self.published.extend(events);
        }
    }

    /// What is published, by type, trades by their ids, with the fence; the numbers must have no hole.
    fn take(&mut self) -> Vec<String> {
        let published = std::mem::take(&mut self.published);
        let name = |(event, fence): &(FeedEvent, Option<Fence>)| {
            let name = match &event.kind {
                FeedEventKind::Trade(trade) => trade.id.as_ref().unwrap().to_string(),
                kind => kind.name().to_owned(),
            };
            let fence = fence.map_or("-".to_owned(), |it| it.0.to_string());
            format!("{} {name} {fence}", event.sequence)
        };
        published.iter().map(name).collect()
    }
}

#[test]
fn what_is_followed_is_published_as_it_is_once_the_shard_is_had() {
    let mut rig = Rig::new();
    rig.play(Role::Warm);
    rig.snapshot(1);
    rig.trade(11);
    rig.delta(2);
    rig.trade(12);
    assert!(rig.take().is_empty() && rig.gate.unasked().is_empty());
    rig.play(Role::Own(Fence(7)));
    // Until the answer comes, it is kept.
    rig.trade(13);
    rig.delta(3);
    assert!(rig.take().is_empty());
    rig.answer(Some(10));
    let (snapshot, _) = &rig.published[0];
    let FeedEventKind::L2Snapshot(snapshot) = &snapshot.kind else {
        panic!("{snapshot:?}");
    };
    assert_eq!((snapshot.last_id, snapshot.bids.len()), (Some(3), 2));
    rig.delta(4);
    rig.trade(14);
    assert_eq!(
        rig.take(),
        [
            "1 l2_snapshot 7",
            "2 11 7",
            "3 12 7",
            "4 13 7",
            "5 l2_delta 7",
            "6 14 7"
        ]
    );
    assert!(!rig.may_lack_trades && rig.gate.unasked().is_empty());
}

#[test]
fn trades_may_be_missing_unless_what_was_kept_follows_what_is_stored() {
    for (kept, stored, may_lack) in [
        (Some(11), Some(10), false),
        (Some(9), Some(10), false),
        (Some(12), Some(10), true),
        (None, Some(10), true),
        (Some(12), None, false),
        (None, None, false),
    ] {
        let mut rig = Rig::new();
        rig.play(Role::Warm);
        rig.snapshot(1);
        kept.into_iter().for_each(|id| rig.trade(id));
        rig.play(Role::Own(Fence(7)));
        rig.answer(stored);
        let case = format!("{kept:?} {stored:?}");
        assert_eq!(rig.may_lack_trades, may_lack, "{case}");
    }
}

#[test]
fn the_old_owner_goes_on_beside_the_new_one_and_then_tells_that_nothing_more_comes() {
    let mut rig = Rig::new();
    rig.play(Role::Own(Fence(7)));
    rig.snapshot(1);
    rig.answer(None);
    rig.play(Role::Linger(Fence(7)));
    rig.trade(11);
    rig.play(Role::Off);
    rig.trade(12);
    rig.delta(2);
    rig.say("notice", json!({"text": "about no symbol"}));
    rig.unsubscribed();
    let told = ["3 notice -", "4 book_invalid 7", "5 unsubscribed 7"];
    assert_eq!(
        rig.take(),
        [["1 l2_snapshot 7", "2 11 7"].as_slice(), &told].concat()
    );

    // It comes back, and nothing of what it knew before is true.
    rig.play(Role::Warm);
    rig.trade(21);
    rig.play(Role::Own(Fence(9)));
    rig.answer(Some(20));
    assert_eq!(rig.take(), ["6 21 9"]);
}

#[test]
fn a_shard_that_comes_back_before_its_symbols_have_gone_is_followed_without_a_gap() {
    let mut rig = Rig::new();
    rig.play(Role::Own(Fence(7)));
    rig.snapshot(1);
    rig.answer(None);
    rig.play(Role::Linger(Fence(7)));
    rig.play(Role::Off);
    rig.delta(2);
    rig.play(Role::Warm);
    rig.delta(3);
    rig.play(Role::Own(Fence(9)));
    rig.answer(None);
    rig.delta(4);
    assert_eq!(
        rig.take(),
        ["1 l2_snapshot 7", "2 l2_snapshot 9", "3 l2_delta 9"]
    );
}

#[test]
fn a_change_of_a_book_that_nobody_has_does_not_pass() {
    let mut rig = Rig::new();
    rig.play(Role::Warm);
    rig.snapshot(1);
    rig.say("book_invalid", json!({"reason": {"kind": "missed"}}));
    rig.play(Role::Own(Fence(7)));
    rig.answer(None);
    rig.delta(2);
    rig.say("book_invalid", json!({"reason": {"kind": "missed"}}));
    assert!(rig.take().is_empty());
    rig.snapshot(5);
    rig.delta(6);
    assert_eq!(rig.take(), ["1 l2_snapshot 7", "2 l2_delta 7"]);
}

#[test]
fn what_was_told_once_and_is_so_still_is_told_by_the_new_owner() {
    let mut rig = Rig::new();
    rig.play(Role::Warm);
    let stale = |channel| json!({"channel": channel, "since_ns": 1});
    rig.say("stale", stale("trades"));
    rig.say("stale", stale("trades"));
    rig.say("stale", stale("ticker"));
    rig.say("live", json!({"channel": "ticker"}));
    rig.say("not_trading", json!({"nearest": []}));
    rig.say("trading", json!({}));
    rig.play(Role::Own(Fence(7)));
    rig.answer(None);
    assert_eq!(rig.take(), ["1 stale 7"]);
}

#[test]
fn what_is_kept_is_neither_old_nor_much_and_what_is_not_is_told_to_be_lost() {
    let mut rig = Rig::new();
    rig.play(Role::Warm);
    rig.trade(1);
    rig.now += LIMITS.age + Duration::from_secs(1);
    rig.trade(2);
    rig.play(Role::Own(Fence(7)));
    rig.answer(Some(1));
    assert_eq!(rig.take(), ["1 2 7"]);
    assert_eq!(rig.gate.dropped(), 0);

    let mut rig = Rig::new();
    rig.play(Role::Warm);
    for id in 1..=20 {
        rig.trade(id);
    }
    assert!(rig.gate.kept <= LIMITS.events);
    let (kept, dropped) = (rig.gate.kept as u64, rig.gate.dropped());
    rig.play(Role::Own(Fence(7)));
    rig.answer(Some(3));
    let FeedEventKind::TradesLost { from, to, .. } = &rig.published[1].0.kind else {
        panic!("{:?}", rig.published);
    };
    assert_eq!((*from, *to), (4, dropped));
    assert_eq!((kept + dropped, rig.gate.kept), (20, 0));
    assert_eq!(rig.take().len() as u64, 2 + kept);
    assert!(rig.may_lack_trades);
}

#[test]
fn a_feed_that_begins_anew_is_numbered_anew() {
    let mut rig = Rig::new();
    rig.play(Role::Own(Fence(7)));
    rig.trade(1);
    rig.answer(None);
    rig.sequence = 0;
    rig.trade(5);
    rig.answer(None);
    assert_eq!(rig.take(), ["1 1 7", "1 5 7"]);
}

#[test]
fn an_answer_for_a_shard_that_is_lost_meanwhile_opens_nothing() {
    let mut rig = Rig::new();
    rig.play(Role::Own(Fence(7)));
    rig.trade(1);
    rig.play(Role::Linger(Fence(7)));
    rig.play(Role::Off);
    rig.answer(None);
    rig.unsubscribed();
    assert!(rig.take().is_empty());
    assert_eq!(rig.gate.kept, 0);
}

//! What holds for every message and every sequence of updates.

use std::collections::BTreeMap;

use feeds::exchange::{BookChange, BookContent, Ids, Time};
use feeds::{
    Backpack, Binance, BookAction, BookSync, Exchange, FeedEventKind, Frame, InvalidReason, Level,
    OrderBook,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::sample::{Index, select};
use rust_decimal::Decimal;

use crate::fixtures::{self, lines, symbol};

fn recorded() -> impl Strategy<Value = String> {
    let mut messages = Vec::new();
    for path in [
        "binance/ws_misc_real_2021_2022.jsonl",
        "binance/ws_doc_examples.jsonl",
        "binance/ws_errors_real.jsonl",
        "backpack/ws_misc_real.jsonl",
        "backpack/ws_doc_examples.jsonl",
        "backpack/ws_errors_real.jsonl",
    ] {
        messages.extend(lines(path));
    }
    let recording = lines("binance/ws_combined_btcusdt_ethusdt_10s.jsonl");
    messages.extend(recording.into_iter().take(20));
    select(messages)
}

/// Every way in which an exchange's bytes reach a codec.
fn decode_all(bytes: &[u8]) {
    let (binance, backpack) = (Binance::default(), Backpack::default());
    let symbol = symbol("BTC-USDT");
    let text = String::from_utf8_lossy(bytes);
    let exchanges: [(&dyn Exchange, _); 2] = [
        (&binance, fixtures::binance()),
        (&backpack, fixtures::backpack()),
    ];
    for (exchange, listed) in exchanges {
        let mut messages = Vec::new();
        let mut decoder = exchange.decoder();
        for frame in [Frame::Text(&text), Frame::Binary(bytes)] {
            let _ = decoder.decode(frame, &listed, &mut messages);
        }
    }
    let _ = binance.parse_metadata(bytes);
    let _ = backpack.parse_metadata(bytes);
    let _ = binance.parse_activity(bytes, &fixtures::binance());
    let _ = backpack.parse_activity(bytes, &fixtures::backpack());
    let _ = binance.parse_snapshot(&symbol, bytes);
    let _ = backpack.parse_snapshot(&symbol, bytes);
    let _ = binance.parse_trades(&symbol, bytes);
    let _ = backpack.parse_trades(&symbol, bytes);
}

proptest! {
    #[test]
    fn no_bytes_make_a_codec_panic(bytes in vec(any::<u8>(), 0..300)) {
        decode_all(&bytes);
    }

    #[test]
    fn no_change_of_a_recorded_message_makes_a_codec_panic(
        message in recorded(),
        changes in vec((any::<Index>(), any::<u8>()), 0..6),
        cut in any::<Option<Index>>(),
    ) {
        let mut bytes = message.into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        decode_all(&bytes);
    }

    #[test]
    fn whatever_the_interleaving_the_book_becomes_the_exchanges(
        market in markets(),
        starts_at in any::<Index>(),
        snapshot_at in vec((any::<Index>(), any::<Index>()), 1..4),
        repeated in vec(any::<Index>(), 0..4),
    ) {
        // The stream is joined somewhere, and a delta may come again at any later time.
        let (last, deltas) = market.deltas.split_last().expect("many deltas");
        let starts_at = starts_at.index(deltas.len());
        let mut stream: Vec<&BookChange> = deltas[starts_at..].iter().collect();
        for again in repeated {
            let at = again.index(stream.len());
            stream.push(stream[at]);
        }
        // Snapshots of any state before the last one arrive at any time.
        let states = market.states.len() - 1;
        let mut snapshots: Vec<_> = snapshot_at
            .into_iter()
            .map(|(when, state)| (when.index(stream.len()), state.index(states)))
            .collect();
        snapshots.sort_unstable();

        let mut consumer = Consumer::default();
        let mut sync = BookSync::new(symbol("A-B"), &Binance::default().rules().books, None);
        let mut due = snapshots.into_iter().peekable();
        for (index, delta) in stream.iter().enumerate() {
            sync.update((*delta).clone(), 0);
            consumer.take(&mut sync);
            while let Some((_, state)) = due.next_if(|(when, _)| *when == index) {
                sync.snapshot(market.snapshot(state), 0);
                consumer.take(&mut sync);
            }
        }
        prop_assert!(consumer.invalid.is_empty());
        // If none of them did, this one joins.
        sync.snapshot(market.snapshot(first_id(last) as usize - 1), 0);
        sync.update(last.clone(), 0);
        consumer.take(&mut sync);
        let (book, last_id) = sync.book().expect("joined");
        prop_assert_eq!(last_id as usize, market.states.len() - 1);
        prop_assert_eq!(book, &market.book(market.states.len() - 1));
        prop_assert_eq!(book, &consumer.book);
    }

    #[test]
    fn a_lost_delta_always_makes_the_book_invalid(market in markets(), lost in any::<Index>()) {
        // Neither the first nor the last one: nothing would be missing yet.
        let inner = market.deltas.len() - 2;
        let lost = 1 + lost.index(inner);
        let mut consumer = Consumer::default();
        let mut sync = BookSync::new(symbol("A-B"), &Binance::default().rules().books, None);
        sync.snapshot(market.snapshot(0), 0);
        for (index, delta) in market.deltas.iter().enumerate() {
            if index != lost {
                sync.update(delta.clone(), 0);
            }
            consumer.take(&mut sync);
        }
        let missing = InvalidReason::Gap {
            expected: first_id(&market.deltas[lost]),
            received: first_id(&market.deltas[lost + 1]),
        };
        prop_assert_eq!(&consumer.invalid, &[missing]);
        prop_assert!(sync.book().is_none());
    }
}

/// Builds a book from the events alone and checks that they follow one another.
#[derive(Default)]
struct Consumer {
    book: OrderBook,
    last_id: Option<u64>,
    invalid: Vec<InvalidReason>,
}

impl Consumer {
    fn take(&mut self, sync: &mut BookSync) {
        while let Some(action) = sync.next_action() {
            match action {
                BookAction::NeedSnapshot { .. } => {}
                BookAction::Emit(FeedEventKind::L2Snapshot(snapshot), _) => {
                    self.book.apply_snapshot(&snapshot);
                    self.last_id = snapshot.last_id;
                }
                BookAction::Emit(FeedEventKind::L2Delta(delta), _) => {
                    let last_id = self.last_id.expect("a snapshot comes first");
                    assert!(delta.first_id <= Some(last_id + 1) && delta.last_id > Some(last_id));
                    self.book.apply_delta(&delta).unwrap();
                    self.last_id = delta.last_id;
                }
                BookAction::Emit(FeedEventKind::BookInvalid { reason, .. }, _) => {
                    self.last_id = None;
                    self.invalid.push(reason);
                }
                BookAction::Emit(other, _) => panic!("{other:?}"),
            }
        }
    }
}

/// What an exchange did: its book after each change, and the deltas in which it told the changes.
#[derive(Debug, Clone)]
struct Market {
    /// Size by price and side (bids are below 50); the index is the id.
    states: Vec<BTreeMap<u8, u32>>,
    deltas: Vec<BookChange>,
}

impl Market {
    fn of(changes: &[(u8, u32)], lengths: &[usize]) -> Self {
        let mut state = BTreeMap::new();
        let mut states = vec![state.clone()];
        for (price, size) in changes {
            if *size == 0 {
                state.remove(price);
            } else {
                state.insert(*price, *size);
            }
            states.push(state.clone());
        }
        let mut deltas = Vec::new();
        let mut lengths = lengths.iter().cycle();
        let mut first = 1;
        while first < states.len() {
            let length = lengths.next().expect("endless");
            let last = (first + length - 1).min(states.len() - 1);
            deltas.push(Self::delta(
                first,
                last,
                &changes[first - 1..last],
                &states[last],
            ));
            first = last + 1;
        }
        Self { states, deltas }
    }

    fn delta(
        first: usize,
        last: usize,
        changes: &[(u8, u32)],
        state: &BTreeMap<u8, u32>,
    ) -> BookChange {
        let changed = |is_bid: bool| {
            let prices = changes.iter().map(|(price, _)| *price);
            let prices = prices.filter(|price| (*price < 50) == is_bid);
            let mut levels = BTreeMap::new();
            for price in prices {
                levels.insert(price, state.get(&price).copied().unwrap_or(0));
            }
            levels.into_iter().map(level).collect()
        };
        BookChange {
            symbol: symbol("A-B"),
            content: BookContent::Change,
            ids: Ids {
                previous: None,
                first: Some(first as u64),
                last: Some(last as u64),
            },
            checksum: None,
            bids: changed(true),
            asks: changed(false),
            time: Time::Absent,
        }
    }

    fn snapshot(&self, id: usize) -> BookChange {
        let side = |is_bid: bool| {
            let levels = self.states[id].iter().map(|(price, size)| (*price, *size));
            levels
                .filter(|(price, _)| (*price < 50) == is_bid)
                .map(level)
                .collect()
        };
        BookChange {
            symbol: symbol("A-B"),
            content: BookContent::Snapshot,
            ids: Ids {
                last: Some(id as u64),
                ..Ids::default()
            },
            checksum: None,
            bids: side(true),
            asks: side(false),
            time: Time::Absent,
        }
    }

    fn book(&self, id: usize) -> OrderBook {
        let mut book = OrderBook::new();
        book.apply(&self.snapshot(id));
        book
    }
}

fn first_id(change: &BookChange) -> u64 {
    change.ids.first.expect("every change has one")
}

fn level((price, size): (u8, u32)) -> Level {
    Level {
        price: Decimal::from(price),
        size: Decimal::from(size),
    }
}

fn markets() -> impl Strategy<Value = Market> {
    let price = 45..55_u8;
    let size = prop::strategy::Union::new([Just(0).boxed(), (1..100_u32).boxed()]);
    let changes = vec((price, size), 20..80);
    let lengths = vec(1..5_usize, 5);
    (changes, lengths).prop_map(|(changes, lengths)| Market::of(&changes, &lengths))
}

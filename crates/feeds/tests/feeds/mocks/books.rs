//! Books built from the wire, the way a client must build them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use feeds::{Backpack, Binance};
use rust_decimal::Decimal;
use serde_json::Value;
use testkit::{MockExchange, MockExchangeBuilder};

use super::client::{Rest, Ws};

/// How many tickers must agree with the book before a test believes it.
const ENOUGH: usize = 50;

#[derive(Debug, Default)]
struct Book {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

impl Book {
    fn apply(&mut self, bids: &Value, asks: &Value) {
        for (levels, side) in [(bids, &mut self.bids), (asks, &mut self.asks)] {
            for level in levels.as_array().unwrap() {
                let (price, quantity) = (decimal(&level[0]), decimal(&level[1]));
                if quantity.is_zero() {
                    side.remove(&price);
                } else {
                    side.insert(price, quantity);
                }
            }
        }
    }

    /// Price and quantity of the best bid and the best ask.
    fn best(&self) -> [Decimal; 4] {
        let (bid, bid_quantity) = self.bids.last_key_value().unwrap();
        let (ask, ask_quantity) = self.asks.first_key_value().unwrap();
        assert!(bid < ask, "crossed: {bid} {ask}");
        [*bid, *bid_quantity, *ask, *ask_quantity]
    }
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

fn ticker(data: &Value) -> [Decimal; 4] {
    ["b", "B", "a", "A"].map(|key| decimal(&data[key]))
}

/// Joins stream and snapshot, and compares each ticker with the book of its id.
async fn check(mut ws: Ws, rest: &Rest, snapshot: &str) {
    let mut first = ws.json().await;
    while first["data"]["U"].is_null() {
        first = ws.json().await;
    }
    let start = first["data"]["U"].as_u64().unwrap();
    // A snapshot from before the first event is of no use; another one is asked for.
    let (body, mut id) = loop {
        let body = rest.json(snapshot).await;
        let id = match &body["lastUpdateId"] {
            Value::String(text) => text.parse::<u64>().unwrap(),
            number => number.as_u64().unwrap(),
        };
        if id + 1 >= start {
            break (body, id);
        }
    };
    let mut book = Book::default();
    book.apply(&body["bids"], &body["asks"]);
    // A ticker may come before the change of the same id, as it does at the exchanges, and is kept
    // until then. One for an id within a range is compared with nothing.
    let mut tickers = HashMap::new();
    let (mut compared, mut applied, mut event) = (0, 0, first);
    while compared < ENOUGH {
        let data = &event["data"];
        let last = data["u"].as_u64().unwrap_or_default();
        if data["U"].is_null() {
            if last > id {
                tickers.insert(last, ticker(data));
            }
        } else if last > id {
            let first = data["U"].as_u64().unwrap();
            match applied {
                0 => assert!(first <= id + 1, "gap between snapshot and stream"),
                _ => assert_eq!(first, id + 1, "gap in the stream"),
            }
            book.apply(&data["b"], &data["a"]);
            (id, applied) = (last, applied + 1);
            let best = book.best();
            if let Some(told) = tickers.remove(&id) {
                assert_eq!(told, best, "ticker and book differ at {id}");
                compared += 1;
            }
        }
        event = ws.json().await;
    }
}

async fn start(builder: MockExchangeBuilder) -> MockExchange {
    builder
        .tick_interval(Duration::from_millis(2))
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_binance_book_has_the_best_levels_of_the_ticker_with_the_same_id() {
    for age in 0..=3 {
        let exchange = start(Binance::mock().snapshot_age(age)).await;
        let path = "/stream?streams=ethusdt@depth@100ms/ethusdt@bookTicker";
        let ws = Ws::open(&exchange, path).await;
        let rest = Rest::of(&exchange);
        check(ws, &rest, "/api/v3/depth?symbol=ETHUSDT&limit=5000").await;
    }
}

#[tokio::test]
async fn a_backpack_book_has_the_best_levels_of_the_ticker_with_the_same_id() {
    for depth in ["depth", "depth.200ms"] {
        for age in [0, 2] {
            let exchange = start(Backpack::mock().snapshot_age(age)).await;
            let mut ws = Ws::open(&exchange, "").await;
            ws.say(&format!(
                r#"{{"method":"SUBSCRIBE","params":["{depth}.SOL_USDC","bookTicker.SOL_USDC"]}}"#
            ))
            .await;
            let rest = Rest::of(&exchange);
            check(ws, &rest, "/api/v1/depth?symbol=SOL_USDC&limit=1000").await;
        }
    }
}

#[tokio::test]
async fn the_same_seed_serves_the_same_book() {
    let mut books = Vec::new();
    for seed in [5, 5, 6] {
        let exchange = Binance::mock()
            .seed(seed)
            .tick_interval(Duration::from_secs(3600))
            .snapshot_age(1)
            .start()
            .await
            .unwrap();
        let rest = Rest::of(&exchange);
        books.push(rest.json("/api/v3/depth?symbol=BTCUSDT").await);
    }
    assert_eq!(books[0], books[1]);
    assert_ne!(books[0], books[2]);
}

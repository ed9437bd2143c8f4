//! What OKX's streams say.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use feeds::Okx;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use testkit::{Fault, MockExchangeBuilder, Movement, Replay};

use super::{decimal, event, number, open, quiet, request};
use crate::mocks::client::Rest;

fn fast() -> MockExchangeBuilder {
    Okx::mock().tick_interval(Duration::from_millis(2))
}

#[tokio::test]
async fn each_argument_is_acknowledged_and_begins_with_the_state_as_it_is() {
    let (_exchange, mut ws) = open(quiet()).await;
    // The market's first tick is over then.
    assert!(ws.is_silent().await, "nothing before a subscription");
    let args = [("books", "BTC-USDT"), ("bbo-tbt", "BTC-USDT")];
    ws.say(&request("subscribe", "7", &args)).await;
    let ack = |event: &str, (channel, symbol): (&str, &str), id: &str| json!({"event": event, "arg": {"channel": channel, "instId": symbol}, "id": id});
    assert_eq!(event(&mut ws).await, ack("subscribe", args[0], "7"));
    let snapshot = ws.json().await;
    assert_eq!(snapshot["action"], "snapshot");
    let book = &snapshot["data"][0];
    assert_eq!(
        (&book["prevSeqId"], &book["checksum"]),
        (&json!(-1), &json!(0))
    );
    assert!(book["asks"].as_array().unwrap().len() > 90);
    assert_eq!(book["asks"][0].as_array().unwrap().len(), 4);
    assert_eq!(event(&mut ws).await, ack("subscribe", args[1], "7"));
    let best = ws.json().await;
    assert_eq!(
        (&best["action"], &best["data"][0]["instId"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(best["data"][0]["seqId"], book["seqId"]);
    for side in ["asks", "bids"] {
        assert_eq!(best["data"][0][side][0], book[side][0]);
    }

    ws.say(&request("subscribe", "8", &args[..1])).await;
    assert_eq!(event(&mut ws).await, ack("subscribe", args[0], "8"));
    assert!(ws.is_silent().await, "no second snapshot");
    ws.say(&request("unsubscribe", "9", &args[..1])).await;
    assert_eq!(event(&mut ws).await, ack("unsubscribe", args[0], "9"));
    ws.say(&request("subscribe", "10", &args[..1])).await;
    assert_eq!(event(&mut ws).await, ack("subscribe", args[0], "10"));
    assert_eq!(ws.json().await, snapshot);
}

#[tokio::test]
async fn changes_are_linked_and_the_book_has_the_best_prices_of_its_id() {
    let (_exchange, mut ws) = open(fast()).await;
    let args = [("books", "ETH-USDT"), ("bbo-tbt", "ETH-USDT")];
    ws.say(&request("subscribe", "1", &args)).await;
    let mut sides = [BTreeMap::new(), BTreeMap::new()];
    let (mut last, mut best, mut compared) = (None, HashMap::new(), 0);
    while compared < 50 {
        let message = ws.json().await;
        let entry = &message["data"][0];
        let Some(id) = entry["seqId"].as_u64() else {
            continue;
        };
        let top = |side: &str| [0, 1].map(|place| decimal(&entry[side][0][place]));
        if message["arg"]["channel"] == "bbo-tbt" {
            best.insert(id, [top("bids"), top("asks")]);
            continue;
        }
        assert_eq!(entry["prevSeqId"].as_u64(), last, "{message}");
        last = Some(id);
        for (side, levels) in ["bids", "asks"].iter().zip(&mut sides) {
            for level in entry[side].as_array().unwrap() {
                let (price, size) = (decimal(&level[0]), decimal(&level[1]));
                assert_eq!(level[3] == "0", size.is_zero());
                match size.is_zero() {
                    true => levels.remove(&price),
                    false => levels.insert(price, size),
                };
            }
        }
        if let Some(told) = best.remove(&id) {
            let (bid, bid_size) = sides[0].last_key_value().unwrap();
            let (ask, ask_size) = sides[1].first_key_value().unwrap();
            assert_eq!(told, [[*bid, *bid_size], [*ask, *ask_size]]);
            compared += 1;
        }
    }
}

#[tokio::test]
async fn a_dropped_change_breaks_the_link() {
    let (exchange, mut ws) = open(fast()).await;
    ws.say(&request("subscribe", "1", &[("books", "SOL-USDT")]))
        .await;
    event(&mut ws).await;
    let mut last = ws.json().await["data"][0]["seqId"].clone();
    exchange.inject(Fault::DropDepth(1));
    let mut breaks = 0;
    for _ in 0..20 {
        let entry = ws.json().await["data"][0].clone();
        breaks += u32::from(entry["prevSeqId"] != last);
        last = entry["seqId"].clone();
    }
    assert_eq!(breaks, 1);
}

#[tokio::test]
async fn trades_cover_their_ids_and_history_has_them_one_by_one() {
    let (exchange, mut ws) = open(fast()).await;
    ws.say(&request("subscribe", "1", &[("trades", "BTC-USDT")]))
        .await;
    event(&mut ws).await;
    let (mut last, mut told, mut together) = (None, Vec::new(), 0);
    while told.len() < 30 || together == 0 {
        let message = ws.json().await;
        let entry = message["data"][0].clone();
        let (id, count) = (number(&entry["tradeId"]), number(&entry["count"]));
        assert!(last.is_none_or(|last| last + count == id), "{message}");
        together += u32::from(count > 1);
        last = Some(id);
        told.push(entry);
    }
    let after = last.unwrap() + 1;
    let rest = Rest::of(&exchange);
    let path = "/api/v5/market/history-trades?instId=BTC-USDT&type=1&after=";
    let page = rest.json(&format!("{path}{after}&limit=500")).await;
    assert_eq!(page["code"], "0");
    let page = page["data"].as_array().unwrap();
    assert!(page.len() <= 100);
    assert!(page.is_sorted_by_key(|row| u64::MAX - number(&row["tradeId"])));
    let newest = told.last().unwrap();
    let count = usize::try_from(number(&newest["count"])).unwrap();
    assert_eq!(page[0]["tradeId"], newest["tradeId"]);
    assert_eq!(page[0]["side"], newest["side"]);
    let sizes = page[..count].iter().map(|row| decimal(&row["sz"]));
    assert_eq!(sizes.sum::<Decimal>(), decimal(&newest["sz"]));

    let oldest = number(&page[1]["tradeId"]);
    let next = rest.json(&format!("{path}{oldest}&limit=1")).await;
    assert_eq!(next["data"].as_array().unwrap().len(), 1);
    assert_eq!(number(&next["data"][0]["tradeId"]), oldest - 1);
}

#[tokio::test]
async fn a_subscription_begins_with_the_last_trades_as_the_stream_has_told_them() {
    let bursts = Movement {
        steps: 40,
        ..Movement::CALM
    };
    // Each tick has a millisecond of its own.
    let slow = Okx::mock().tick_interval(Duration::from_millis(20));
    // It may take more requests than an hour allows until a subscription begins with several trades.
    let slow = slow.without_limits();
    let (exchange, mut ws) = open(slow.movement(bursts)).await;
    let rest = Rest::of(&exchange);
    let args = [("trades", "BTC-USDT")];
    let first = loop {
        ws.say(&request("subscribe", "1", &args)).await;
        event(&mut ws).await;
        let first = ws.json().await["data"][0].clone();
        if number(&first["count"]) > 1 {
            break first;
        }
        ws.say(&request("unsubscribe", "2", &args)).await;
        while ws.json().await["event"] != "unsubscribe" {}
    };
    let (id, count) = (number(&first["tradeId"]), number(&first["count"]));
    let path = "/api/v5/market/history-trades?instId=BTC-USDT&type=1&after=";
    let page = rest
        .json(&format!("{path}{}&limit={}", id + 1, count + 1))
        .await;
    let mut rows = page["data"].as_array().unwrap().clone();
    let before = rows.pop().unwrap();
    let sizes = rows.iter().map(|row| decimal(&row["sz"]));
    assert_eq!(sizes.sum::<Decimal>(), decimal(&first["sz"]));
    let order = |row: &Value| ["px", "side", "ts"].map(|key| row[key].clone());
    assert!(rows.iter().all(|row| order(row) == order(&first)), "{page}");
    assert_ne!(order(&before), order(&first), "{page}");
}

#[tokio::test]
async fn a_recording_is_played_by_channel_and_instrument() {
    let frame = |channel: &str, id: u64| {
        format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"BTC-USDT"}},"data":[{{"seqId":{id}}}]}}"#
        )
    };
    let frames = [frame("books", 1), frame("trades", 2), frame("books", 3)];
    let (_exchange, mut ws) = open(Okx::mock().replay(Replay::new(frames))).await;
    ws.say(&request("subscribe", "1", &[("books", "BTC-USDT")]))
        .await;
    event(&mut ws).await;
    for id in [1, 3] {
        assert_eq!(ws.text().await, frame("books", id));
    }
}

//! Prices of all symbols in one request, and trades of the past, by every exchange in its own form.

use std::time::Duration;

use feeds::{Backpack, Binance, Kraken, Okx};
use serde_json::Value;
use testkit::{Fault, MockExchange, MockExchangeBuilder};

use super::client::{Rest, Ws};

/// One in which nothing happens after its first moments.
async fn still(mock: MockExchangeBuilder) -> MockExchange {
    let mock = mock.tick_interval(Duration::from_secs(3600)).symbols(3);
    mock.start().await.unwrap()
}

/// One in which enough happens.
async fn busy(mock: MockExchangeBuilder) -> MockExchange {
    let mock = mock.tick_interval(Duration::from_millis(1));
    mock.start().await.unwrap()
}

fn keys(row: &Value) -> Vec<&str> {
    row.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn binance_has_best_prices_and_days_of_one_several_and_all_symbols() {
    let exchange = still(Binance::mock()).await;
    let rest = Rest::of(&exchange);
    let weight = |headers: &http::HeaderMap| -> u32 {
        headers["x-mbx-used-weight-1m"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let mut used = 0;
    for (path, cost, rows) in [
        ("bookTicker", 4, 6),
        ("bookTicker?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D", 4, 2),
        ("24hr", 80, 6),
        ("24hr?type=MINI", 80, 6),
        (
            "24hr?type=MINI&symbols=%5B%22BTCUSDT%22,%22T0001USDT%22%5D",
            2,
            2,
        ),
        ("price", 4, 6),
    ] {
        let (status, headers, body) = rest.get(&format!("/api/v3/ticker/{path}")).await;
        assert_eq!(status, 200, "{path}: {body}");
        let all: Vec<Value> = serde_json::from_str(&body).unwrap();
        assert_eq!(all.len(), rows, "{path}");
        assert_eq!(weight(&headers) - used, cost, "{path}");
        used = weight(&headers);
    }
    let best = rest.json("/api/v3/ticker/bookTicker?symbol=BTCUSDT").await;
    let expected = ["askPrice", "askQty", "bidPrice", "bidQty", "symbol"];
    assert_eq!(keys(&best), expected);
    assert!(number(&best, "bidPrice") < number(&best, "askPrice"));
    let mini = rest
        .json("/api/v3/ticker/24hr?type=MINI&symbol=BTCUSDT")
        .await;
    let expected = [
        "closeTime",
        "count",
        "firstId",
        "highPrice",
        "lastId",
        "lastPrice",
        "lowPrice",
        "openPrice",
        "openTime",
        "quoteVolume",
        "symbol",
        "volume",
    ];
    assert_eq!(keys(&mini), expected);
    let full = rest.json("/api/v3/ticker/24hr?symbol=BTCUSDT").await;
    assert_eq!(keys(&full).len(), expected.len() + 9);
    for path in ["bookTicker?symbol=NOPE", "24hr?symbol=LUNABTC"] {
        let (status, _, body) = rest.get(&format!("/api/v3/ticker/{path}")).await;
        assert_eq!(status, 400);
        assert!(body.contains("-1121"), "{body}");
    }
    let listed = rest.json("/api/v3/exchangeInfo?symbolStatus=TRADING").await;
    let is_listed = |symbol: &str| {
        let mut symbols = listed["symbols"].as_array().unwrap().iter();
        symbols.any(|it| it["symbol"] == symbol)
    };
    assert!(is_listed("T0003USDT") && !is_listed("T0004USDT") && !is_listed("LUNABTC"));
}

#[tokio::test]
async fn binance_tells_trades_of_the_past_by_id_and_days_end_with_the_last() {
    let exchange = busy(Binance::mock()).await;
    let mut ws = Ws::open(&exchange, "/ws/btcusdt@trade").await;
    let first = ws.json().await["t"].as_u64().unwrap();
    while ws.json().await["t"].as_u64().unwrap() < first + 40 {}
    let rest = Rest::of(&exchange);
    let path = format!("/api/v3/historicalTrades?symbol=BTCUSDT&limit=30&fromId={first}");
    let trades = rest.json(&path).await;
    let ids: Vec<_> = trades
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_u64())
        .collect();
    assert_eq!(ids, (first..first + 30).map(Some).collect::<Vec<_>>());
    let day = rest
        .json("/api/v3/ticker/24hr?type=MINI&symbol=BTCUSDT")
        .await;
    let (start, last) = (
        day["firstId"].as_u64().unwrap(),
        day["lastId"].as_u64().unwrap(),
    );
    assert!(start <= first && last >= first + 40);
    assert_eq!(day["count"], last + 1 - start);
}

#[tokio::test]
async fn okx_has_tickers_and_pages_of_trades_from_an_id_on_downwards() {
    let exchange = busy(Okx::mock().symbols(2)).await;
    let rest = Rest::of(&exchange);
    let all = rest.json("/api/v5/market/tickers?instType=SPOT").await;
    let rows = all["data"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!(keys(row).len(), 16);
        assert!(number(row, "bidPx") < number(row, "askPx"), "{row}");
    }
    let one = rest.json("/api/v5/market/ticker?instId=T0002-USDT").await;
    assert_eq!(one["data"][0]["instId"], "T0002-USDT");
    let none = rest.json("/api/v5/market/ticker?instId=NOPE-USDT").await;
    assert_eq!(none["code"], "51001");

    let ids = async |after: String| {
        let path = format!("/api/v5/market/history-trades?instId=BTC-USDT&type=1&limit=20{after}");
        let page = rest.json(&path).await;
        let rows = page["data"].as_array().unwrap().iter();
        let ids = rows.map(|it| it["tradeId"].as_str().unwrap().parse::<u64>().unwrap());
        ids.collect::<Vec<_>>()
    };
    let mut ws = Ws::open(&exchange, "/ws/v5/public").await;
    ws.say(r#"{"op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}"#)
        .await;
    for _ in 0..25 {
        ws.text().await;
    }
    let newest = ids(String::new()).await;
    let last = newest[10];
    let older = ids(format!("&after={last}")).await;
    assert_eq!(older[0], last - 1);
    assert_eq!(older[..9], newest[11..]);
}

#[tokio::test]
async fn kraken_has_tickers_of_all_pairs_by_their_keys() {
    let exchange = still(Kraken::mock()).await;
    let rest = Rest::of(&exchange);
    let all = rest.json("/0/public/Ticker").await;
    assert_eq!(all["error"], serde_json::json!([]));
    let expected = [
        "SOLUSD", "T0001USD", "T0002USD", "T0003USD", "XDGUSD", "XETHZUSD", "XXBTZUSD",
    ];
    assert_eq!(keys(&all["result"]), expected);
    let one = &all["result"]["XXBTZUSD"];
    assert_eq!(keys(one), ["a", "b", "c", "h", "l", "o", "p", "t", "v"]);
    let best = |side: &str| one[side][0].as_str().unwrap().parse::<f64>().unwrap();
    assert!(best("b") < best("a"), "{one}");
    let named = rest.json("/0/public/Ticker?pair=XBTUSD,SOL/USD").await;
    assert_eq!(keys(&named["result"]), ["SOLUSD", "XXBTZUSD"]);
    let unknown = rest.json("/0/public/Ticker?pair=NOPE").await;
    assert_eq!(unknown["error"][0], "EQuery:Unknown asset pair");
}

#[tokio::test]
async fn backpack_has_tickers_in_text_and_trades_behind_an_offset() {
    let exchange = busy(Backpack::mock()).await;
    let rest = Rest::of(&exchange);
    let all = rest.json("/api/v1/tickers").await;
    let rows = all.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(keys(row).len(), 10);
        assert!(
            row.as_object().unwrap().values().all(Value::is_string),
            "{row}"
        );
    }
    let ids = async |path: &str| {
        let page = rest.json(path).await;
        let ids = page
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_u64().unwrap());
        ids.collect::<Vec<_>>()
    };
    let path = "/api/v1/trades?symbol=SOL_USDC&limit=30";
    let mut newest = ids(path).await;
    while newest.len() < 30 {
        newest = ids(path).await;
    }
    let older = ids("/api/v1/trades/history?symbol=SOL_USDC&limit=10&offset=5").await;
    assert_eq!(older.len(), 10);
    assert!(
        older.windows(2).all(|two| two[0] == two[1] + 1),
        "{older:?}"
    );
    let newest = ids(path).await;
    assert!(newest[0] > older[0]);
    let (status, _, _) = rest
        .get("/api/v1/trades/history?symbol=SOL_USDC&offset=x")
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_trade_that_is_lost_in_the_stream_is_in_the_history() {
    let exchange = busy(Binance::mock()).await;
    let mut ws = Ws::open(&exchange, "/ws/btcusdt@trade").await;
    let mut last = ws.json().await["t"].as_u64().unwrap();
    let lost = loop {
        exchange.inject(Fault::DropTrades(2));
        let id = ws.json().await["t"].as_u64().unwrap();
        if id != last + 1 {
            break last + 1;
        }
        last = id;
    };
    let rest = Rest::of(&exchange);
    let path = format!("/api/v3/historicalTrades?symbol=BTCUSDT&limit=1&fromId={lost}");
    assert_eq!(rest.json(&path).await[0]["id"], lost);
}

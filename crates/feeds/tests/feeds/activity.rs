//! What exchanges tell of all symbols at once.

use std::collections::BTreeMap;

use feeds::exchange::Activity;
use feeds::{
    AnswerError, Backpack, Binance, Channel, Exchange, Instrument, Instruments, Kraken, Okx,
};

use crate::fixtures::symbol;

fn listed(names: &[(&str, &str)]) -> Instruments {
    let instrument = |(name, own): &(&str, &str)| Instrument::new(symbol(name), own);
    names.iter().map(instrument).collect()
}

/// `A-B: 7 1.5 1/2` is the last trade's id and price, and the best prices.
fn told(exchange: &dyn Exchange, names: &[(&str, &str)], body: &str) -> Vec<String> {
    let told = exchange.parse_activity(body.as_bytes(), &listed(names));
    let told: BTreeMap<_, _> = told.unwrap().into_iter().collect();
    let text = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let row = |activity: Activity| {
        let best = activity.best.map(|best| {
            let [bid, ask] = [best.bid, best.ask].map(|price| text(price.map(|it| it.to_string())));
            format!("{bid}/{ask}")
        });
        let id = text(activity.trade_id.map(|id| id.to_string()));
        let price = text(activity.trade_price.map(|it| it.to_string()));
        format!("{id} {price} {}", text(best))
    };
    told.into_iter()
        .map(|(symbol, activity)| format!("{symbol}: {}", row(activity)))
        .collect()
}

fn path(exchange: &dyn Exchange, channels: &[Channel]) -> String {
    let request = exchange.activity_request(channels).unwrap().unwrap();
    request.uri().path_and_query().unwrap().to_string()
}

#[test]
fn the_cheapest_request_that_tells_enough_is_asked() {
    let [trades, ticker, book] = Channel::ALL;
    let binance = Binance::default();
    for (channels, expected) in [
        (&[ticker, book][..], "/api/v3/ticker/bookTicker"),
        (&[trades], "/api/v3/ticker/24hr?type=MINI"),
        (&[trades, book], "/api/v3/ticker/24hr"),
    ] {
        assert_eq!(path(&binance, channels), expected);
    }
    assert_eq!(path(&Backpack::default(), &[ticker]), "/api/v1/tickers");
    assert_eq!(path(&Kraken::default(), &[ticker]), "/0/public/Ticker");
    let of_spot = "/api/v5/market/tickers?instType=SPOT";
    assert_eq!(path(&Okx::default(), &[ticker]), of_spot);
}

#[test]
fn binance_tells_ids_and_best_prices_as_far_as_it_is_asked() {
    let names = [
        ("BTC-USDT", "BTCUSDT"),
        ("LUNA-BTC", "LUNABTC"),
        ("X-Y", "XY"),
    ];
    let told = |body| told(&Binance::default(), &names, body);
    let best = r#"[{"symbol":"BTCUSDT","bidPrice":"61837.63000000","bidQty":"3","askPrice":"61837.64000000","askQty":"1"},
        {"symbol":"NOBODY","bidPrice":"1","bidQty":"1","askPrice":"2","askQty":"1"}]"#;
    assert_eq!(told(best), ["BTC-USDT: - - 61837.63000000/61837.64000000"]);
    // Halted, and never traded in a day.
    let day = r#"[{"symbol":"LUNABTC","priceChange":"-1.0","lastPrice":"0.00000000","bidPrice":"0.00000000","bidQty":"0.00000000","askPrice":"0.00000000","askQty":"0.00000000","openTime":1,"closeTime":2,"firstId":-1,"lastId":-1,"count":0},
        {"symbol":"BTCUSDT","lastPrice":"1.50","bidPrice":"1","askPrice":"2","lastId":7},
        {"symbol":"XY","lastPrice":"0.00000000000000000000000000001","lastId":8}]"#;
    assert_eq!(
        told(day),
        ["BTC-USDT: 7 1.50 1/2", "LUNA-BTC: - - -/-", "X-Y: 8 - -"]
    );
}

#[test]
fn backpack_tells_the_last_price_alone() {
    let body = r#"[{"firstPrice":"98","lastPrice":"100.19","symbol":"SOL_USDC","trades":"3412","volume":"1"},
        {"lastPrice":null,"symbol":"BTC_USDC_PERP"}]"#;
    let names = [("SOL-USDC", "SOL_USDC"), ("BTC-USDC-PERP", "BTC_USDC_PERP")];
    assert_eq!(
        told(&Backpack::default(), &names, body),
        ["BTC-USDC-PERP: - - -", "SOL-USDC: - 100.19 -"]
    );
}

#[test]
fn kraken_calls_its_pairs_by_yet_another_name() {
    let row = r#"{"a":["3.00","1","1.000"],"b":["2.00","2","2.000"],"c":["2.50","0.1"],"t":[1,2]}"#;
    let symbols = |keys: &[&str], names: &[(&str, &str)]| {
        let rows: Vec<_> = keys.iter().map(|key| format!(r#""{key}":{row}"#)).collect();
        let body = format!(r#"{{"error":[],"result":{{{}}}}}"#, rows.join(","));
        told(&Kraken::default(), names, &body)
    };
    let names = [
        ("BTC-USD", "BTC/USD"),
        ("BTC-USDT", "BTC/USDT"),
        ("DOGE-BTC", "DOGE/BTC"),
        ("ETH-BTC", "ETH/BTC"),
        ("SOL-USD", "SOL/USD"),
        ("ZRX-USD", "ZRX/USD"),
    ];
    let keys = [
        "XXBTZUSD", "XBTUSDT", "XXDGXXBT", "XETHXXBT", "SOLUSD", "ZRXUSD", "NOBODY", "é",
    ];
    let expected = names.map(|(name, _)| format!("{name}: - 2.50 2.00/3.00"));
    assert_eq!(symbols(&keys, &names), expected);
    let two = [("AB-CD", "AB/CD"), ("ABC-D", "ABC/D")];
    assert!(symbols(&["ABCD"], &two).is_empty(), "it may be either");
    let refused = br#"{"error":["EGeneral:Too many requests"]}"#;
    let refused = Kraken::default().parse_activity(refused, &listed(&names));
    assert!(matches!(
        refused,
        Err(AnswerError::Refused {
            is_too_many: true,
            ..
        })
    ));
}

#[test]
fn okx_leaves_out_what_there_is_not() {
    let body = r#"{"code":"0","msg":"","data":[
        {"instType":"SPOT","instId":"BTC-USDT","last":"64040.2","lastSz":"0.1","askPx":"64040.2","askSz":"1","bidPx":"","bidSz":"","ts":"1"},
        {"instType":"SPOT","instId":"NEW-USDT","last":"","askPx":"","bidPx":""}]}"#;
    let names = [("BTC-USDT", "BTC-USDT"), ("NEW-USDT", "NEW-USDT")];
    assert_eq!(
        told(&Okx::default(), &names, body),
        ["BTC-USDT: - 64040.2 -/64040.2", "NEW-USDT: - - -/-"]
    );
}

#[test]
fn an_answer_of_another_form_tells_nothing() {
    let exchanges: [&dyn Exchange; 4] = [
        &Binance::default(),
        &Backpack::default(),
        &Kraken::default(),
        &Okx::default(),
    ];
    for exchange in exchanges {
        for body in [
            "",
            "{}",
            r#"[{"lastId":7}]"#,
            "<html>",
            r#"{"result":{"A":{}}}"#,
        ] {
            let told = exchange.parse_activity(body.as_bytes(), &Instruments::default());
            assert!(told.is_err(), "{} {body}", exchange.id());
        }
    }
}

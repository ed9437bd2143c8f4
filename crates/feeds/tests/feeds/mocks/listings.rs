//! Symbols that come and go, and numbers that begin anew, at every exchange.

use std::collections::BTreeSet;
use std::time::Duration;

use feeds::{Binance, EXCHANGES, Kraken, Okx};
use testkit::Fault;

use super::client::{Rest, Ws};

#[tokio::test]
async fn what_is_halted_leaves_the_list_of_the_codec_and_what_is_new_is_on_it() {
    for registration in EXCHANGES {
        let mock = (registration.mock)().symbols(2);
        let mock = mock
            .tick_interval(Duration::from_secs(3600))
            .start()
            .await
            .unwrap();
        let codec = (registration.at)(&mock.rest_url(), &mock.ws_url()).unwrap();
        let rest = Rest::of(&mock);
        let path = codec.metadata_request().unwrap();
        let path = path.uri().path_and_query().unwrap().as_str();
        let listed = async || -> BTreeSet<String> {
            let (_, _, body) = rest.get(path).await;
            let instruments = codec.parse_metadata(body.as_bytes()).unwrap();
            let pairs = mock.pairs();
            // Only what can be looked up by its name.
            let is_known = |pair: &&String| {
                instruments
                    .by_symbol(&crate::fixtures::symbol(pair))
                    .is_some()
            };
            let known = pairs.iter().filter(is_known).cloned().collect();
            assert_eq!(pairs.into_iter().collect::<BTreeSet<_>>(), known);
            known
        };
        let before = listed().await;
        let pair = mock.pairs()[0].clone();
        assert!(
            before.iter().any(|it| it.starts_with("T0002-")),
            "{before:?}"
        );
        mock.inject(Fault::Halt { pair: pair.clone() });
        mock.inject(Fault::List {
            pair: "FRESH".to_owned(),
        });
        mock.inject(Fault::Halt {
            pair: "UNKNOWN".to_owned(),
        });
        let after = listed().await;
        let gone: Vec<_> = before.difference(&after).collect();
        assert_eq!(gone, [&pair], "{}", registration.id);
        let new: Vec<_> = after.difference(&before).collect();
        assert!(new.len() == 1 && new[0].starts_with("FRESH-"), "{new:?}");
        mock.inject(Fault::List { pair: pair.clone() });
        assert!(listed().await.contains(&pair));
    }
}

#[tokio::test]
async fn numbers_that_begin_anew_are_lower_in_every_stream_and_by_rest() {
    let exchange = Binance::mock().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ws/btcusdt@depth").await;
    let before = ws.json().await["u"].as_u64().unwrap();
    exchange.inject(Fault::RestartIds);
    let after = async {
        loop {
            let first = ws.json().await["U"].as_u64().unwrap();
            if first < before {
                return first;
            }
        }
    };
    let after = after.await;
    let rest = Rest::of(&exchange);
    let book = rest.json("/api/v3/depth?symbol=BTCUSDT").await;
    let id = book["lastUpdateId"].as_u64().unwrap();
    assert!((after..before).contains(&id), "{before} {after} {id}");
    let trades = rest
        .json("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=0")
        .await;
    let ids = trades
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_u64().unwrap());
    assert!(ids.is_sorted(), "none of the old ones");

    // Linked to the last of the old ones, as documented.
    let exchange = Okx::mock().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ws/v5/public").await;
    ws.say(r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#)
        .await;
    ws.text().await;
    let mut last = ws.json().await["data"][0]["seqId"].as_i64().unwrap();
    exchange.inject(Fault::RestartIds);
    loop {
        let change = ws.json().await["data"][0].clone();
        assert_eq!(change["prevSeqId"].as_i64(), Some(last));
        let previous = last;
        last = change["seqId"].as_i64().unwrap();
        if last < previous {
            break;
        }
    }
    assert_eq!(ws.json().await["data"][0]["prevSeqId"].as_i64(), Some(last));

    // Books have no numbers here.
    let exchange = Kraken::mock().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/v2").await;
    ws.say(r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#)
        .await;
    let mut trade_id = async || loop {
        let frame = ws.json().await;
        if frame["channel"] == "trade" {
            break frame["data"][0]["trade_id"].as_u64().unwrap();
        }
    };
    let before = trade_id().await;
    exchange.inject(Fault::RestartIds);
    while trade_id().await >= before {}
}

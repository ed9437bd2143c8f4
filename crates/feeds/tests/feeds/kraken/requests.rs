//! What Kraken is asked.

use feeds::{
    Channel, Exchange, Instrument, Kraken, KrakenDepth, RequestIds, Stream, StreamRequest,
};
use serde_json::{Value, json};

use crate::fixtures::lines;

fn stream(exchange_symbol: &str, channel: Channel) -> Stream {
    let symbol = exchange_symbol.replace('/', "-").parse().unwrap();
    Stream {
        instrument: Instrument::new(symbol, exchange_symbol),
        channel,
    }
}

fn said(request: &StreamRequest) -> Value {
    serde_json::from_str(request.message.as_text().unwrap()).unwrap()
}

#[test]
fn each_channel_has_a_request_of_its_own() {
    let streams = [
        stream("BTC/USD", Channel::L2Book),
        stream("BTC/USD", Channel::Trades),
        stream("ETH/USD", Channel::L2Book),
        stream("BTC/USD", Channel::Ticker),
    ];
    let kraken = Kraken::default();
    let mut ids = RequestIds::default();
    let plan = kraken.plan(&streams, &mut ids).unwrap();
    assert_eq!(plan.socket.uri().to_string(), "wss://ws.kraken.com/v2");
    assert_eq!(
        plan.requests.iter().map(said).collect::<Vec<_>>(),
        [
            json!({"method": "subscribe", "req_id": 1, "params":
                {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": false}}),
            json!({"method": "subscribe", "req_id": 2, "params":
                {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo", "snapshot": true}}),
            json!({"method": "subscribe", "req_id": 3, "params":
                {"channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 1000, "snapshot": true}}),
        ]
    );
    assert_eq!(plan.requests[2].id, Some(3));
    assert_eq!(
        plan.requests[2].streams,
        [streams[0].clone(), streams[2].clone()]
    );

    let shallow = kraken.with_depth(KrakenDepth::Levels10);
    let requests = shallow.unsubscribe(&streams[2..], &mut ids);
    assert_eq!(
        requests.iter().map(said).collect::<Vec<_>>(),
        [
            json!({"method": "unsubscribe", "req_id": 4, "params":
                {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo"}}),
            json!({"method": "unsubscribe", "req_id": 5, "params":
                {"channel": "book", "symbol": ["ETH/USD"], "depth": 10}}),
        ]
    );
    assert_eq!(shallow.plan(&[], &mut ids).unwrap().requests, []);
}

#[test]
fn the_depth_that_is_asked_for_is_the_one_that_books_are_cut_to() {
    for (depth, levels) in [
        (KrakenDepth::Levels10, 10),
        (KrakenDepth::Levels25, 25),
        (KrakenDepth::Levels100, 100),
        (KrakenDepth::Levels500, 500),
        (KrakenDepth::Levels1000, 1000),
    ] {
        let kraken = Kraken::default().with_depth(depth);
        let streams = [stream("BTC/USD", Channel::L2Book)];
        let requests = kraken.subscribe(&streams, &mut RequestIds::default());
        assert_eq!(said(&requests[0])["params"]["depth"], levels);
        assert_eq!(kraken.rules().books.cut, Some(levels));
    }
}

#[test]
fn no_request_is_about_more_streams_than_the_limit() {
    let streams: Vec<_> = (0..250)
        .map(|index| stream(&format!("A{index}/USD"), Channel::Trades))
        .collect();
    let kraken = Kraken::default();
    let requests = kraken.subscribe(&streams, &mut RequestIds::default());
    let most = kraken.limits().streams_per_request.unwrap() as usize;
    let counts: Vec<_> = requests.iter().map(|it| it.streams.len()).collect();
    assert_eq!(counts, [most, most, 50]);
    let all: Vec<_> = requests.iter().flat_map(|it| it.streams.clone()).collect();
    assert_eq!(all, streams);
    for request in &requests {
        let symbols = said(request)["params"]["symbol"].as_array().unwrap().len();
        assert_eq!(symbols, request.streams.len());
    }
}

#[test]
fn every_recorded_frame_is_within_the_limit() {
    let most = Kraken::default().limits().frame;
    for path in [
        "kraken/v2_real_2026/btcusd_d25.ws.jsonl",
        "kraken/v2_CONVERTED_from_v1_2021/book_d1000.ws.jsonl",
    ] {
        let longest = lines(path).iter().map(String::len).max().unwrap();
        assert!(longest * 2 < most, "{path}: {longest}");
    }
}

#[test]
fn addresses_may_be_others() {
    let kraken = Kraken::new("http://127.0.0.1:1", "wss://beta-ws.kraken.com/v2").unwrap();
    let asked =
        |request: Result<http::Request<bytes::Bytes>, _>| request.unwrap().uri().to_string();
    assert_eq!(
        asked(kraken.metadata_request()),
        "http://127.0.0.1:1/0/public/AssetPairs"
    );
    assert_eq!(
        asked(kraken.ping_request()),
        "http://127.0.0.1:1/0/public/Time"
    );
    let plan = kraken.plan(&[], &mut RequestIds::default()).unwrap();
    assert_eq!(plan.socket.uri().to_string(), "wss://beta-ws.kraken.com/v2");
    assert_eq!(kraken.id(), "kraken");
    assert!(Kraken::new("wss://x", "wss://x").is_err());
}

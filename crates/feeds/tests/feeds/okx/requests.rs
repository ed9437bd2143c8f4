//! What is asked for.

use feeds::{Channel, Exchange, Instrument, Okx, RequestIds, Stream};

use super::path;
use crate::fixtures::symbol;

#[test]
fn each_instrument_has_a_request_of_its_own_within_the_limits() {
    let stream = |name: &str, channel| Stream {
        instrument: Instrument::new(symbol(name), name),
        channel,
    };
    let mut streams: Vec<_> = Channel::ALL
        .map(|channel| stream("BTC-USDT", channel))
        .into();
    streams.push(stream("ETH-USDT", Channel::L2Book));
    let mut ids = RequestIds::default();
    let plan = Okx::default().plan(&streams, &mut ids).unwrap();
    assert_eq!(
        plan.socket.uri().to_string(),
        "wss://ws.okx.com/ws/v5/public"
    );
    assert!(plan.socket.first_messages.is_empty());
    let [btc, eth] = &plan.requests[..] else {
        panic!("{:?}", plan.requests);
    };
    assert_eq!((btc.id, &btc.streams[..]), (Some(1), &streams[..3]));
    assert_eq!(
        btc.message.as_text(),
        Some(
            r#"{"args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"bbo-tbt","instId":"BTC-USDT"},{"channel":"books","instId":"BTC-USDT"}],"id":"1","op":"subscribe"}"#
        )
    );
    assert_eq!((eth.id, &eth.streams[..]), (Some(2), &streams[3..]));

    let unsubscribe = Okx::default().unsubscribe(&streams[3..], &mut ids);
    assert_eq!(
        unsubscribe[0].message.as_text(),
        Some(r#"{"args":[{"channel":"books","instId":"ETH-USDT"}],"id":"3","op":"unsubscribe"}"#)
    );

    let okx = Okx::default();
    let limits = okx.limits();
    let names = (0..limits.streams.unwrap()).map(|n| format!("SOME-LONG-NAME-OF-A-TOKEN-{n}"));
    let streams: Vec<_> = names.map(|name| stream(&name, Channel::Trades)).collect();
    let plan = okx.plan(&streams, &mut ids).unwrap();
    let operations: usize = plan.requests.iter().map(|it| it.streams.len()).sum();
    assert!(operations * 2 <= limits.operations.unwrap().units as usize);
    for request in &plan.requests {
        assert!(request.message.as_text().unwrap().len() < limits.request.unwrap());
    }
    assert_eq!(okx.plan(&[], &mut ids).unwrap().requests, []);
}

#[test]
fn requests_of_the_demo_say_that_they_are() {
    for (exchange, simulated, host) in [
        (Okx::default(), None, "ws.okx.com"),
        (Okx::demo(), Some("1"), "wspap.okx.com"),
    ] {
        let metadata = exchange.metadata_request().unwrap();
        assert_eq!(path(&metadata), "/api/v5/public/instruments?instType=SPOT");
        let ping = exchange.ping_request().unwrap();
        assert_eq!(path(&ping), "/api/v5/public/time");
        for request in [metadata, ping] {
            let header = request.headers().get("x-simulated-trading");
            assert_eq!(header.map(|it| it.to_str().unwrap()), simulated);
            assert_eq!(request.uri().host(), Some("www.okx.com"));
        }
        let plan = exchange.plan(&[], &mut RequestIds::default()).unwrap();
        assert_eq!(plan.socket.uri().host(), Some(host));
        assert_eq!(plan.socket.uri().port(), None);
    }
    let europe = Okx::new("https://eea.okx.com", "wss://wseea.okx.com/").unwrap();
    let plan = europe.plan(&[], &mut RequestIds::default()).unwrap();
    assert_eq!(
        plan.socket.uri().to_string(),
        "wss://wseea.okx.com/ws/v5/public"
    );
    assert!(Okx::new("wss://www.okx.com", "wss://ws.okx.com").is_err());
}

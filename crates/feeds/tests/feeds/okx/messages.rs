//! Which message is of which kind.

use feeds::{Channel, Exchange, ExchangeMessage, Frame, Okx};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};
use proptest::sample::Index;

use super::{RECORDED, decode, listed, try_decode};
use crate::fixtures::{lines, symbol};

/// What a message turned out to be, in a few words.
fn outcome(text: &str) -> String {
    match decode(text) {
        ExchangeMessage::Trade(trade) => format!("trade {} x{}", trade.symbol, trade.count),
        ExchangeMessage::Ticker(ticker) => format!("ticker {}", ticker.symbol),
        ExchangeMessage::Book(change) => format!("{:?} {}", change.content, change.symbol),
        ExchangeMessage::Acknowledged(reply) => {
            let symbol = reply.symbol.map(|it| it.to_string());
            format!("acknowledged {:?} {symbol:?}", reply.channel)
        }
        ExchangeMessage::Refused(refusal) => format!("refused {:?}", refusal.code),
        ExchangeMessage::Unknown { kind } => format!("unknown {kind}"),
        other => format!("{other:?}"),
    }
}

fn outcomes(path: &str) -> Vec<String> {
    let lines = lines(path);
    let from_okx = |line: &&String| !line.contains(r#""op":"#) && *line != "ping";
    lines
        .iter()
        .filter(from_okx)
        .map(|line| outcome(line))
        .collect()
}

#[test]
fn every_message_of_the_recording_decodes() {
    let outcomes = outcomes(RECORDED);
    assert_eq!(outcomes.len(), 410);
    for (kind, expected) in [
        ("acknowledged", 18),
        ("ticker", 28),
        ("trade", 74),
        ("Snapshot", 3),
        ("Change", 287),
    ] {
        let count = outcomes.iter().filter(|it| it.starts_with(kind)).count();
        assert_eq!(count, expected, "{kind}");
    }
}

#[test]
fn messages_of_2026_decode_or_name_their_kind() {
    assert_eq!(
        outcomes("okx/ws_misc_real_2026.jsonl"),
        [
            r#"acknowledged Some(Ticker) Some("BTC-USDT")"#,
            "ticker BTC-USDT",
            r#"acknowledged Some(Trades) Some("BTC-USDT")"#,
            "trade BTC-USDT x2",
            "trade BTC-USDT x1",
            "trade BTC-USDT x1",
            r#"acknowledged None Some("BTC-USDT")"#,
            "unknown books5",
            "Snapshot SOL-USDT",
            "Change SOL-USDT",
        ]
    );
}

#[test]
fn documented_messages_decode_or_name_their_kind() {
    assert_eq!(
        outcomes("okx/ws_doc_examples.jsonl"),
        [
            r#"acknowledged Some(L2Book) Some("BTC-USDT")"#,
            r#"acknowledged Some(Ticker) Some("BTC-USDT")"#,
            r#"refused Some("60012")"#,
            "ShutdownAnnounced { within: Some(60s) }",
            "unknown channel-conn-count",
            "unknown channel-conn-count-error",
            "trade BTC-USDT x3",
            "Snapshot BTC-USDT",
            "Change BTC-USDT",
            "unknown bbo-tbt of BCH-USDT-SWAP",
            "ticker BTC-USDT",
            "unknown status",
            "Alive",
        ]
    );
}

#[test]
fn recorded_refusals_and_notices_are_understood() {
    assert_eq!(
        outcomes("okx/ws_errors_real.jsonl"),
        [
            r#"refused Some("60018")"#,
            r#"refused Some("60018")"#,
            r#"refused Some("60011")"#,
            "ShutdownAnnounced { within: Some(60s) }",
        ]
    );
    let other = r#"{"event":"notice","code":"64009","msg":"Something else."}"#;
    let text = "Something else.".to_owned();
    assert_eq!(decode(other), ExchangeMessage::Notice { text });
}

#[test]
fn a_reply_names_its_request_and_what_it_is_about_as_far_as_okx_does() {
    let text = r#"{"id":"1512","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#;
    let ExchangeMessage::Acknowledged(reply) = decode(text) else {
        panic!("not acknowledged");
    };
    assert_eq!(reply.request, Some(1512));
    assert_eq!(reply.symbol, Some(symbol("BTC-USDT")));
    assert_eq!(reply.channel, Some(Channel::L2Book));

    // A recorded one, with an id as this codec writes it.
    let recorded = &lines("okx/ws_errors_real.jsonl")[1];
    let ExchangeMessage::Refused(refusal) = decode(&recorded.replace("ob1", "7")) else {
        panic!("not refused");
    };
    assert_eq!(refusal.reply.request, Some(7));
    assert_eq!((refusal.reply.symbol, refusal.reply.channel), (None, None));
    assert!(refusal.message.contains("NOPE-USDT doesn't exist"));
    let ExchangeMessage::Refused(refusal) = decode(recorded) else {
        panic!("not refused");
    };
    assert_eq!(refusal.reply.request, None, "of somebody else");
}

#[test]
fn several_entries_of_a_frame_are_several_messages() {
    let book = |id| {
        format!(
            r#"{{"asks":[],"bids":[["1","{id}","0","1"]],"ts":"1790000000000","checksum":0,"seqId":{id},"prevSeqId":9}}"#
        )
    };
    let trade = |id| {
        format!(
            r#"{{"instId":"BTC-USDT","tradeId":"{id}","px":"1","sz":"2","side":"buy","ts":"1790000000000"}}"#
        )
    };
    for (channel, action, entries) in [
        ("books", r#""action":"update","#, [book(1), book(2)]),
        ("trades", "", [trade(1), trade(2)]),
    ] {
        let frame = |entries: &str| {
            format!(
                r#"{{"arg":{{"channel":"{channel}","instId":"BTC-USDT"}},{action}"data":[{entries}]}}"#
            )
        };
        let text = frame(&entries.join(","));
        assert_eq!(try_decode(&text).unwrap().len(), 2);
        assert_eq!(try_decode(&frame("")).unwrap(), []);
        let faulty = text.replace("\"2\"", "\"+2\"");
        assert_ne!(faulty, text);
        assert!(try_decode(&faulty).is_err());
    }
}

#[test]
fn what_is_not_understood_is_told_apart_from_what_is_not_wanted() {
    for (text, kind) in [
        ("{}", "no event and no arg"),
        (r#"{"arg":{"channel":"status"},"data":[1]}"#, "status"),
        (
            r#"{"arg":{"channel":"books-elp","instId":"BTC-USDT"},"data":[[1]]}"#,
            "books-elp",
        ),
        (
            r#"{"arg":{"channel":"trades","instId":"NOPE-USDT"},"data":[1]}"#,
            "trades of NOPE-USDT",
        ),
        (
            r#"{"arg":{"channel":"trades","instId":"BTC\u002dUSDT\"}"},"data":[1]}"#,
            "trades of BTC-USDT\"}",
        ),
    ] {
        let kind = kind.to_owned();
        assert_eq!(decode(text), ExchangeMessage::Unknown { kind }, "{text}");
    }
    for text in [
        "",
        "ping",
        "PONG",
        "[]x",
        r#"{"arg":{"channel":"trades","instId":"BTC-USDT"}}"#,
        r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":{}}"#,
        r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[],"data":[]}"#,
        r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[]}"#,
        r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"partial","data":[]}"#,
        r#"{"event":"error""#,
    ] {
        assert!(try_decode(text).is_err(), "{text}");
    }
    let mut decoder = Okx::default().decoder();
    let binary = decoder.decode(Frame::Binary(b"pong"), &listed(), &mut Vec::new());
    assert!(binary.is_err());
}

proptest! {
    #[test]
    fn both_readers_understand_the_same_messages(
        line in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let lines = lines("okx/ws_misc_real_2026.jsonl");
        let mut bytes = lines[line.index(lines.len())].clone().into_bytes();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        // A space at the start of the message and of its data is what only one of them reads.
        let spaced = text.replacen(r#""data":[{"#, r#""data":[ {"#, 1);
        let spaced = format!(" {spaced}");
        prop_assert_eq!(try_decode(&text).ok(), try_decode(&spaced).ok());
    }
}

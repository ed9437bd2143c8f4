//! Replies, and the state of the exchange.

use std::time::Duration;

use feeds::ExchangeMessage;
use feeds::exchange::Reply;

use super::{decode, one, outcome};
use crate::fixtures::lines;

#[test]
fn refusals_name_the_symbol_if_they_can() {
    let of_btc = Reply {
        symbol: Some("BTC-USD".parse().unwrap()),
        ..Reply::default()
    };
    for (path, expected) in [
        (
            "kraken/ws_errors_real.jsonl",
            vec![
                (Reply::default(), "Currency pair not supported XBT/USD"),
                (Reply::default(), "Subscription depth not supported"),
                (
                    Reply::default(),
                    "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
                ),
                (
                    Reply::default(),
                    "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com",
                ),
            ],
        ),
        (
            "kraken/ws_errors_text_only.jsonl",
            vec![(Reply::default(), "Exceeded msg rate")],
        ),
    ] {
        let said = decode(&lines(path)).into_iter();
        // What there is already needs not be asked for again.
        let said = said.filter(|it| *it != ExchangeMessage::Acknowledged(of_btc.clone()));
        let refused = said.map(|message| {
            let ExchangeMessage::Refused(refusal) = message else {
                panic!("{message:?}");
            };
            assert_eq!(refusal.code, None);
            (refusal.reply, refusal.message)
        });
        let expected = expected
            .into_iter()
            .map(|(reply, text)| (reply, text.to_owned()));
        assert_eq!(refused.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_reply_about_something_else_does_not_count_for_the_whole_request() {
    let refused = r#"{"error":"Currency pair not supported XBT/USD","method":"subscribe","req_id":7,"success":false,"symbol":"XBT/USD"}"#;
    assert_eq!(
        outcome(&one(refused)),
        "refused - - -: Currency pair not supported XBT/USD"
    );
    let whole = r#"{"error":"Subscription depth not supported","method":"subscribe","req_id":7,"success":false}"#;
    assert_eq!(
        outcome(&one(whole)),
        "refused 7 - -: Subscription depth not supported"
    );
    let acknowledged = |channel: &str, symbol: &str| {
        let text = format!(
            r#"{{"method":"subscribe","req_id":7,"result":{{"channel":"{channel}","symbol":"{symbol}"}},"success":true}}"#
        );
        outcome(&one(&text))
    };
    assert_eq!(
        acknowledged("book", "BTC/USD"),
        "acknowledged 7 l2_book BTC-USD"
    );
    assert_eq!(
        acknowledged("book", "XBT/USD"),
        "unknown subscribe of XBT/USD"
    );
    assert_eq!(acknowledged("ohlc", "BTC/USD"), "unknown subscribe ohlc");
}

#[test]
fn warnings_of_a_reply_are_told() {
    let text = r#"{"method":"subscribe","req_id":7,"result":{"channel":"trade","symbol":"BTC/USD","warnings":["old field"]},"success":true}"#;
    let told: Vec<_> = decode(&[text.to_owned()]).iter().map(outcome).collect();
    assert_eq!(told, ["acknowledged 7 trades BTC-USD", "notice old field"]);
}

/// What several statuses of one connection say.
fn statuses<const N: usize>(data: [&str; N]) -> [String; N] {
    let frame = |data| format!(r#"{{"channel":"status","type":"update","data":[{{{data}}}]}}"#);
    let messages = decode(&data.map(frame));
    assert_eq!(messages.len(), N);
    let mut messages = messages.iter();
    data.map(|_| outcome(messages.next().unwrap()))
}

const ONLINE: &str = r#""system":"online","connection_id":18446744073709551615,"upcoming_maintenance":[],"emergency":[]"#;
const LEAVE: &str = r#""system":"online","upcoming_maintenance":[{"phase":"final_warning_30s","recommended_action":"disconnect_and_wait","time_to_start_s":30}]"#;

#[test]
fn the_state_of_the_exchange_is_told_when_it_changes() {
    let cancel_only = r#""system":"cancel_only""#;
    let emergency = r#""system":"online","emergency":["halted"]"#;
    assert_eq!(
        statuses([ONLINE, cancel_only, ONLINE, emergency]),
        [
            "Alive",
            "notice system cancel_only",
            "notice system online",
            r#"notice system online; emergency ["halted"]"#,
        ]
    );
    assert_eq!(statuses([cancel_only]), ["notice system cancel_only"]);
}

#[test]
fn the_end_is_announced_once_and_not_to_connections_that_are_new() {
    let announced = ExchangeMessage::ShutdownAnnounced {
        within: Some(Duration::from_secs(30)),
    };
    assert_eq!(
        statuses([ONLINE, LEAVE]),
        ["Alive".to_owned(), format!("{announced:?}")]
    );
    assert_eq!(
        statuses([LEAVE]),
        ["notice system online; final_warning_30s"],
        "or every new connection would be replaced at once"
    );
}

//! OKX's answers over REST.

use feeds::exchange::TradeHole;
use feeds::{AnswerError, Exchange, Instrument, Okx, Side, TradeId};

use super::path;
use crate::fixtures::{read, symbol};

#[test]
fn only_live_instruments_are_listed() {
    let parse = |path: &str| {
        let body = read(&format!("okx/{path}"));
        Okx::default().parse_metadata(body.as_bytes()).unwrap()
    };
    // Live, suspend, preopen with empty fields, preopen, test and a state that nobody knows.
    let states = parse("rest_instruments_states_CONSTRUCTED.json");
    assert_eq!(states.len(), 1);
    assert_eq!(states.symbol_of("OKB-USDT"), Some(&symbol("OKB-USDT")));
    let spot = parse("cryptofeed_2022/rest_instruments_SPOT_trimmed.json");
    assert_eq!(spot.len(), 7);
    assert_eq!(spot.symbol_of("BTC-USDT"), Some(&symbol("BTC-USDT")));
    for derivatives in ["SWAP", "FUTURES"] {
        let path = format!("cryptofeed_2022/rest_instruments_{derivatives}_trimmed.json");
        assert!(parse(&path).is_empty(), "{path}");
    }

    let rows = br#"{"data":[{"state":"live"},{"state":"live","instId":"","baseCcy":"A","quoteCcy":"B"},
        {"state":"live","instId":"A-","baseCcy":"A","quoteCcy":""},
        {"state":"live","instId":"A-B","baseCcy":"A","quoteCcy":"B"},{"state":null,"instId":"C"}],"code":"0"}"#;
    let listed = Okx::default().parse_metadata(rows).unwrap();
    assert_eq!((listed.len(), listed.symbol_of("A-B").is_some()), (1, true));
}

#[test]
fn a_refusal_over_rest_is_one_whatever_its_status() {
    #[derive(serde::Deserialize)]
    struct Recorded {
        body: String,
    }
    let recorded: Vec<Recorded> = serde_json::from_str(&read("okx/rest_errors.json")).unwrap();
    let outcomes: Vec<_> = recorded
        .iter()
        .map(|Recorded { body }| {
            let metadata = Okx::default().parse_metadata(body.as_bytes()).unwrap_err();
            let trades = Okx::default().parse_trades(&symbol("BTC-USDT"), body.as_bytes());
            assert_eq!(trades, Err(metadata.clone()));
            match metadata {
                AnswerError::Refused {
                    message,
                    is_too_many,
                    ..
                } => (message, is_too_many),
                AnswerError::Malformed(malformed) => panic!("{malformed}"),
            }
        })
        .collect();
    assert_eq!(
        outcomes[..2],
        [
            ("50011: Too Many Requests".to_owned(), true),
            (
                "51001: Instrument ID, Instrument ID code, or Spread ID doesn't exist.".to_owned(),
                false
            ),
        ]
    );
    assert!(outcomes[2..].iter().all(|(_, is_too_many)| !is_too_many));
    for body in ["", "<html>", r#"{"code":"0"}"#, r#"{"code":"0","data":{}}"#] {
        let error = Okx::default().parse_metadata(body.as_bytes()).unwrap_err();
        assert!(matches!(error, AnswerError::Malformed(_)), "{body}");
    }
}

#[test]
fn history_is_asked_for_from_the_hole_downwards() {
    let btc = Instrument::new(symbol("BTC-USDT"), "BTC-USDT");
    let hole = TradeHole {
        after_id: 242_720_710,
        after_ns: None,
        before_id: 242_720_721,
    };
    let ask = |cursor: Option<&str>| {
        let request = Okx::default().trades_request(&btc, &hole, cursor).unwrap();
        path(&request.unwrap()).to_owned()
    };
    let start = "/api/v5/market/history-trades?instId=BTC-USDT&type=1&after=";
    assert_eq!(ask(None), format!("{start}242720721&limit=100"));

    #[derive(serde::Deserialize)]
    struct Example {
        request: String,
        body: String,
    }
    let examples: Vec<Example> = serde_json::from_str(&read("okx/rest_doc_examples.json")).unwrap();
    let of_history = |it: &&Example| it.request.contains("history-trades");
    let example = examples.iter().find(of_history).unwrap();
    let page = Okx::default().parse_trades(btc.symbol(), example.body.as_bytes());
    let page = page.unwrap();
    let covered: Vec<_> = page
        .trades
        .iter()
        .map(|trade| (trade.id.clone().unwrap(), trade.count, trade.side))
        .collect();
    let number = TradeId::Number;
    assert_eq!(
        covered,
        [
            (number(242_720_720), 1, Side::Sell),
            (number(242_720_719), 1, Side::Sell)
        ]
    );
    assert_eq!(
        ask(page.cursor.as_deref()),
        format!("{start}242720719&limit=100")
    );
    assert!(page.trades.iter().all(|trade| trade.is_history));
    let behind = Okx::default().trades_request(&btc, &hole, Some("242720711"));
    assert!(behind.unwrap().is_none(), "all that is missing is newer");
    let end = Okx::default().parse_trades(btc.symbol(), br#"{"code":"0","msg":"","data":[]}"#);
    assert_eq!(end.unwrap().cursor, None);
}

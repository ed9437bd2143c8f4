//! What a recorded message says, read without a codec.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::book::{Level, Sides};
use super::capture::{Capture, Dialect};

/// A trade or a quote, as an event has to tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Trade(Trade),
    Ticker(Ticker),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trade {
    pub(super) symbol: String,
    pub(super) id: u64,
    pub(super) side: String,
    pub(super) price: String,
    pub(super) amount: String,
    pub(super) timestamp_ns: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticker {
    pub(super) symbol: String,
    pub(super) last_id: Option<u64>,
    /// Price and size.
    pub(super) bid: Option<Level>,
    pub(super) ask: Option<Level>,
    pub(super) timestamp_ns: Option<i64>,
}

/// A snapshot or a change of a book.
#[derive(Debug, Clone, Default)]
pub(super) struct Step {
    pub(super) is_snapshot: bool,
    pub(super) first_id: Option<u64>,
    pub(super) last_id: Option<u64>,
    pub(super) sides: Sides,
    pub(super) checksum: Option<u32>,
    pub(super) timestamp_ns: Option<i64>,
}

/// What messages say, in their order.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) said: Vec<Said>,
    /// Snapshots and changes, with their symbols.
    pub(super) steps: Vec<(String, Step)>,
}

impl Reading {
    pub(super) fn of(capture: &Capture, frames: &[String]) -> Self {
        let mut reading = Self::default();
        for frame in frames {
            match capture.dialect {
                Dialect::Binance => reading.read_binance(capture, frame),
                Dialect::Kraken(_) => reading.read_kraken(capture, frame),
                Dialect::Okx2022 => reading.read_okx(capture, frame),
            }
        }
        reading
    }

    /// The trades.
    pub(super) fn trades(&self) -> Vec<Trade> {
        let trades = self.said.iter().filter_map(|said| match said {
            Said::Trade(trade) => Some(trade.clone()),
            Said::Ticker(_) => None,
        });
        trades.collect()
    }

    /// The snapshots and changes of one symbol.
    pub(super) fn steps_of(&self, symbol: &str) -> impl Iterator<Item = &Step> {
        let of_symbol = self.steps.iter().filter(move |(of, _)| of == symbol);
        of_symbol.map(|(_, step)| step)
    }

    //     {"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":1,"p":"1.0","q":"2.0",...}}
    fn read_binance(&mut self, capture: &Capture, frame: &str) {
        let frame: Value = serde_json::from_str(frame).unwrap();
        let data = &frame["data"];
        let symbol = capture.symbol(&text(&data["s"]));
        let millis = |key: &str| data[key].as_i64().map(|millis| millis * 1_000_000);
        match frame["stream"].as_str().unwrap().split_once('@').unwrap().1 {
            "trade" => self.said.push(Said::Trade(Trade {
                symbol,
                id: data["t"].as_u64().unwrap(),
                side: taker(data["m"].as_bool().unwrap()),
                price: text(&data["p"]),
                amount: text(&data["q"]),
                timestamp_ns: millis("T"),
            })),
            "bookTicker" => self.said.push(Said::Ticker(Ticker {
                symbol,
                last_id: data["u"].as_u64(),
                bid: Some((text(&data["b"]), text(&data["B"]))),
                ask: Some((text(&data["a"]), text(&data["A"]))),
                timestamp_ns: None,
            })),
            "depth@100ms" => {
                let step = Step {
                    first_id: data["U"].as_u64(),
                    last_id: data["u"].as_u64(),
                    sides: [levels(&data["b"]), levels(&data["a"])],
                    timestamp_ns: millis("E"),
                    ..Step::default()
                };
                self.steps.push((symbol, step));
            }
            other => panic!("{other}"),
        }
    }

    //     {"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"tradeId":"1","px":"2",...}]}
    fn read_okx(&mut self, capture: &Capture, frame: &str) {
        let frame: Value = serde_json::from_str(frame).unwrap();
        let symbol = capture.symbol(&text(&frame["arg"]["instId"]));
        for row in frame["data"].as_array().into_iter().flatten() {
            let symbol = symbol.clone();
            let number = |key: &str| text(&row[key]).parse::<i64>().unwrap();
            let timestamp_ns = Some(number("ts") * 1_000_000);
            match frame["arg"]["channel"].as_str().unwrap() {
                "trades" => self.said.push(Said::Trade(Trade {
                    symbol,
                    id: number("tradeId").cast_unsigned(),
                    side: text(&row["side"]),
                    price: text(&row["px"]),
                    amount: text(&row["sz"]),
                    timestamp_ns,
                })),
                "tickers" => self.said.push(Said::Ticker(Ticker {
                    symbol,
                    last_id: None,
                    bid: Some((text(&row["bidPx"]), text(&row["bidSz"]))),
                    ask: Some((text(&row["askPx"]), text(&row["askSz"]))),
                    timestamp_ns,
                })),
                "books" => {
                    let checksum = row["checksum"].as_i64().unwrap();
                    let step = Step {
                        is_snapshot: frame["action"] == "snapshot",
                        sides: [levels(&row["bids"]), levels(&row["asks"])],
                        checksum: Some(i32::try_from(checksum).unwrap().cast_unsigned()),
                        timestamp_ns,
                        ..Step::default()
                    };
                    self.steps.push((symbol, step));
                }
                other => panic!("{other}"),
            }
        }
    }

    //     {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","price":1.0,"qty":2.0,...}]}
    fn read_kraken(&mut self, capture: &Capture, frame: &str) {
        let frame: KrakenFrame<'_> = serde_json::from_str(frame).unwrap();
        let is_snapshot = frame.kind == Some("snapshot");
        for row in frame.data {
            let Some(symbol) = row.symbol.map(|symbol| capture.symbol(symbol)) else {
                assert_eq!(frame.channel, Some("status"));
                continue;
            };
            let timestamp_ns = row.timestamp.map(nanoseconds);
            match frame.channel.unwrap() {
                "trade" => {
                    let trade = Trade {
                        symbol,
                        id: row.trade_id.unwrap(),
                        side: row.side.unwrap().to_owned(),
                        price: row.price.unwrap().get().to_owned(),
                        amount: row.qty.unwrap().get().to_owned(),
                        timestamp_ns,
                    };
                    // What was before the subscription is no news.
                    if !is_snapshot {
                        self.said.push(Said::Trade(trade));
                    }
                }
                "book" => {
                    let step = Step {
                        is_snapshot,
                        sides: [&row.bids, &row.asks].map(|side| {
                            let levels = side.iter();
                            let levels = levels.map(|it| [it.price, it.qty].map(RawValue::get));
                            let levels = levels.map(|it| it.map(str::to_owned).into());
                            levels.collect()
                        }),
                        checksum: row.checksum,
                        timestamp_ns,
                        ..Step::default()
                    };
                    self.steps.push((symbol, step));
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// Raw, since a floating point number has not all digits.
#[derive(Deserialize)]
struct KrakenFrame<'a> {
    channel: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow, default)]
    data: Vec<KrakenRow<'a>>,
}

#[derive(Deserialize)]
struct KrakenRow<'a> {
    symbol: Option<&'a str>,
    side: Option<&'a str>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    trade_id: Option<u64>,
    #[serde(borrow, default)]
    bids: Vec<KrakenLevel<'a>>,
    #[serde(borrow, default)]
    asks: Vec<KrakenLevel<'a>>,
    checksum: Option<u32>,
    timestamp: Option<&'a str>,
}

#[derive(Deserialize)]
struct KrakenLevel<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
}

pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

/// Levels as `[["price","size",...],...]`.
pub(super) fn levels(list: &Value) -> Vec<Level> {
    let levels = list.as_array().unwrap().iter();
    levels
        .map(|level| (text(&level[0]), text(&level[1])))
        .collect()
}

fn taker(is_buyer_maker: bool) -> String {
    match is_buyer_maker {
        true => "sell",
        false => "buy",
    }
    .to_owned()
}

/// Nanoseconds since 1970 of `2026-08-01T02:53:53.184174Z`, of this century.
fn nanoseconds(text: &str) -> i64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let is_leap = year % 4 == 0;
    let months = [
        31,
        28 + i64::from(is_leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let before: i64 = months.iter().zip(1..month).map(|(days, _)| days).sum();
    // 2000-01-01 is day 10,957. The leap days are those of the years before, 2000 included.
    let days = 10_957 + (year - 2000) * 365 + (year - 2000 + 3) / 4 + before + day - 1;
    let seconds = ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19);
    seconds * 1_000_000_000 + part(20, 26) * 1_000
}

#[test]
fn a_time_is_that_of_the_calendar() {
    assert_eq!(
        nanoseconds("2000-03-01T00:00:00.000001Z"),
        951_868_800_000_001_000
    );
    assert_eq!(
        nanoseconds("2026-08-01T02:53:53.184174Z"),
        1_785_552_833_184_174_000
    );
}

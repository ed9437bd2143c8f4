//! The recordings, and how they are played.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::sync::Arc;

use feeds::{Binance, Channel, Exchange, Kraken, KrakenDepth};
use serde_json::json;

use super::book::{self, Book, Level, Sides};
use super::okx_2022::Okx2022;
use super::reading::{Reading, Step, levels};

/// Whose messages they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Binance,
    Kraken(KrakenDepth),
    Okx2022,
}

/// A recording of one connection.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) dialect: Dialect,
    /// The names of the exchange and ours.
    pub(super) symbols: &'static [(&'static str, &'static str)],
    pub(super) channels: &'static [Channel],
    /// The answer to the request for the metadata.
    pub(super) listed: String,
    pub(super) frames: Vec<String>,
    /// The books over REST, by the exchange's symbol.
    pub(super) snapshots: HashMap<String, String>,
}

/// What is played to one connection.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) frames: Vec<String>,
    pub(super) snapshots: HashMap<String, String>,
}

fn read(path: &str) -> String {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/feeds/tests/fixtures"
    );
    fs::read_to_string(format!("{root}/{path}")).unwrap()
}

fn lines(path: &str) -> Vec<String> {
    read(path).lines().map(str::to_owned).collect()
}

/// Kraken's list of pairs, made up: no recording has these.
fn kraken_pairs(names: &[(&str, &str)]) -> String {
    let pair = |(name, _): &(&str, &str)| {
        let wsname = name.replace("BTC", "XBT");
        let row = json!({"wsname": wsname, "status": "online"});
        (wsname.replace('/', ""), row)
    };
    let pairs: serde_json::Map<_, _> = names.iter().map(pair).collect();
    json!({"error": [], "result": pairs}).to_string()
}

impl Capture {
    /// Ten seconds of 2024: trades, quotes and books of two symbols.
    pub(super) fn binance_2024() -> Self {
        Self::binance(
            "binance/ws_combined_btcusdt_ethusdt_10s.jsonl",
            |symbol| format!("binance/rest_depth_{symbol}_limit1000.json"),
            &[("BTCUSDT", "BTC-USDT"), ("ETHUSDT", "ETH-USDT")],
        )
    }

    /// Quotes and books of four symbols, of 2021.
    pub(super) fn binance_2021() -> Self {
        Self::binance(
            "binance/cryptofeed_2021/ws.jsonl",
            |symbol| format!("binance/cryptofeed_2021/rest_depth_{symbol}.json"),
            &[
                ("NKNUSDT", "NKN-USDT"),
                ("BLZETH", "BLZ-ETH"),
                ("LRCBTC", "LRC-BTC"),
                ("RUNEEUR", "RUNE-EUR"),
            ],
        )
    }

    fn binance(
        path: &str,
        snapshot: impl Fn(&str) -> String,
        symbols: &'static [(&'static str, &'static str)],
    ) -> Self {
        let mut frames = lines(path);
        // Of `aggTrade` and `kline`, four messages of 2021, a feed subscribes to neither.
        frames.retain(|frame| !frame.contains("@aggTrade\"") && !frame.contains("@kline_1m\""));
        let body = |(symbol, _): &(&str, _)| ((*symbol).to_owned(), read(&snapshot(symbol)));
        Self {
            dialect: Dialect::Binance,
            symbols,
            channels: &Channel::ALL,
            listed: read("binance/rest_exchangeInfo_2021_trimmed.json"),
            frames,
            snapshots: symbols.iter().map(body).collect(),
        }
    }

    /// A book of 2026.
    pub(super) fn kraken_2026(
        name: &str,
        depth: KrakenDepth,
        symbols: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            dialect: Dialect::Kraken(depth),
            symbols,
            channels: &[Channel::L2Book],
            listed: kraken_pairs(symbols),
            frames: lines(&format!("kraken/v2_real_2026/{name}.ws.jsonl")),
            snapshots: HashMap::new(),
        }
    }

    /// Trades of 2026.
    pub(super) fn kraken_trades() -> Self {
        let symbols = &[
            ("BTC/USD", "BTC-USD"),
            ("ETH/USD", "ETH-USD"),
            ("SOL/USD", "SOL-USD"),
        ];
        Self {
            dialect: Dialect::Kraken(KrakenDepth::default()),
            symbols,
            channels: &[Channel::Trades],
            listed: kraken_pairs(symbols),
            frames: lines("kraken/ws_trade_real_2026.jsonl"),
            snapshots: HashMap::new(),
        }
    }

    /// Five books of 2021, rewritten as version 2 tells them.
    pub(super) fn kraken_converted() -> Self {
        Self {
            dialect: Dialect::Kraken(KrakenDepth::Levels1000),
            symbols: &[
                ("BTC/CHF", "BTC-CHF"),
                ("KSM/BTC", "KSM-BTC"),
                ("ETH/CHF", "ETH-CHF"),
                ("OCEAN/BTC", "OCEAN-BTC"),
                ("GRT/ETH", "GRT-ETH"),
            ],
            channels: &[Channel::L2Book],
            listed: read("kraken/cryptofeed_2021_v1/rest_AssetPairs_trimmed.json"),
            frames: lines("kraken/v2_CONVERTED_from_v1_2021/book_d1000.ws.jsonl"),
            snapshots: HashMap::new(),
        }
    }

    /// Trades, quotes and books of three instruments of 2022.
    pub(super) fn okx_2022() -> Self {
        Self {
            dialect: Dialect::Okx2022,
            symbols: Okx2022::INSTRUMENTS,
            channels: &Channel::ALL,
            listed: read("okx/cryptofeed_2022/rest_instruments_SPOT_trimmed.json"),
            frames: lines("okx/cryptofeed_2022/ws.jsonl"),
            snapshots: HashMap::new(),
        }
    }

    /// The codec, at the addresses of a mock.
    pub(super) fn codec(&self, rest: &str, ws: &str) -> Arc<dyn Exchange> {
        match self.dialect {
            Dialect::Binance => Arc::new(Binance::new(rest, ws).unwrap()),
            Dialect::Kraken(depth) => Arc::new(Kraken::new(rest, ws).unwrap().with_depth(depth)),
            Dialect::Okx2022 => Arc::new(Okx2022::new(rest, ws)),
        }
    }

    /// Our name of what the exchange calls `exchange_symbol`.
    pub(super) fn symbol(&self, exchange_symbol: &str) -> String {
        let found = self
            .symbols
            .iter()
            .find(|(name, _)| *name == exchange_symbol);
        found
            .unwrap_or_else(|| panic!("{exchange_symbol}"))
            .1
            .to_owned()
    }

    pub(super) fn has_books(&self) -> bool {
        self.channels.contains(&Channel::L2Book)
    }

    /// How many levels of a side the exchange keeps.
    pub(super) fn depth(&self) -> Option<usize> {
        match self.dialect {
            Dialect::Kraken(depth) => Some(depth.levels()),
            _ => None,
        }
    }

    /// A message that says nothing, to show that all before it have been taken.
    pub(super) fn end(&self) -> &'static str {
        match self.dialect {
            Dialect::Binance => r#"{"stream":"the@end","data":{}}"#,
            Dialect::Kraken(_) => r#"{"channel":"the end"}"#,
            Dialect::Okx2022 => r#"{"event":"the end"}"#,
        }
    }

    /// All of it to the only connection.
    pub(super) fn whole(&self) -> Vec<Part> {
        vec![self.part(0, self.frames.len())]
    }

    /// The messages that go by while nobody is connected, if the exchange goes on.
    pub(super) fn missed(&self) -> Range<usize> {
        let count = self.frames.len();
        count * 2 / 5..count * 3 / 5
    }

    /// Two fifths of it, and all of it again to the next connection.
    pub(super) fn repeated(&self) -> Vec<Part> {
        vec![
            self.part(0, self.missed().start),
            self.part(0, self.frames.len()),
        ]
    }

    /// Two fifths of it. While nobody is connected, another fifth goes by. The next connection has the
    /// rest, and books as they are by then.
    pub(super) fn continued(&self) -> Vec<Part> {
        let Range { start, end } = self.missed();
        let mut rest = self.part(end, self.frames.len());
        if self.has_books() {
            let before = Reading::of(self, &self.frames[..end]);
            for (name, symbol) in self.symbols {
                let steps = self.joined(before.steps_of(symbol), self.snapshots.get(*name));
                let (book, last) = self.book_after(&steps);
                match self.dialect {
                    Dialect::Binance => {
                        let body = rest_snapshot(&book, last.last_id);
                        rest.snapshots.insert((*name).to_owned(), body);
                    }
                    _ => rest
                        .frames
                        .insert(0, self.streamed_snapshot(name, &book, &last)),
                }
            }
        }
        vec![self.part(0, start), rest]
    }

    fn part(&self, from: usize, to: usize) -> Part {
        Part {
            frames: self.frames[from..to].to_vec(),
            snapshots: self.snapshots.clone(),
        }
    }

    /// The snapshot and the changes behind it. Where snapshots come over REST, `body` is the one.
    pub(super) fn joined<'a>(
        &self,
        steps: impl Iterator<Item = &'a Step>,
        body: Option<&String>,
    ) -> Vec<Step> {
        let Some(body) = body else {
            return steps.cloned().collect();
        };
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let last_id = body["lastUpdateId"].as_u64();
        let snapshot = Step {
            is_snapshot: true,
            last_id,
            sides: [levels(&body["bids"]), levels(&body["asks"])],
            ..Step::default()
        };
        let newer: Vec<_> = steps
            .filter(|step| step.last_id > last_id)
            .cloned()
            .collect();
        let mut expected = last_id;
        for step in &newer {
            let joins = step
                .first_id
                .zip(expected)
                .is_some_and(|(first, last)| first <= last + 1);
            assert!(
                joins,
                "the recording has a hole behind {expected:?}: {step:?}"
            );
            expected = step.last_id;
        }
        std::iter::once(snapshot).chain(newer).collect()
    }

    /// The book after these, as far as its snapshot went, and the last of them.
    fn book_after(&self, steps: &[Step]) -> (Book, Step) {
        let mut book = Book::default();
        for step in steps {
            book.apply(step.is_snapshot, &step.sides);
            if let Some(depth) = self.depth() {
                book.cut(depth);
            }
        }
        // Behind its first book over REST, only what has changed is known.
        if self.dialect == Dialect::Binance {
            book.keep(&book::Range::of_snapshot(&steps[0].sides));
        }
        (book, steps.last().unwrap().clone())
    }

    fn streamed_snapshot(&self, name: &str, book: &Book, last: &Step) -> String {
        let checksum = book.checksum(self.dialect);
        let [bids, asks] = sides(book);
        let list = |levels: &[Level], form: fn(&Level) -> String| {
            let levels: Vec<_> = levels.iter().map(form).collect();
            format!("[{}]", levels.join(","))
        };
        if self.dialect == Dialect::Okx2022 {
            let form = |(price, size): &Level| format!(r#"["{price}","{size}","0","1"]"#);
            let (asks, bids) = (list(&asks, form), list(&bids, form));
            let (checksum, millis) = (
                checksum.cast_signed(),
                last.timestamp_ns.unwrap() / 1_000_000,
            );
            return format!(
                r#"{{"arg":{{"channel":"books","instId":"{name}"}},"action":"snapshot","data":[{{"asks":{asks},"bids":{bids},"ts":"{millis}","checksum":{checksum}}}]}}"#
            );
        }
        // By hand: a number in JSON keeps its zeros only as text.
        let form = |(price, size): &Level| format!(r#"{{"price":{price},"qty":{size}}}"#);
        let (asks, bids) = (list(&asks, form), list(&bids, form));
        format!(
            r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"{name}","bids":{bids},"asks":{asks},"checksum":{checksum}}}]}}"#
        )
    }
}

fn sides(book: &Book) -> Sides {
    [0, 1].map(|side| book.best_first(side).into_iter().cloned().collect())
}

fn rest_snapshot(book: &Book, last_id: Option<u64>) -> String {
    let [bids, asks] = sides(book);
    json!({"lastUpdateId": last_id, "bids": bids, "asks": asks}).to_string()
}

//! The section `feeds`.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;

use feeds::{
    Backpressure, Channel, EXCHANGES, Exchange, Feed, InvalidUrl, Redundancy, Registration,
    Subscription, SymbolPattern,
};
use proxy_config::{ExchangeId, Node, Table, Transport, nearest};
use proxy_injector::ProxyInjector;
use serde_json::{Value, json};
use transport::ResponseLimits;

use super::address::Address;
use super::keys::{Key, names, table};

pub(super) const SECTION: &str = "feeds";

/// Replaces the other address of an exchange while one is checked.
const ANY_REST: &str = "https://localhost";
const ANY_WS: &str = "wss://localhost";

/// A feed to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredFeed {
    pub(crate) id: ExchangeId,
    pub(crate) exchange: ConfiguredExchange,
    pub(crate) subscription: Subscription,
    pub(crate) backpressure: Backpressure,
    pub(crate) redundancy: Redundancy,
}

/// An exchange at the addresses to use.
#[derive(Debug, Clone)]
pub(crate) struct ConfiguredExchange {
    codec: Arc<dyn Exchange>,
    /// The addresses of REST and WebSocket, if they are not the exchange's own.
    urls: Option<[String; 2]>,
}

/// The same exchange at the same addresses.
impl PartialEq for ConfiguredExchange {
    fn eq(&self, other: &Self) -> bool {
        (self.codec.id(), &self.urls) == (other.codec.id(), &other.urls)
    }
}

impl Eq for ConfiguredExchange {}

impl ConfiguredExchange {
    fn at_its_own(registration: &Registration) -> Self {
        Self {
            codec: (registration.default)(),
            urls: None,
        }
    }

    /// The exchange at two other addresses.
    pub(crate) fn at(
        registration: &Registration,
        rest_url: &str,
        ws_url: &str,
    ) -> Result<Self, InvalidUrl> {
        Ok(Self {
            codec: (registration.at)(rest_url, ws_url)?,
            urls: Some([rest_url, ws_url].map(str::to_owned)),
        })
    }

    /// The name that the exchange's events have.
    pub(crate) fn name(&self) -> &'static str {
        self.codec.id()
    }

    /// Where connections of `transport` go to.
    pub(crate) fn address(&self, transport: Transport) -> Option<Address> {
        Address::of(self.codec(), transport)
    }

    /// The codec of the exchange.
    pub(crate) fn codec(&self) -> &dyn Exchange {
        &*self.codec
    }
}

impl ConfiguredFeed {
    /// What it streams, as text that is the same for feeds that stream the same.
    pub(crate) fn plan(&self) -> String {
        let symbols = self.subscription.symbols().iter();
        let mut symbols: Vec<_> = symbols.map(ToString::to_string).collect();
        symbols.sort_unstable();
        let name = self.exchange.name();
        let urls = &self.exchange.urls;
        let (channels, depth) = (self.subscription.channels(), self.subscription.depth());
        format!("{name} {urls:?} {symbols:?} {channels:?} {depth:?}")
    }

    /// The feed over the transports that `injector` has for it, with `limits` for answers to REST
    /// requests.
    pub(crate) fn into_feed(self, injector: &Arc<ProxyInjector>, limits: ResponseLimits) -> Feed {
        let scope = injector.exchange(self.id);
        let codec = self.exchange.codec;
        let http = scope.http().with_limits(limits);
        let ws = scope.websocket().with_max_message(codec.limits().frame);
        Feed::new(codec, self.subscription, Arc::new(http), Arc::new(ws))
            .with_backpressure(self.backpressure)
            .with_redundancy(self.redundancy)
    }
}

/// The keys of the section: one for each exchange.
pub(super) fn keys() -> Vec<Key> {
    let key = |registration: &Registration| Key {
        name: registration.id,
        about: format!("The feed of {}.", registration.about).into(),
        schema: || table(&FEED),
        cells: ["table of the keys of a feed", "not run", ""],
    };
    EXCHANGES.iter().map(key).collect()
}

const SYMBOLS: &str = "symbols";
const CHANNELS: &str = "channels";
const BACKPRESSURE: &str = "backpressure";
const DEPTH: &str = "depth";
const REDUNDANCY: &str = "redundancy";
const REST_URL: &str = "rest_url";
const WS_URL: &str = "ws_url";

/// As many levels as the deepest snapshot of an exchange has.
const DEPTHS: RangeInclusive<u64> = 1..=5000;

/// How many connections may carry the same.
const LINES: RangeInclusive<u64> = 1..=2;

pub(super) static FEED: [Key; 7] = [
    Key {
        name: SYMBOLS,
        about: Cow::Borrowed(
            "What to stream: symbols like BTC-USDT or SOL-USDC-PERP, or patterns like *-USDT, as a list or with commas.",
        ),
        schema: || list(&json!({"type": "string", "pattern": "^\\S+-\\S+$|^\\S*[*?]\\S*$"})),
        cells: [
            "list, or text with commas",
            "required",
            "*expected symbols like …*",
        ],
    },
    Key {
        name: CHANNELS,
        about: Cow::Borrowed(
            "Which kinds of data to stream, as a list or with commas. All of them by default.",
        ),
        schema: || list(&json!({"enum": Channel::ALL.map(Channel::as_str)})),
        cells: [
            "list, or text with commas, of `trades`, `ticker`, `l2_book`",
            "all three",
            "*expected trades, ticker or l2_book*",
        ],
    },
    Key {
        name: DEPTH,
        about: Cow::Borrowed(
            "How many levels of each side the books have at most: the best ones. All that are known by default. The snapshots say how many it is: at most half of what the exchange's deepest one has, or what its stream keeps complete.",
        ),
        schema: || {
            json!({
                "type": ["integer", "string"],
                "minimum": DEPTHS.start(),
                "maximum": DEPTHS.end(),
                "pattern": "^[0-9]+$",
            })
        },
        cells: [
            "whole number, 1 to 5000",
            "all that are known",
            "*expected a whole number from 1 to 5000*",
        ],
    },
    Key {
        name: REDUNDANCY,
        about: Cow::Borrowed(
            "How many connections carry the same streams. With two, through different members of a pool where there are several, every event comes from whichever brings it first, and the end of one is no loss. It takes twice the traffic and twice the connections.",
        ),
        schema: || {
            json!({
                "type": ["integer", "string"],
                "minimum": LINES.start(),
                "maximum": LINES.end(),
                "pattern": "^[0-9]+$",
                "default": 1,
            })
        },
        cells: ["1 or 2", "1", "*expected a whole number from 1 to 2*"],
    },
    Key {
        name: BACKPRESSURE,
        about: Cow::Borrowed(
            "What to do when the output is read too slowly: read the stream no faster, which holds up the \
             exchange; drop the waiting changes of order books, which is told, and begin those with new \
             snapshots; or end with exit code 3.",
        ),
        schema: || json!({"enum": BACKPRESSURES.map(|(name, _)| name), "default": "slow"}),
        cells: [
            "`slow`, `drop_book_changes`, `stop`",
            "`slow`",
            EXPECTED_BACKPRESSURE,
        ],
    },
    Key {
        name: REST_URL,
        about: Cow::Borrowed("Another address of the REST interface, together with `ws_url`."),
        schema: || json!({"type": "string", "pattern": "^https?://"}),
        cells: [
            "`http(s)` URL without credentials, query and fragment",
            "the exchange's own",
            BOTH_OR_NONE,
        ],
    },
    Key {
        name: WS_URL,
        about: Cow::Borrowed("Another address of the WebSocket streams, together with `rest_url`."),
        schema: || json!({"type": "string", "pattern": "^wss?://"}),
        cells: [
            "`ws(s)` URL without credentials, query and fragment",
            "the exchange's own",
            BOTH_OR_NONE,
        ],
    },
];

pub(super) const BACKPRESSURES: [(&str, Backpressure); 3] = [
    ("slow", Backpressure::Slow),
    ("drop_book_changes", Backpressure::DropBookChanges),
    ("stop", Backpressure::Stop),
];

pub(super) const EXPECTED_BACKPRESSURE: &str = "*expected slow, drop_book_changes or stop*";

const BOTH_OR_NONE: &str = "*`rest_url` and `ws_url` belong together*";

/// The JSON Schema of at least one of `item`, as [`items`] reads them.
fn list(item: &Value) -> Value {
    json!({"type": ["array", "string"], "items": item, "minItems": 1, "minLength": 1})
}

pub(super) fn schema() -> Value {
    table(&keys())
}

pub(super) fn read(section: &Node<'_>) -> Option<Vec<ConfiguredFeed>> {
    let exchanges = section.table(&names(&keys()))?;
    let feed_of = |registration: &Registration| {
        let node = exchanges.field(registration.id)?;
        Some(feed(&node, registration))
    };
    // All of them, before the first problem ends it: each reports its own.
    let feeds: Vec<_> = EXCHANGES.iter().filter_map(feed_of).collect();
    feeds.into_iter().collect()
}

/// Reports an error for each rule of an exchange without a codec. Its name is probably misspelt,
/// and the connections of the right exchange would be made without the rule.
pub(super) fn check_rules(proxy: &Node<'_>) {
    let sections = proxy.entries().unwrap_or_default().into_iter();
    let exchanges = sections.filter(|(key, _)| *key == "exchanges");
    let rules = exchanges.filter_map(|(_, node)| node.entries());
    for (name, rule) in rules.flatten() {
        let known = names(&keys());
        if known.contains(&name) {
            continue;
        }
        let meant = nearest(name, known.iter().copied());
        let meant = meant.map(|name| format!("; did you mean `{name}`?"));
        let (meant, known) = (meant.unwrap_or_default(), known.join(", "));
        rule.report(format_args!("unknown exchange{meant} (known: {known})"));
    }
}

fn feed(node: &Node<'_>, registration: &Registration) -> Option<ConfiguredFeed> {
    let fields = node.table(&names(&FEED))?;
    let symbols = fields.required(SYMBOLS).and_then(|node| {
        let expected = "expected symbols like BTC-USDT or SOL-USDC-PERP, or patterns like *-USDT";
        items(&node, expected, |text| SymbolPattern::parse(text).ok())
    });
    let codec = (registration.default)();
    let offered = codec.channels();
    let channels = match fields.field(CHANNELS) {
        Some(node) => items(&node, &expected(offered), |text| {
            text.parse()
                .ok()
                .filter(|channel| offered.contains(channel))
        }),
        None => Some(offered.to_vec()),
    };
    let depth = match fields.field(DEPTH) {
        Some(node) => node
            .integer(DEPTHS)
            .map(|levels| usize::try_from(levels).ok().and_then(NonZeroUsize::new)),
        None => Some(None),
    };
    let redundancy = match fields.field(REDUNDANCY) {
        Some(node) => node.integer(LINES).map(|lines| match lines {
            2 => Redundancy::TwoLines,
            _ => Redundancy::None,
        }),
        None => Some(Redundancy::default()),
    };
    let backpressure = match fields.field(BACKPRESSURE) {
        Some(node) => backpressure(&node),
        None => Some(Backpressure::default()),
    };
    let exchange = at_addresses(&fields, node, registration);
    let id = ExchangeId::new(registration.id)
        .map_err(|error| node.report(error))
        .ok();
    let subscription = Subscription::new(symbols?, channels?)
        .map_err(|error| node.report(error))
        .ok();
    Some(ConfiguredFeed {
        id: id?,
        exchange: exchange?,
        subscription: subscription?.with_depth(depth?),
        backpressure: backpressure?,
        redundancy: redundancy?,
    })
}

pub(super) fn backpressure(node: &Node<'_>) -> Option<Backpressure> {
    let text = node.text()?;
    let known = BACKPRESSURES.iter().find(|(name, _)| *name == text);
    if known.is_none() {
        node.report(EXPECTED_BACKPRESSURE.trim_matches('*'));
    }
    known.map(|(_, backpressure)| *backpressure)
}

/// `expected trades, ticker or l2_book`.
fn expected(channels: &[Channel]) -> String {
    let names: Vec<_> = channels.iter().map(|channel| channel.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => format!("expected {last}"),
        Some((last, others)) => format!("expected {} or {last}", others.join(", ")),
        None => "expected none".to_owned(),
    }
}

/// The exchange at its usual addresses, or at two others. With only one of them changed, the
/// snapshots of one market would be combined with the changes of another.
fn at_addresses(
    fields: &Table<'_>,
    node: &Node<'_>,
    registration: &Registration,
) -> Option<ConfiguredExchange> {
    match (fields.field(REST_URL), fields.field(WS_URL)) {
        (None, None) => Some(ConfiguredExchange::at_its_own(registration)),
        (Some(rest), Some(ws)) => {
            // Each by itself, so that an error is reported at the URL that causes it.
            let rest_url = rest.parse(|url| (registration.at)(url, ANY_WS).map(|_| url));
            let ws_url = ws.parse(|url| (registration.at)(ANY_REST, url).map(|_| url));
            ConfiguredExchange::at(registration, rest_url?, ws_url?)
                .map_err(|error| node.report(error))
                .ok()
        }
        (Some(_), None) | (None, Some(_)) => {
            node.report("`rest_url` and `ws_url` belong together; set both or none");
            None
        }
    }
}

/// The items of a list, or of text with commas, which suits variables. At least one.
pub(super) fn items<T>(
    node: &Node<'_>,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let parse_at = |node: &Node<'_>, text: &str| {
        let item = parse(text.trim());
        if item.is_none() {
            node.report(expected);
        }
        item
    };
    let items: Vec<_> = match node.as_text() {
        Some(text) => text.split(',').map(|text| parse_at(node, text)).collect(),
        None => {
            let list = node.list()?;
            list.iter()
                .map(|item| parse_at(item, item.text()?))
                .collect()
        }
    };
    if items.is_empty() {
        node.report(expected);
        return None;
    }
    items.into_iter().collect()
}

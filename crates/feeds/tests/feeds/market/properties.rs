//! What holds whatever is asked for, and whatever is listed.

use std::collections::BTreeSet;

use feeds::{Channel, FeedEventKind, Symbol, SymbolFilter, SymbolPattern};
use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{select, subsequence};
use tokio::runtime::Builder;

use super::{Market, open, patterns, seconds};
use crate::fixtures::symbol;

const NAMES: [&str; 6] = ["A-X", "B-X", "C-X", "A-Y", "B-Y", "C-Y"];
const PATTERNS: [&str; 12] = [
    "A-X", "B-X", "C-X", "A-Y", "B-Y", "C-Y", "*", "*-X", "*-Y", "A-*", "?-X", "B*",
];

#[derive(Debug, Clone)]
enum Act {
    Subscribe(SymbolPattern),
    Unsubscribe(SymbolPattern),
    /// Only these of what is asked for.
    Limit(Vec<&'static str>),
    /// The exchange lists these from now on.
    List(Vec<&'static str>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let pattern = || select(&PATTERNS[..]).prop_map(|text| text.parse().unwrap());
    let act = prop_oneof![
        pattern().prop_map(Act::Subscribe),
        pattern().prop_map(Act::Unsubscribe),
        subsequence(&NAMES[..], 0..=6).prop_map(Act::Limit),
        // Never less than half of those before.
        subsequence(&NAMES[..], 3..=6).prop_map(Act::List),
    ];
    vec(act, 1..12)
}

/// The rules in the order in which they came: of those that have a symbol, the last counts.
fn is_wanted(rules: &[(bool, SymbolPattern)], symbol: &Symbol) -> bool {
    let rule = rules
        .iter()
        .rev()
        .find(|(_, pattern)| pattern.matches(symbol));
    rule.is_some_and(|(is_wanted, _)| *is_wanted)
}

/// What the last connection has been asked for and not left.
fn asked(market: &Market) -> BTreeSet<String> {
    let dials = market.rig.ws.dials.lock().unwrap();
    let Some((dialed_at, request)) = dials.last() else {
        return BTreeSet::new();
    };
    let spoken = market.spoken.lock().unwrap();
    let later = spoken.iter().filter(|(at, _)| at > dialed_at);
    let said = request
        .first_messages
        .iter()
        .chain(later.map(|(_, said)| said));
    let mut asked = BTreeSet::new();
    for message in said {
        let words: Vec<_> = message.as_text().unwrap().split(' ').collect();
        for stream in words[2].split(',').map(str::to_owned) {
            match words[0] {
                "subscribe" => assert!(asked.insert(stream), "twice: {words:?}"),
                _ => assert!(asked.remove(&stream), "not there: {words:?}"),
            }
        }
    }
    asked
}

async fn check(acts: Vec<Act>) {
    let dials = (0..20).map(|_| open(&[])).collect();
    let channels = [Channel::Trades, Channel::Ticker];
    let mut market = Market::start(&["A-X B-X C-X A-Y B-Y C-Y"], dials, &["A-X"], &channels);
    let mut rules = vec![(true, SymbolPattern::from(symbol("A-X")))];
    let mut listed: Vec<_> = NAMES.to_vec();
    let mut share: Vec<_> = NAMES.to_vec();
    let mut missing = BTreeSet::new();
    for act in acts {
        match act {
            Act::Subscribe(pattern) => {
                market.handle.subscribe([pattern.clone()]);
                rules.push((true, pattern));
            }
            Act::Unsubscribe(pattern) => {
                market.handle.unsubscribe([pattern.clone()]);
                rules.push((false, pattern));
            }
            Act::Limit(names) => {
                share.clone_from(&names);
                let has = move |symbol: &Symbol| names.contains(&symbol.as_str());
                market.handle.limit_to(SymbolFilter::new(has));
            }
            Act::List(names) => {
                market.rig.list(&names.join(" "));
                listed = names;
            }
        }
        seconds(1000).await;
        // What the events tell.
        while let Some(Some(event)) = market.events.recv().now_or_never() {
            match event.kind {
                FeedEventKind::NotTrading { symbol, .. } => {
                    assert!(missing.insert(symbol.clone()), "{symbol} twice");
                }
                FeedEventKind::Trading { symbol } | FeedEventKind::Unsubscribed { symbol, .. } => {
                    missing.remove(&symbol);
                }
                FeedEventKind::Connected { .. } | FeedEventKind::NoMatch { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let wanted = NAMES
            .map(symbol)
            .into_iter()
            .filter(|it| is_wanted(&rules, it) && share.contains(&it.as_str()));
        let (streamed, absent): (BTreeSet<_>, BTreeSet<_>) =
            wanted.partition(|it| listed.contains(&it.as_str()));
        let status = market.handle.status().symbols;
        let (trading, lacking): (Vec<_>, Vec<_>) = status.into_iter().partition(|it| it.is_trading);
        let trading: BTreeSet<_> = trading.into_iter().map(|it| it.symbol).collect();
        let lacking: BTreeSet<_> = lacking.into_iter().map(|it| it.symbol).collect();
        assert_eq!(trading, streamed);
        assert_eq!(lacking, missing);
        // One that only a pattern has need not be missed.
        assert!(missing.is_subset(&absent), "{missing:?} {absent:?}");
        if !streamed.is_empty() {
            let of = |it: &Symbol| channels.map(|channel| format!("{it}:{channel}"));
            assert_eq!(asked(&market), streamed.iter().flat_map(of).collect());
        }
    }
}

proptest! {
    #[test]
    fn what_is_streamed_is_what_is_wanted_and_listed(acts in acts()) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(check(acts));
    }

    #[test]
    fn a_pattern_has_what_its_definition_says(
        pattern in "[ab*?]{1,6}-[ab*?]{1,4}",
        text in "[ab]{1,7}-[ab]{1,5}",
    ) {
        let expected = by_definition(pattern.as_bytes(), text.as_bytes());
        let has = patterns(&pattern)[0].matches(&symbol(&text));
        prop_assert_eq!(has, expected, "{} {}", pattern, text);
    }
}

fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|taken| by_definition(rest, &text[taken..])),
        ([b'?', rest @ ..], [_, behind @ ..]) => by_definition(rest, behind),
        ([c, rest @ ..], [d, behind @ ..]) => c == d && by_definition(rest, behind),
        _ => false,
    }
}

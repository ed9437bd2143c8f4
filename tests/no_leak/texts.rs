//! Whatever becomes of a configuration file: no reload makes a proxied route direct by what is
//! missing.

use std::sync::Arc;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::Index;
use proxy_config::{ExchangeId, Sources, Transport};
use proxy_injector::ProxyInjector;
use proxy_resolve::Route;

use super::plan::policies;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The words are `direct`, `enabled: false`, and for what was refused `strict: false`.
    #[test]
    fn only_words_make_a_proxied_route_direct(before in policies(), after in texts()) {
        let settings = Sources::new().with_text("a.yaml", before.yaml()).load();
        let Ok(settings) = settings else {
            // Enabled without any rule.
            return Ok(());
        };
        let injector = Arc::new(ProxyInjector::new(settings.into_settings()));
        let scopes = ["binance", "backpack", "kraken"]
            .map(|name| injector.exchange(ExchangeId::new(name).unwrap()));
        let routes = || {
            let resolutions = scopes.iter().flat_map(|scope| Transport::ALL.map(|it| scope.resolve(it)));
            resolutions.map(|resolution| Kind::of(resolution.route())).collect::<Vec<_>>()
        };
        let before_reload = routes();
        let loaded = Sources::new().with_text("a.yaml", after.clone()).load();
        if let Ok(loaded) = loaded {
            let _ = injector.reload(loaded.into_settings());
        }
        let says = |word| after.contains(word);
        for (before, after_reload) in before_reload.into_iter().zip(routes()) {
            let is_said = says("direct")
                || says("enabled: false")
                || (before == Kind::Refused && says("strict: false"));
            let is_exposed = before != Kind::Direct && after_reload == Kind::Direct;
            prop_assert!(!is_exposed || is_said, "{after}");
            let is_stopped = before == Kind::Proxied && after_reload == Kind::Refused;
            prop_assert!(!is_stopped, "{after}");
        }
    }
}

/// What a route comes to.
#[derive(Debug, PartialEq)]
enum Kind {
    Direct,
    Proxied,
    Refused,
}

impl Kind {
    fn of(route: &Route) -> Self {
        match route {
            Route::Refused => Self::Refused,
            route if route.may_be_direct() => Self::Direct,
            _ => Self::Proxied,
        }
    }
}

/// Files as they are found while somebody writes them, and after somebody has spoilt them.
fn texts() -> impl Strategy<Value = String> {
    let whole = policies().prop_map(|policy| policy.yaml()).boxed();
    let cut = (whole.clone(), any::<Index>()).prop_map(|(text, end)| {
        let end = end.index(text.len() + 1);
        text[..end].to_owned()
    });
    // One value is gone, and what stood in it.
    let blank = (whole.clone(), any::<Index>()).prop_map(|(text, which)| {
        let colons: Vec<_> = text.match_indices(": ").map(|(at, _)| at).collect();
        let start = colons[which.index(colons.len())] + 1;
        let end = text[start..].find(['\n', ',', '}']);
        let end = end.map_or(text.len(), |end| start + end);
        format!("{}{}", &text[..start], &text[end..])
    });
    let without_a_line = (whole.clone(), any::<Index>()).prop_map(|(text, which)| {
        let lines: Vec<_> = text.lines().collect();
        let which = which.index(lines.len());
        let others = lines
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != which);
        others.map(|(_, line)| format!("{line}\n")).collect()
    });
    prop_oneof![
        1 => Just(String::new()),
        2 => whole,
        6 => cut,
        4 => blank,
        4 => without_a_line,
    ]
}

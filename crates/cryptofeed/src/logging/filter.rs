//! Log filters: levels, and targets with levels.

use proxy_config::nearest;
use tracing_subscriber::filter::{LevelFilter, Targets};

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The crates that log in this program. A filter for any other would match nothing.
const TARGETS: [&str; 9] = [
    "cryptofeed",
    "fleet",
    "proxy_injector",
    "sinks",
    "status",
    "testkit",
    "transport_http",
    "transport_tls",
    "transport_tunnel",
];

/// Parses levels, targets, and targets with levels (`proxy_injector=debug`), separated by commas.
// Not the parser of `Targets`: it accepts unknown targets, and so a misspelt one that logs nothing.
pub(super) fn parse(filter: &str) -> Result<Targets, InvalidFilter> {
    let mut targets = Targets::new();
    for directive in filter.split(',').map(str::trim) {
        targets = if let Some((target, word)) = directive.split_once('=') {
            targets.with_target(known(target)?, level(word)?)
        } else if let Ok(level) = level(directive) {
            targets.with_default(level)
        } else {
            targets.with_target(known(directive)?, LevelFilter::TRACE)
        };
    }
    Ok(targets)
}

fn level(word: &str) -> Result<LevelFilter, InvalidFilter> {
    let mut levels = LEVELS.iter();
    let found = levels.find(|(name, _)| name.eq_ignore_ascii_case(word));
    found
        .map(|(_, level)| *level)
        .ok_or_else(|| InvalidFilter::new("level", word, LEVELS.map(|(name, _)| name)))
}

fn known(target: &str) -> Result<&str, InvalidFilter> {
    if TARGETS.contains(&target) {
        return Ok(target);
    }
    let levels = LEVELS.iter().map(|(name, _)| *name);
    Err(InvalidFilter::new(
        "level or target",
        target,
        levels.chain(TARGETS),
    ))
}

/// A filter with an unknown level or target. The error does not show the filter, which may be a
/// secret in the wrong place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}{} (known: {known})", meant.map(did_you_mean).unwrap_or_default())]
pub(super) struct InvalidFilter {
    what: &'static str,
    meant: Option<&'static str>,
    known: String,
}

impl InvalidFilter {
    fn new(what: &'static str, word: &str, known: impl IntoIterator<Item = &'static str>) -> Self {
        let known: Vec<_> = known.into_iter().collect();
        Self {
            what,
            meant: nearest(word, known.iter().copied()),
            known: known.join(", "),
        }
    }
}

fn did_you_mean(word: &str) -> String {
    format!("; did you mean `{word}`?")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tracing_subscriber::filter::LevelFilter;

    use super::*;
    use crate::logging::OURS;

    #[test]
    fn a_level_is_for_all_and_a_target_may_have_its_own() {
        let targets = parse("WARN, proxy_injector=debug,testkit").unwrap();
        let expected = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("proxy_injector", LevelFilter::DEBUG)
            .with_target("testkit", LevelFilter::TRACE);
        assert_eq!(targets, expected);
        for (name, level) in LEVELS {
            assert_eq!(parse(name), Ok(Targets::new().with_default(level)));
        }
        assert!(parse(OURS).is_ok());
    }

    #[test]
    fn what_matches_nothing_is_refused_with_the_nearest_word() {
        for (filter, nearest) in [
            ("debgu", Some("debug")),
            ("warning", Some("warn")),
            ("cryptofed=info", Some("cryptofeed")),
            ("info,proxy-injector=debug", Some("proxy_injector")),
            ("transport_tunnel=inof", Some("info")),
            ("verbose", Some("error")),
            ("5", None),
            ("", None),
            ("info,", None),
            ("cryptofeed=", None),
            ("=info", None),
            ("cryptofeed=info=debug", Some("info")),
            ("tokio=trace", Some("testkit")),
            ("cryptofeed::nothing=trace", Some("cryptofeed")),
            ("socks5h://u:s3cret@h:1", None),
        ] {
            let error = parse(filter).unwrap_err();
            assert_eq!(error.meant, nearest, "{filter}");
            assert!(!error.to_string().contains("s3cret"));
        }
        assert_eq!(
            parse("transport_tunnel=inof").unwrap_err().to_string(),
            "unknown level; did you mean `info`? (known: off, error, warn, info, debug, trace)"
        );
    }

    /// A crate of ours logs if it depends on `tracing`.
    #[test]
    fn the_targets_are_the_crates_that_log() {
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let mut ours: Vec<_> = fs::read_dir(crates)
            .unwrap()
            .map(|folder| folder.unwrap().path())
            .filter(|folder| {
                let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
                let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
                dependencies.contains("\ntracing")
            })
            .map(|folder| {
                folder
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('-', "_")
            })
            .collect();
        ours.sort_unstable();
        assert_eq!(ours, TARGETS);
    }
}

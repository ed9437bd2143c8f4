//! The versions of the packages that are measured.

use std::collections::BTreeMap;

const LOCK: &str = include_str!("../../Cargo.lock");

/// What the tables name.
const NAMED: [&str; 16] = [
    "aws-lc-rs",
    "fast-socks5",
    "fastwebsockets",
    "hyper",
    "hyper-util",
    "reqwest",
    "ring",
    "rustls",
    "serde_json",
    "simd-json",
    "sonic-rs",
    "tokio",
    "tokio-socks",
    "tokio-tungstenite",
    "tokio-websockets",
    "yawc",
];

/// The versions in the lockfile that this program was built with.
pub(super) fn locked() -> BTreeMap<String, String> {
    named(LOCK)
}

fn named(lock: &str) -> BTreeMap<String, String> {
    let quoted = |line: &str, key: &str| -> Option<String> {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        value.strip_suffix('"').map(str::to_owned)
    };
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let name = package.lines().find_map(|line| quoted(line, "name"))?;
            let version = package.lines().find_map(|line| quoted(line, "version"))?;
            NAMED.contains(&name.as_str()).then_some((name, version))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_that_the_tables_name_is_in_the_lockfile() {
        let versions = locked();
        let missing: Vec<_> = NAMED
            .iter()
            .filter(|name| !versions.contains_key(**name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn name_and_version_are_of_the_same_package() {
        let lock = "version = 4\n\n[[package]]\nname = \"abc\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"yawc\"\nversion = \"0.5.0\"\nsource = \"registry\"\n";
        let expected = BTreeMap::from([("yawc".to_owned(), "0.5.0".to_owned())]);
        assert_eq!(named(lock), expected);
    }
}

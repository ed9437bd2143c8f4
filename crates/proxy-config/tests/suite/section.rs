//! `Document::section`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use proxy_config::{Document, ExchangeId, ProxyConfig, Sources};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::support::{messages, proxy};

fn merge(text: &str, variables: &[(&str, &str)]) -> Document {
    Sources::new()
        .with_prefix("MYAPP_")
        .with_section("store")
        .with_text("test.yaml", text)
        .with_env(variables.iter().copied())
        .merge()
}

fn read<T: DeserializeOwned>(text: &str, variables: &[(&str, &str)]) -> Result<T, Vec<String>> {
    let document = merge(text, variables);
    let section = document.section::<T>("store");
    match document.into_loaded() {
        Ok(_) => Ok(section.expect("nothing is wrong with a section that is set")),
        errors => Err(messages(errors)),
    }
}

/// A section that is a table with the key `value`.
fn value<T: DeserializeOwned>(value: &str) -> Result<T, Vec<String>> {
    #[derive(Deserialize)]
    struct Section<T> {
        value: T,
    }
    read::<Section<T>>(&format!("store: {{value: {value}}}"), &[]).map(|section| section.value)
}

fn problem<T: DeserializeOwned + fmt::Debug>(written: &str) -> String {
    let messages = value::<T>(written).unwrap_err();
    let [message] = &messages[..] else {
        panic!("{messages:?}");
    };
    let (_, problem) = message.split_once("): ").unwrap();
    problem.to_owned()
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Plain,
    Compressed(u8),
    Split {
        lines: u32,
        #[serde(default)]
        header: bool,
    },
    Range(i16, i16),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Store {
    path: PathBuf,
    #[serde(alias = "days")]
    keep_days: Option<u16>,
    #[serde(default)]
    token: String,
    #[serde(default)]
    formats: Vec<Format>,
    #[serde(default)]
    limits: BTreeMap<u8, f64>,
    #[serde(default)]
    sync: bool,
}

#[test]
fn a_section_is_merged_and_read_as_a_type_of_the_program() {
    let store: Store = read(
        "store:
           path: data/x
           token: 0x10
           days: 7
           sync: on
           formats: [plain, compressed: 9, split: {lines: 5}, range: [-5, 5]]
           limits: {1: 1.50, 2: 3e2}",
        &[
            ("MYAPP_STORE_FORMATS__1__COMPRESSED", "3"),
            ("MYAPP_STORE_FORMATS__4", "plain"),
            ("MYAPP_STORE_LIMITS", r#"{"1": "2.5"}"#),
        ],
    )
    .unwrap();
    let expected = Store {
        path: "data/x".into(),
        keep_days: Some(7),
        token: "0x10".to_owned(),
        formats: vec![
            Format::Plain,
            Format::Compressed(3),
            Format::Split {
                lines: 5,
                header: false,
            },
            Format::Range(-5, 5),
            Format::Plain,
        ],
        limits: BTreeMap::from([(1, 2.5), (2, 300.0)]),
        sync: true,
    };
    assert_eq!(store, expected);
}

#[test]
fn variables_alone_are_a_section() {
    let document = Sources::new()
        .with_section("store")
        .with_env([
            ("CRYPTOFEED_STORE_PATH", "x"),
            ("CRYPTOFEED_STORE_SYNC", "yes"),
        ])
        .merge();
    let store: Store = document.section("store").unwrap();
    assert!(store.sync && store.path.as_os_str() == "x");
    assert!(document.into_loaded().is_ok());
}

#[test]
fn a_section_that_is_not_set_is_none_and_no_error() {
    let document = merge("proxy: direct", &[]);
    assert_eq!(document.section::<Store>("store"), None);
    assert!(document.into_loaded().is_ok());
}

#[test]
fn scalars_are_parsed_as_what_is_asked_for() {
    assert_eq!(value("'18446744073709551615'"), Ok(u64::MAX));
    assert_eq!(value("-128"), Ok(i8::MIN));
    assert_eq!(value("007"), Ok(7_u128));
    assert_eq!(value("1.10"), Ok("1.10".to_owned()));
    assert_eq!(value("0.5"), Ok(0.5_f32));
    assert_eq!(value("x"), Ok('x'));
    assert_eq!(value("OFF"), Ok(false));
    assert_eq!(value("::1"), Ok("::1".parse::<IpAddr>().unwrap()));
    assert_eq!(value("[a, 1, no]"), Ok(("a".to_owned(), 1_u8, false)));
    assert_eq!(
        value("{url: 'http://u:p@h:1', timeout_seconds: 5}"),
        proxy("http://u:p@h:1")
            .with_timeout_seconds(5)
            .map_err(|_| Vec::new())
    );
    assert_eq!(value("OKX"), Ok(ExchangeId::new("okx").unwrap()));
}

#[test]
fn what_is_wrong_is_told_without_the_value() {
    assert_eq!(
        problem::<u8>("256"),
        "expected a whole number from 0 to 255"
    );
    assert_eq!(
        problem::<i8>("s3cret"),
        "expected a whole number from -128 to 127"
    );
    for number in ["+5", "1.0", "1_000", "0x10", "''", "' 5'"] {
        assert_eq!(
            problem::<u16>(number),
            "expected a whole number from 0 to 65535"
        );
    }
    assert_eq!(problem::<f64>("s3cret"), "expected a number");
    assert_eq!(problem::<f64>("nan"), "expected a number");
    assert_eq!(
        problem::<bool>("s3cret"),
        "expected true or false, yes or no, on or off, 1 or 0"
    );
    assert_eq!(problem::<String>("[s3cret]"), "expected text, found a list");
    assert_eq!(problem::<char>("s3cret"), "expected a character");
    assert_eq!(problem::<Vec<u8>>("s3cret"), "expected a list, found text");
    assert_eq!(problem::<Store>("s3cret"), "expected a table, found text");
    assert_eq!(
        problem::<BTreeMap<String, u8>>("[1]"),
        "expected a table, found a list"
    );
    assert_eq!(problem::<(u8, u8)>("[1, 2, 3]"), "expected a list of 2");
    assert_eq!(problem::<std::num::NonZeroU8>("0"), "expected a nonzero u8");
    assert_eq!(
        problem::<Format>("pain"),
        "expected plain, compressed, split or range; did you mean `plain`?"
    );
    assert_eq!(
        problem::<Format>("{s3cret: 1}"),
        "expected plain, compressed, split or range"
    );
    assert_eq!(
        problem::<Format>("{plain: 1}"),
        "expected its name alone, as text"
    );
    assert_eq!(
        problem::<Format>("{plain: 1, compressed: 2}"),
        "expected a table of one key"
    );
    assert_eq!(
        problem::<Format>("compressed"),
        "expected newtype variant, found text"
    );
    assert_eq!(problem::<()>("s3cret"), "expected unit, found text");
}

#[test]
fn every_error_has_its_keys_and_what_set_the_value() {
    for (text, variables, expected) in [
        (
            "store: {path: x, formats: [plain, split: {lines: many}]}",
            &[][..],
            "store.formats[1].split.lines (from test.yaml:1:50): \
             expected a whole number from 0 to 4294967295",
        ),
        (
            "store: {path: x, limits: {1: 1, x: 2}}",
            &[],
            "store.limits.x (from test.yaml:1:36): expected a whole number from 0 to 255",
        ),
        (
            "store: {path: x, sync: yes}",
            &[("MYAPP_STORE_SYNC", "perhaps")],
            "store.sync (from MYAPP_STORE_SYNC): \
             expected true or false, yes or no, on or off, 1 or 0",
        ),
        (
            "store: {sync: yes}",
            &[],
            "store (from test.yaml:1:15): `path` is missing",
        ),
        (
            "store: {path: x, formats: [split: {header: yes}]}",
            &[],
            "store.formats[0].split (from test.yaml:1:35): `lines` is missing",
        ),
        (
            "store: {path: x, days: 1, keep_days: 2}",
            &[],
            "store (from test.yaml:1:24): `keep_days` is given twice, under two names",
        ),
        (
            "store: {path: }",
            &[],
            "store.path (from test.yaml:1:13): the key has no value; \
             quote it if it is text, or remove the key",
        ),
        (
            "store: {}",
            &[],
            "store: the table is empty; set a key in it, or remove it",
        ),
        (
            "store: {path: x, formats: {0: plain, 2: plain}}",
            &[],
            "store.formats (from test.yaml:1:31): \
             list indices start at 0 and have no gaps",
        ),
    ] {
        assert_eq!(
            read::<Store>(text, variables),
            Err(vec![expected.to_owned()])
        );
    }
}

#[test]
fn unknown_keys_are_told_all_at_once_and_with_what_else_is_wrong() {
    let document = merge(
        "proxy: 'ftp://u:s3cret@h:1'\nstore: {pathh: x, formats: [split: {line: 5, lines: 1}], sink: 1, path: y, sync: perhaps}",
        &[("MYAPP_STORE_KEEPDAYS", "1")],
    );
    assert_eq!(document.section::<Store>("store"), None);
    let known = "(known keys: path, days, keep_days, token, formats, limits, sync)";
    assert_eq!(
        messages(document.into_loaded()),
        [
            "proxy (from test.yaml:1:8): Unsupported proxy scheme: ftp; \
             expected http, https, socks4, socks4a, socks5 or socks5h"
                .to_owned(),
            format!("store.keepdays (from MYAPP_STORE_KEEPDAYS): unknown key; did you mean `keep_days`? {known}"),
            format!("store.pathh (from test.yaml:2:16): unknown key; did you mean `path`? {known}"),
            format!("store.sink (from test.yaml:2:64): unknown key; did you mean `sync`? {known}"),
            "store.formats[0].split.line (from test.yaml:2:43): unknown key; did you mean `lines`? (known keys: lines, header)".to_owned(),
            "store.sync (from test.yaml:2:82): expected true or false, yes or no, on or off, 1 or 0".to_owned(),
        ]
    );
}

/// A type that says by itself what is wrong.
#[derive(Debug)]
struct Wordy;

impl<'de> Deserialize<'de> for Wordy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format_args!(
            "cannot use {text:?} or {text} at all"
        )))
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
struct Whole;

impl TryFrom<BTreeMap<String, String>> for Whole {
    type Error = String;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, String> {
        Err(format!("not among {map:?}"))
    }
}

#[test]
fn what_a_type_says_by_itself_is_told_without_the_texts() {
    assert_eq!(
        problem::<Wordy>("s3cret"),
        "cannot use \"***\" or *** at all"
    );
    assert_eq!(
        problem::<Wordy>(r#"'s3"cr\et'"#),
        r#"cannot use "***" or *** at all"#
    );
    assert_eq!(problem::<Wordy>("all"), "cannot use \"all\" or all at all");
    assert_eq!(
        problem::<Whole>("{s3cret: t0psecret, b: t0psecret2}"),
        r#"not among {"b": "***", "***": "***"}"#
    );
    assert_eq!(problem::<IpAddr>("s3cret"), "invalid IP address syntax");
    let own = problem::<ProxyConfig>("{url: 'ftp://u:s3cret@h:1'}");
    assert!(
        own.starts_with("url: Unsupported proxy scheme: ftp"),
        "{own}"
    );
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, OneOrMany>,
}

#[test]
fn what_does_not_ask_for_a_type_gets_texts_lists_and_tables() {
    assert_eq!(value("0123"), Ok(OneOrMany::One("0123".to_owned())));
    let flat: Flat = read(
        "store: {name: x, a: 1.10, b: [yes, 2]}",
        &[("MYAPP_STORE_C__0", "3")],
    )
    .unwrap();
    let one = OneOrMany::One("1.10".to_owned());
    let many = OneOrMany::Many(vec!["yes".to_owned(), "2".to_owned()]);
    let by_place = OneOrMany::Many(vec!["3".to_owned()]);
    let rest = [("a", one), ("b", many), ("c", by_place)];
    assert_eq!(
        flat.rest,
        rest.map(|(key, value)| (key.to_owned(), value)).into()
    );
    assert_eq!(
        problem::<OneOrMany>("{a: s3cret}"),
        "data did not match any variant of untagged enum OneOrMany"
    );
}

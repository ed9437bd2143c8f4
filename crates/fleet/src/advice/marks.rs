//! What one collector has found, as it is written.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use transport::{Egress, HealthMark};

use super::{LONGEST, is_common};

/// What speaks against exits at one collector. As JSON,
/// `{"marks":[{"exit":"proxy.example:1080","exchange":"okx","left_ms":300000,"number":7}]}`. Without an
/// exchange, the exit itself has failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(pub(super) Vec<Entry>);

/// One mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mark: HealthMark,
    /// For how long from when it was written, at most [`LONGEST`].
    pub(super) left: Duration,
    /// That of the collector's marks: one that was made again has another.
    pub(super) number: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    marks: Vec<WrittenMark>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMark {
    exit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exchange: Option<String>,
    left_ms: u64,
    number: u64,
}

impl Marks {
    /// The most marks of one collector.
    pub const MOST: usize = 256;
    /// The most bytes of JSON.
    pub const MOST_BYTES: usize = 128 * 1_024;

    /// Parses the marks of a collector: no more than [`MOST`](Self::MOST), of proxies or addresses, for five
    /// minutes at most.
    ///
    /// # Errors
    /// [`InvalidMarks`] if `json` is something else. Nothing of it is heeded then.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidMarks> {
        if json.len() > Self::MOST_BYTES {
            return Err(InvalidMarks);
        }
        let written: Written = serde_json::from_slice(json).map_err(|_| InvalidMarks)?;
        if written.marks.len() > Self::MOST {
            return Err(InvalidMarks);
        }
        let entries = written.marks.into_iter().map(|written| {
            let exchange = written.exchange;
            if !exchange.as_deref().is_none_or(is_name) {
                return Err(InvalidMarks);
            }
            Ok(Entry {
                mark: HealthMark {
                    egress: egress(&written.exit).ok_or(InvalidMarks)?,
                    exchange,
                },
                left: Duration::from_millis(written.left_ms).min(LONGEST),
                number: written.number,
            })
        });
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// The marks as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let marks = self.0.iter().map(|entry| WrittenMark {
            exit: entry.mark.egress.to_string(),
            exchange: entry.mark.exchange.clone(),
            left_ms: u64::try_from(entry.left.as_millis()).unwrap_or(u64::MAX),
            number: entry.number,
        });
        let written = Written {
            marks: marks.collect(),
        };
        // Texts and numbers are always JSON.
        serde_json::to_string(&written).unwrap_or_default()
    }
}

/// What `text` is as an exit that is the same for all machines.
fn egress(text: &str) -> Option<Egress> {
    let egress = match text.parse::<IpAddr>() {
        Ok(address) => Egress::Address(address),
        Err(_) => Egress::Proxy(text.parse().ok()?),
    };
    is_common(&egress).then_some(egress)
}

/// Whether it is the name of an exchange, in lower case.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.')
    };
    (1..=64).contains(&text.len()) && text.bytes().all(is_part)
}

/// A text that is no [`Marks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a list of marks")]
pub struct InvalidMarks;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_were_written_and_nothing_else_is_marks() {
        for json in [
            r#"{"marks":[]}"#,
            r#"{"marks":[{"exit":"proxy.example:1080","exchange":"okx","left_ms":30000,"number":7}]}"#,
            r#"{"marks":[{"exit":"[2001:db8::1]:1080","left_ms":0,"number":8},{"exit":"192.0.2.7","left_ms":300000,"number":9}]}"#,
        ] {
            let marks = Marks::parse(json.as_bytes()).unwrap();
            assert_eq!(marks.to_json(), json);
        }
        let long = r#"{"marks":[{"exit":"a:1","left_ms":18446744073709551615,"number":1}]}"#;
        let long = Marks::parse(long.as_bytes()).unwrap();
        assert_eq!(long.0[0].left, LONGEST);

        let of_exit =
            |exit: &str| format!(r#"{{"marks":[{{"exit":"{exit}","left_ms":1,"number":1}}]}}"#);
        let of_exchange = |name: &str| {
            format!(r#"{{"marks":[{{"exit":"a:1","exchange":"{name}","left_ms":1,"number":1}}]}}"#)
        };
        let mark = r#"{"exit":"a:1","left_ms":1,"number":1}"#;
        let many = vec![mark; Marks::MOST + 1].join(",");
        for wrong in [
            "".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            format!(r#"{{"marks":[{many}]}}"#),
            of_exit("direct"),
            of_exit("eth0"),
            of_exit("127.0.0.1:1080"),
            of_exit("[::1]:1080"),
            of_exit("localhost:1080"),
            of_exit("127.0.0.1"),
            of_exit("user:secret@a:1"),
            of_exit("http://a:1"),
            of_exchange(""),
            of_exchange("Okx"),
            of_exchange("o\\nkx"),
            of_exchange(&"o".repeat(65)),
            r#"{"marks":[],"more":1}"#.to_owned(),
            format!(r#"{{"marks":[]{}}}"#, " ".repeat(Marks::MOST_BYTES)),
        ] {
            assert_eq!(Marks::parse(wrong.as_bytes()), Err(InvalidMarks), "{wrong}");
        }
    }
}

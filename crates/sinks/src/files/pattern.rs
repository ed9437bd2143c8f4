//! Which file an event belongs to.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use time::OffsetDateTime;

/// Where files are, below their folder: `{exchange}/{channel}/{date}T{hour}`.
///
/// `{channel}` is `trades`, `ticker`, `l2_book`, or `feed` for what belongs to no channel or to all.
/// `{date}` and `{hour}` are those of the receipt, UTC, such as `2024-08-08` and `23`. The name of a file has
/// more: its run, its number and its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    parts: Vec<Part>,
    /// How long a file is for, in nanoseconds.
    period_ns: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Exchange,
    Channel,
    Date,
    Hour,
}

const PLACEHOLDERS: [(&str, Part); 4] = [
    ("exchange", Part::Exchange),
    ("channel", Part::Channel),
    ("date", Part::Date),
    ("hour", Part::Hour),
];

const HOUR_NS: i64 = 3_600_000_000_000;

impl Default for FilePattern {
    fn default() -> Self {
        Self {
            parts: vec![
                Part::Exchange,
                Part::Text("/".to_owned()),
                Part::Channel,
                Part::Text("/".to_owned()),
                Part::Date,
                Part::Text("T".to_owned()),
                Part::Hour,
            ],
            period_ns: Some(HOUR_NS),
        }
    }
}

impl FilePattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`InvalidFilePattern`] if it is not a relative path without `..`, or has other placeholders.
    pub fn parse(text: &str) -> Result<Self, InvalidFilePattern> {
        let is_normal = |part: Component<'_>| matches!(part, Component::Normal(_));
        let is_path = !text.is_empty()
            && !text.ends_with('/')
            && Path::new(text).components().all(is_normal)
            && !text.chars().any(char::is_control);
        if !is_path {
            return Err(InvalidFilePattern);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(InvalidFilePattern)?;
            let mut known = PLACEHOLDERS.into_iter();
            let (_, part) = known
                .find(|(known, _)| *known == name)
                .ok_or(InvalidFilePattern)?;
            parts.extend([Part::Text(before.to_owned()), part]);
            rest = behind;
        }
        if rest.contains('}') {
            return Err(InvalidFilePattern);
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        let period_ns = match (parts.contains(&Part::Hour), parts.contains(&Part::Date)) {
            (true, _) => Some(HOUR_NS),
            (false, true) => Some(24 * HOUR_NS),
            (false, false) => None,
        };
        Ok(Self { parts, period_ns })
    }

    /// The path for what was received at that time, below the folder.
    pub(super) fn path(&self, exchange: &str, channel: &str, received_ns: i64) -> PathBuf {
        let time = OffsetDateTime::from_unix_timestamp_nanos(received_ns.into())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Exchange => path.push_str(exchange),
                Part::Channel => path.push_str(channel),
                Part::Date => path.push_str(&time.date().to_string()),
                Part::Hour => path.push_str(&format!("{:02}", time.hour())),
            }
        }
        path.into()
    }

    /// Whether channels have files of their own. Exchanges always have: a file has the events of one run.
    pub(super) fn is_by_channel(&self) -> bool {
        self.parts.contains(&Part::Channel)
    }

    /// The number of the period that a time is in.
    pub(super) fn period(&self, time_ns: i64) -> i64 {
        self.period_ns
            .map_or(0, |period| time_ns.div_euclid(period))
    }
}

impl FromStr for FilePattern {
    type Err = InvalidFilePattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for FilePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Exchange => f.write_str("{exchange}")?,
                Part::Channel => f.write_str("{channel}")?,
                Part::Date => f.write_str("{date}")?,
                Part::Hour => f.write_str("{hour}")?,
            }
        }
        Ok(())
    }
}

/// Text that is no [`FilePattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a relative path of names and {{exchange}}, {{channel}}, {{date}} and {{hour}}")]
pub struct InvalidFilePattern;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_the_file_of_an_event() {
        let ns = 1_723_161_254_024_619_568;
        let default = FilePattern::default();
        assert_eq!(default.to_string().parse(), Ok(default.clone()));
        let path = default.path("binance", "trades", ns);
        assert_eq!(path, Path::new("binance/trades/2024-08-08T23"));
        let daily = FilePattern::parse("all/{date}").unwrap();
        let path = daily.path("binance", "trades", ns);
        assert_eq!(path, Path::new("all/2024-08-08"));
        assert_eq!(daily.period(ns), daily.period(ns - 23 * HOUR_NS));
        assert_ne!(default.period(ns), default.period(ns + HOUR_NS / 10));
        assert_eq!(FilePattern::parse("one").unwrap().period(ns), 0);
    }

    #[test]
    fn no_pattern_leads_out_of_the_folder() {
        for text in [
            "", "/x", "../x", "a/../b", "a/", "{symbol}", "{hour", "hour}", "a\nb", ".", "./a",
        ] {
            assert_eq!(
                FilePattern::parse(text),
                Err(InvalidFilePattern),
                "{text:?}"
            );
        }
    }
}

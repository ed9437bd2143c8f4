//! YAML, read so that every scalar keeps its text.
//!
//! A password such as `0123` or `1.10` must not become a number, so this module uses the events of
//! the parser, where scalars have no type yet. Only an empty value (`~`, `null`, no text at all) is
//! distinguished from text.
//!
//! In a login or a header without quotes, YAML reads `#` as a comment and `&` as an anchor, and silently drops
//! a part of it. If that may have happened, the text is refused.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use config::{Map, Value, ValueKind};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::fault::{DEPTH, Fault, Place, TOO_DEEP, given_twice};
use super::lines::Lines;
use super::values::Values;
use crate::keys::is_login;
use crate::keys::names::HEADERS;
use crate::origin::Origin;
use crate::proxy_url::ProxyUrl;

const UNUSED_ANCHOR: &str =
    "the anchor (&) is used nowhere; quote the value if it begins with an ampersand";

const LINES: &str = "a block of lines has line breaks in it; write the value in quotes";

const COMMENT: &str = "a comment (#) follows, which is no part of the value; quote the value if it \
                       is, or give the comment a line of its own";

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        // Where the message quotes the text, it does so at its end and after a backtick.
        let (problem, _) = error.info().split_once(": `").unwrap_or((error.info(), ""));
        Self::new(place(*error.marker()), problem)
    }
}

fn place(marker: Marker) -> Place {
    (marker.line(), marker.col() + 1)
}

/// Parses a text of one document into `values`.
pub(super) fn parse(
    text: &str,
    values: Values<'_, impl Fn(Place) -> Origin>,
) -> Result<Value, Fault> {
    let mut document = YamlReader {
        lines: Lines::new(text),
        parser: Parser::new_from_str(text),
        values,
        anchors: HashMap::new(),
        unused: BTreeMap::new(),
        is_in_headers: false,
    };
    document.parse()
}

struct YamlReader<'a, 'v, O> {
    lines: Lines<'a>,
    parser: Parser<'a, StrInput<'a>>,
    values: Values<'v, O>,
    anchors: HashMap<usize, Value>,
    /// The anchors of logins that no alias has referred to so far, and where they are.
    unused: BTreeMap<usize, Place>,
    is_in_headers: bool,
}

impl<'a, O: Fn(Place) -> Origin> YamlReader<'a, '_, O> {
    fn parse(&mut self) -> Result<Value, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                _ if root.is_some() => {
                    return Err(Fault::new(place(span.start), "expected a single document"));
                }
                event => root = Some(self.value(event, span, DEPTH)?),
            }
        }
        match self.unused.first_key_value() {
            Some((_, place)) => Err(Fault::new(*place, UNUSED_ANCHOR)),
            None => Ok(root.unwrap_or_default()),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        let end = || Ok((Event::StreamEnd, Span::default()));
        Ok(self.parser.next_event().unwrap_or_else(end)?)
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, Fault> {
        let at = place(span.start);
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::new(at, TOO_DEEP));
        };
        let (anchor, tag, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if style == ScalarStyle::Plain && self.is_cut_url(&text, span) {
                    return Err(Fault::new(at, COMMENT));
                }
                let is_nothing = match style {
                    ScalarStyle::Plain => {
                        matches!(&*text, "" | "~" | "null" | "Null" | "NULL")
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => text.trim().is_empty(),
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => false,
                };
                let kind = if is_nothing {
                    ValueKind::Nil
                } else {
                    ValueKind::String(text.into_owned())
                };
                (anchor, tag, kind)
            }
            Event::SequenceStart(anchor, tag) => (anchor, tag, self.sequence(depth)?),
            Event::MappingStart(anchor, tag) => (anchor, tag, self.mapping(depth)?),
            Event::Alias(anchor) => {
                self.unused.remove(&anchor);
                // With the place of the anchor, which is where the text is.
                let value = self.anchors.get(&anchor);
                let value = value.ok_or_else(|| Fault::new(at, "an alias within its anchor"))?;
                return self.values.copy(at, value);
            }
            _ => return Err(Fault::new(at, "expected a value")),
        };
        // A tag would give the text another meaning, such as `!!int`, which nothing here applies.
        if tag.is_some() {
            return Err(Fault::new(at, "tags (!) have no meaning here"));
        }
        let value = self.values.value(at, kind)?;
        // 0 stands for no anchor.
        if anchor > 0 {
            self.anchors.insert(anchor, self.values.copy(at, &value)?);
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<ValueKind, Fault> {
        let mut values = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(ValueKind::Array(values)),
                (event, span) => values.push(self.value(event, span, depth)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<ValueKind, Fault> {
        let mut table = Map::new();
        loop {
            let (key, at) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(ValueKind::Table(table)),
                (Event::Scalar(key, style, _, None), span) => {
                    // In quotes it is a key like any other, and so unknown.
                    if key == "<<" && style == ScalarStyle::Plain {
                        return Err(Fault::new(
                            place(span.start),
                            "merge keys (<<) are not supported",
                        ));
                    }
                    (key.into_owned(), place(span.start))
                }
                (_, span) => {
                    return Err(Fault::new(place(span.start), "expected a key that is text"));
                }
            };
            let (event, span) = self.next()?;
            if is_login(&key) || self.is_in_headers {
                self.check_login(&event, span)?;
            }
            let outer = mem::replace(&mut self.is_in_headers, key == HEADERS);
            let value = self.value(event, span, depth)?;
            self.is_in_headers = outer;
            // YAML forbids this, but the parser leaves the check to its user.
            if table.contains_key(&key) {
                return Err(Fault::new(at, given_twice(&key)));
            }
            table.insert(key, value);
        }
    }

    /// Whether the text is the beginning of a proxy's URL, the rest of which is a comment to YAML:
    /// `http://u:p #w@host:1`.
    fn is_cut_url(&self, text: &str, span: Span) -> bool {
        if !text.contains("://") || text.contains('@') || ProxyUrl::parse(text).is_ok() {
            return false;
        }
        let behind = self.lines.behind(span.end.line(), span.end.col());
        let mut words = behind.split_whitespace();
        let is_rest = |word: &str| word.starts_with('#') && word.contains('@');
        words.next().is_some_and(is_rest)
    }

    /// Refuses a user name, a password or the value of a header if YAML may have dropped a part of it.
    fn check_login(&mut self, event: &Event<'a>, span: Span) -> Result<(), Fault> {
        let Event::Scalar(text, style, anchor, _) = event else {
            return Ok(());
        };
        // `&secret` alone leaves an empty value, which is reported anyway.
        if *anchor > 0 && !text.is_empty() {
            self.unused.insert(*anchor, place(span.start));
        }
        // In quotes, a `#` is a part of the value, and a comment after it is harmless.
        let behind = self.lines.behind(span.end.line(), span.end.col());
        let is_commented = behind.trim_start().starts_with('#');
        if is_commented && *style == ScalarStyle::Plain {
            return Err(Fault::new(place(span.start), COMMENT));
        }
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if is_block && text.contains('\n') {
            return Err(Fault::new(place(span.start), LINES));
        }
        Ok(())
    }
}

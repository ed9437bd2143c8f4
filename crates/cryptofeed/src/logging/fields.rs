//! The fields of log lines.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use transport::{chain, printable};

/// Writes fields as [`printable`], so that no value can add a line or a look of its own: text in
/// quotes, all other values as they are.
// The formatter of `tracing-subscriber` escapes control characters of terminals, but no newlines, in
// values that are not text.
pub(super) struct PrintableFields;

impl<'a> FormatFields<'a> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_empty: true,
            written: Ok(()),
        };
        fields.record(&mut line);
        line.written
    }
}

struct Line<'a> {
    writer: Writer<'a>,
    is_empty: bool,
    written: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: impl Display) -> fmt::Result {
        if !std::mem::take(&mut self.is_empty) {
            self.writer.write_char(' ')?;
        }
        let value = printable(value);
        match (field.name(), self.writer.has_ansi_escapes()) {
            ("message", _) => write!(self.writer, "{value}"),
            (name, true) => write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
            (name, false) => write!(self.writer, "{name}={value}"),
        }
    }

    fn record(&mut self, field: &Field, value: impl Display) {
        if self.written.is_ok() {
            self.written = self.write(field, value);
        }
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record(field, value),
            // Not as `Debug` writes it: it would escape a second time what an error has escaped.
            _ => self.record(field, format_args!("\"{}\"", value.replace('"', "\\\""))),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &chain(value).to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(ansi: bool, log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(PrintableFields)
            .with_writer(move || writer.clone())
            .with_ansi(ansi)
            .without_time()
            .with_target(false)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let text = written.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn no_value_adds_a_line_in_whatever_way_it_is_logged() {
        const FORGED: &str = "busy\n\x1b[2J\u{9b}\u{2028}\u{202e}2026-01-01 INFO all is well";
        const SHOWN: &str = r"busy\n\u{1b}[2J\u{9b}\u{2028}\u{202e}2026-01-01 INFO all is well";
        let error = io::Error::other(FORGED);
        let error: &(dyn Error + 'static) = &error;
        let line = logged(false, || {
            tracing::warn!(a = FORGED, b = %FORGED, c = ?[FORGED], d = error, "told: {FORGED}");
        });
        assert_eq!(
            line,
            format!(" WARN told: {SHOWN} a=\"{SHOWN}\" b={SHOWN} c=[\"{SHOWN}\"] d=\"{SHOWN}\"\n")
        );
    }

    #[test]
    fn what_an_error_has_escaped_is_not_escaped_again() {
        let reason = printable("status 418 I'm a \"teapot\"\n").to_string();
        let line = logged(false, || {
            tracing::warn!(reason, attempt = 1, "disconnected");
        });
        assert_eq!(
            line,
            " WARN disconnected reason=\"status 418 I'm a \\\"teapot\\\"\\n\" attempt=1\n"
        );
    }

    #[test]
    fn on_a_terminal_only_the_names_have_a_look_of_their_own() {
        let line = logged(true, || tracing::warn!(reason = "\x1b[2J", "disconnected"));
        assert!(
            line.ends_with("disconnected \x1b[3mreason\x1b[0m\x1b[2m=\x1b[0m\"\\u{1b}[2J\"\n"),
            "{line:?}"
        );
    }
}

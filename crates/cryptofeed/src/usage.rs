//! A command line that is not understood.

use std::borrow::Cow;
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::configuration::FILE_VARIABLE;
use crate::logging;

/// What takes the place of what may be a login.
const HIDDEN: &str = "***";

const UNPRINTABLE: &str = "error: the command line has control characters\n";

/// Tells the user what is wrong, or what `--help` and `--version` ask for, and what to exit with.
/// A proxy's URL that was put in the wrong place is not repeated.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    // Where standard error is closed, the exit code alone has to tell.
    let _ = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.print(),
        _ => {
            let message = error.render().to_string();
            match sealed(&message, &given()) {
                Cow::Borrowed(text) if text == message => error.print(),
                sealed => io::stderr().write_all(sealed.as_bytes()),
            }
        }
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
}

/// Whether a text may be a login, a login at a host, or a URL with one: it has one of the signs that
/// stand between their parts, as they are or in percent. What a terminal would not print is not
/// repeated either.
pub(crate) fn may_hold_login(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has_sign = [":", "@", "%3a", "%40"]
        .iter()
        .any(|sign| lower.contains(sign));
    has_sign || text.contains(char::is_control)
}

/// What was given on the command line and by the variables that take the place of arguments.
fn given() -> Vec<String> {
    let variables = [FILE_VARIABLE, logging::VARIABLE]
        .into_iter()
        .filter_map(env::var_os);
    let given = env::args_os().skip(1).chain(variables);
    given
        .map(|text| text.to_string_lossy().into_owned())
        .collect()
}

/// The message without those of the `given` texts that may hold a login, and without parts of them.
fn sealed<'a>(message: &'a str, given: &[String]) -> Cow<'a, str> {
    if given.iter().any(|text| text.contains(char::is_control)) {
        // What is printed of it is not what was given.
        return Cow::Borrowed(UNPRINTABLE);
    }
    let mut secrets: Vec<&str> = Vec::new();
    for text in given.iter().filter(|text| may_hold_login(text)) {
        secrets.push(text);
        // What is before a `=` is quoted by itself as well, unless it is the name of an argument.
        let parts = text.split_once('=').map(|(name, value)| [name, value]);
        secrets.extend(parts.into_iter().flatten().filter(|part| !is_name(part)));
    }
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut message = Cow::Borrowed(message);
    for secret in secrets {
        if message.contains(secret) {
            message = Cow::Owned(message.replace(secret, HIDDEN));
        }
    }
    message
}

/// Whether a text is what arguments are called.
fn is_name(text: &str) -> bool {
    let name = text.strip_prefix("--").unwrap_or_default();
    text.is_empty()
        || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(message: &str, given: &[&str]) -> String {
        let given: Vec<_> = given.iter().map(ToString::to_string).collect();
        sealed(message, &given).into_owned()
    }

    #[test]
    fn what_may_be_a_login_is_hidden_wherever_it_stands() {
        let url = "socks5h://alice:s3c=ret@h:1";
        for (message, given) in [
            (
                format!("invalid value '{url}' for '--duration'"),
                url.to_owned(),
            ),
            (
                format!("unexpected value '{url}' for '--json'"),
                format!("--json={url}"),
            ),
            (format!("unexpected argument '{url}' found"), url.to_owned()),
            (
                "unexpected argument 'alice:s3c' found".to_owned(),
                "alice:s3c=ret@h".to_owned(),
            ),
            (
                "unexpected argument '--alice:s3c' found".to_owned(),
                "--alice:s3c=ret@h".to_owned(),
            ),
        ] {
            let shown = seal(&message, &[&given]);
            assert!(!shown.contains("s3c") && shown.contains(HIDDEN), "{shown}");
        }
    }

    #[test]
    fn other_arguments_are_quoted() {
        let message = "unexpected argument '--confg' found";
        assert_eq!(seal(message, &["--confg=socks5h://u:p@h:1"]), message);
        assert_eq!(seal(message, &["--confg", "a.yaml", ""]), message);
    }
}

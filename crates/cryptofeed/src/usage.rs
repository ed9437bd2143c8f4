//! Errors in the command line.

use std::borrow::Cow;
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};
use proxy_config::nearest;

use crate::cli::Cli;
use crate::configuration::FILE_VARIABLE;
use crate::logging;

/// The text that replaces a possible login.
const HIDDEN: &str = "***";

const UNPRINTABLE: &str = "error: the command line has control characters\n";

/// Prints the error, or the text of `--help` and `--version`, and returns the exit code. A proxy's
/// URL in the wrong place is not repeated.
pub(crate) fn report(mut error: clap::Error) -> ExitCode {
    if let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) {
        let given = given.clone();
        if matches!(given.as_str(), "-h" | "--help") {
            // `help --help`, which is no command to clap.
            error = Cli::command().error(ErrorKind::DisplayHelp, Cli::command().render_help());
        } else if error.get(ContextKind::SuggestedSubcommand).is_none() {
            suggest(&mut error, &given);
        }
    }
    // If standard error is closed, the exit code is the only report.
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

/// Adds the command that may be meant, where clap has no suggestion.
fn suggest(error: &mut clap::Error, given: &str) {
    let command = Cli::command();
    let names = command.get_subcommands().map(Command::get_name);
    if let Some(meant) = nearest(given, names) {
        let meant = ContextValue::Strings(vec![meant.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, meant);
    }
}

/// Whether a text may contain a login: it has one of the delimiters of a URL with a login, raw or
/// percent-encoded. Text with control characters counts as well.
pub(crate) fn may_hold_login(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has_sign = [":", "@", "%3a", "%40"]
        .iter()
        .any(|sign| lower.contains(sign));
    has_sign || text.contains(char::is_control)
}

/// The arguments, and the variables that replace arguments.
fn given() -> Vec<String> {
    let variables = [FILE_VARIABLE, logging::VARIABLE, logging::FORMAT_VARIABLE]
        .into_iter()
        .filter_map(env::var_os);
    let given = env::args_os().skip(1).chain(variables);
    given
        .map(|text| text.to_string_lossy().into_owned())
        .collect()
}

/// The message without the `given` texts that may contain a login, and without parts of them.
fn sealed<'a>(message: &'a str, given: &[String]) -> Cow<'a, str> {
    if given.iter().any(|text| text.contains(char::is_control)) {
        // The message may show them in another form, so that the text would not be found in it.
        return Cow::Borrowed(UNPRINTABLE);
    }
    let mut secrets: Vec<&str> = Vec::new();
    for text in given.iter().filter(|text| may_hold_login(text)) {
        secrets.push(text);
        // Clap also quotes the parts of `name=value`. The name of an argument is harmless.
        let parts = text.split_once('=').map(|(name, value)| [name, value]);
        secrets.extend(parts.into_iter().flatten().filter(|part| !is_name(part)));
    }
    // The longest first: a part that is replaced earlier would leave the rest of the whole.
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut message = Cow::Borrowed(message);
    for secret in secrets {
        if message.contains(secret) {
            message = Cow::Owned(message.replace(secret, HIDDEN));
        }
    }
    message
}

/// Whether a text is the name of an argument.
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

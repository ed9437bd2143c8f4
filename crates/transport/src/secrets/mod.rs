//! What no quotation of outside text may hold.

mod forms;
mod readings;
mod spelling;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;

use http::Response;

use self::forms::Form;
use self::readings::Readings;
use crate::connection::ConnectionInfo;
use crate::error::BoxError;
use crate::reply::Excerpt;

/// What stands in place of a text that holds a secret.
const HIDDEN: &str = "***";

/// How much of a text is searched for what begins in its quotation.
// A secret that begins in the quotation may end behind it, and would be known by what is shown.
const SEARCHED: usize = 2 * Excerpt::MAX;

/// The most bytes of a text that are searched as a whole. What is longer is hidden.
const LONGEST: usize = 64 * 1024;

/// The logins of a route and the headers for its proxies, to be looked for in whatever comes from outside before it is printed: a
/// proxy may repeat what it was sent, and what it says may stand in place of an exchange's answer.
///
/// Found are user names, passwords, and the two joined by a colon:
/// - in any case;
/// - as they are, in Base64 (of both alphabets, padded or not, also inside something longer), and in
///   hexadecimal digits;
/// - with any of their characters escaped as in URLs, HTML, JSON or source code, in UTF-8 or Latin-1,
///   and what escapes them escaped again;
/// - cut off at the end of the text, from four characters on;
/// - in part, from six characters in a row on;
/// - across the chunks of a body (RFC 9112, section 7.1).
///
/// A text that holds one is hidden as a whole: what is left of it would tell a short secret by its
/// gaps, and may repeat it in a form that nobody thought of. So a login of one character, which
/// cannot be told from the words around it, hides nearly every text.
///
/// Cheap to clone. `Debug` shows nothing of it.
///
/// ```
/// let secrets = transport::Secrets::of_login(b"alice", b"s3cret");
/// assert_eq!(secrets.quote(b"not you, Al").as_str(), "not you, Al");
/// assert_eq!(secrets.quote(b"not you, A%4Cice").as_str(), "***");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(
    /// In order.
    Arc<[Form]>,
);

/// What is left of a body in chunks without the lines that say how long each is.
fn without_chunk_heads(text: &[u8]) -> Vec<u8> {
    // `1a3` and a line break. Short, so that a line of digits in the body is not taken for one.
    let is_head = |line: &[u8]| {
        let digits = line.trim_ascii();
        !digits.is_empty() && digits.len() <= 8 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').peekable();
    let mut body = Vec::with_capacity(text.len());
    while let Some(line) = lines.next() {
        if is_head(line) {
            continue;
        }
        // The line break before a head belongs to the chunk's frame.
        let is_framed = lines.peek().is_some_and(|next| is_head(next));
        body.extend(if is_framed {
            line.trim_ascii_end()
        } else {
            line
        });
    }
    body
}

impl Secrets {
    /// The secrets of one login. What is empty is none.
    #[must_use]
    pub fn of_login(username: &[u8], password: &[u8]) -> Self {
        Self(forms::of_login(username, password).into_iter().collect())
    }

    /// A secret by itself, such as the value of a header for a proxy. What is empty is none.
    #[must_use]
    pub fn of_text(secret: &[u8]) -> Self {
        Self(forms::of_text(secret).into_iter().collect())
    }

    /// The [secrets](ConnectionInfo::secrets) of the way that `response` came, which its extensions
    /// tell if the transport has put a [`ConnectionInfo`] there.
    #[must_use]
    pub fn of_way<T>(response: &Response<T>) -> Self {
        let info = response.extensions().get::<ConnectionInfo>();
        info.map(|info| info.secrets().clone()).unwrap_or_default()
    }

    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        if others.is_empty() || Arc::ptr_eq(&self.0, &others.0) {
            return self.clone();
        }
        if self.is_empty() {
            return others.clone();
        }
        let all: BTreeSet<_> = self.0.iter().chain(&*others.0).collect();
        Self(all.into_iter().cloned().collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The beginning of `text`, or `***` if a secret begins in it.
    #[must_use]
    pub fn quote(&self, text: &[u8]) -> Excerpt {
        let searched = text.get(..SEARCHED).unwrap_or(text);
        let joined = without_chunk_heads(searched);
        // Both ways: what looks like the head of a chunk may be a part of a password.
        let hides = |text: &[u8]| self.begin_in(text, Excerpt::MAX);
        if hides(searched) || (joined != searched && hides(&joined)) {
            Excerpt::of(HIDDEN.as_bytes())
        } else {
            Excerpt::of(text)
        }
    }

    /// `text` as it is, or `***` if it holds a secret.
    #[must_use]
    pub fn seal_text(&self, text: String) -> String {
        if self.begin_in(text.as_bytes(), text.len()) {
            HIDDEN.to_owned()
        } else {
            text
        }
    }

    /// `error` as it is, or one that says `***` if it, or a cause of it, would print a secret: the
    /// peer's certificate is quoted in errors of TLS, for example.
    #[must_use]
    pub fn seal(&self, error: impl Into<BoxError>) -> BoxError {
        let error = error.into();
        if self.is_empty() {
            return error;
        }
        let printed = printed(&*error);
        if self.begin_in(printed.as_bytes(), printed.len()) {
            Sealed.into()
        } else {
            error
        }
    }

    /// Whether a secret begins among the first `starts` bytes of `text`, or may, for all that can be
    /// found out.
    fn begin_in(&self, text: &[u8], starts: usize) -> bool {
        if self.is_empty() || text.is_empty() {
            return false;
        }
        let readings = (text.len() <= LONGEST).then(|| Readings::of(text));
        match readings.flatten() {
            Some(readings) => spelling::is_spelled(&self.0, &readings, starts),
            None => true,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "Secrets(none)"
        } else {
            "Secrets(***)"
        })
    }
}

/// An error that must not be printed.
#[derive(Debug, thiserror::Error)]
#[error("{HIDDEN}")]
struct Sealed;

/// All that `error` and its causes can print.
fn printed(error: &(dyn Error + 'static)) -> String {
    let mut printed = String::new();
    for cause in std::iter::successors(Some(error), |cause| (*cause).source()) {
        // A string takes everything.
        let _ = writeln!(printed, "{cause}\n{cause:?}");
    }
    printed
}

#[cfg(test)]
mod tests;

//! Secrets that sing wherever they turn up.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// So much of a secret must not show either.
const BEGINNING: usize = 6;

/// What a URL has to escape and nothing else, as people write it.
const USERINFO: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'/').add(b':').add(b'@');

/// A user name or a password that no output may show: neither as it is, nor in another form, nor a
/// beginning of it.
///
/// Its first six characters, and its longest part in ASCII, should not turn up by themselves.
///
/// ```
/// let canary = testkit::Canary::new("Qkanarie/ü");
/// assert_eq!(canary.form_in("before QKANARI after"), Some("qkanar"));
/// assert_eq!(canary.form_in("before *** after"), None);
/// ```
#[derive(Debug, Clone)]
pub struct Canary {
    /// In lower case.
    forms: Vec<String>,
}

impl Canary {
    /// The forms of one secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let beginning: String = secret.chars().take(BEGINNING).collect();
        let bytes = beginning.as_bytes();
        let in_ascii = secret.split(|c: char| !c.is_ascii());
        let mut forms = vec![
            // What a printer of bytes does not escape.
            in_ascii
                .max_by_key(|part| part.len())
                .unwrap_or_default()
                .to_owned(),
            utf8_percent_encode(secret, USERINFO).to_string(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            BASE64_STANDARD.encode(secret),
            BASE64_STANDARD_NO_PAD.encode(secret),
            BASE64_URL_SAFE.encode(secret),
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
            // With it all longer forms that begin alike, such as those with escapes of any kind.
            beginning.clone(),
        ];
        // Three bytes make four digits, so these do not depend on what follows, and in one of the
        // three cases not on what stands before.
        let bytes = secret.as_bytes();
        let parts = (0..3).filter_map(|skipped| bytes.get(skipped..skipped + BEGINNING));
        forms.extend(parts.map(|part| BASE64_STANDARD.encode(part)));
        forms.retain(|form| form.len() >= BEGINNING);
        Self {
            forms: forms.into_iter().map(|form| form.to_lowercase()).collect(),
        }
    }

    /// The forms of a login: of its parts, and of both together as HTTP's Basic scheme sends them.
    #[must_use]
    pub fn of_login(user: &str, password: &str) -> Self {
        let both = [
            user.to_owned(),
            password.to_owned(),
            format!("{user}:{password}"),
            format!("{user}:"),
        ];
        Self {
            forms: both
                .iter()
                .flat_map(|secret| Self::new(secret).forms)
                .collect(),
        }
    }

    /// The first form, in lower case, that `text` shows in any case.
    #[must_use]
    pub fn form_in(&self, text: &str) -> Option<&str> {
        let text = text.to_lowercase();
        let found = self.forms.iter().find(|form| text.contains(form.as_str()));
        found.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "Qkanarie@/%ü";
    const PASSWORD: &str = "Zvögel@/:%ß☂";

    #[test]
    fn a_secret_is_found_in_any_form() {
        let login = Canary::of_login(USER, PASSWORD);
        let basic = format!("{USER}:{PASSWORD}");
        for secret in [USER, PASSWORD, &basic] {
            for shown in [
                secret.to_owned(),
                secret.to_uppercase(),
                format!("{secret:?}"),
                secret.as_bytes().escape_ascii().to_string(),
                format!("{:?}", secret.as_bytes()),
                utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
                utf8_percent_encode(secret, USERINFO)
                    .to_string()
                    .to_lowercase(),
                BASE64_STANDARD.encode(secret),
                BASE64_URL_SAFE.encode(secret),
                BASE64_STANDARD.encode(format!("a{secret}b")),
                BASE64_STANDARD.encode(format!("ab{secret}c")),
                secret.chars().take(BEGINNING).collect(),
            ] {
                let text = format!("before {shown} after");
                assert!(login.form_in(&text).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn other_text_is_none() {
        let login = Canary::of_login(USER, PASSWORD);
        let text = "http://***@proxy.example:8080 Basic dXNlcjpwYXNz [1, 2, 3] %40%2F";
        assert_eq!(login.form_in(text), None);
    }
}
